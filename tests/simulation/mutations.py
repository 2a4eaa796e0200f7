"""Bugs, each planted in the running code for as long as its context lasts. The simulation has to notice every one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec

from functions.adapters import dynamodb_state, dynamodb_state_items
from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore
from functions.domain import state as states
from functions.domain.presence import Presence, Status
from functions.domain.state import DeviceState
from functions.errors import PartialWriteError
from functions.handlers import ingest as ingest_handler

Planted = Callable[[], AbstractContextManager[Any]]


class Mutation(NamedTuple):
    """`first` is the seed at which to begin to look: where it was noticed the last time that somebody looked."""

    planted: Planted
    first: int = 0


MUTATIONS: dict[str, Mutation] = {}


def mutation(planted: Planted) -> Planted:
    return _register(planted, 0)


def rare(first: int) -> Callable[[Planted], Planted]:
    """A bug that few seeds bring to light."""
    return lambda planted: _register(planted, first)


def _register(planted: Planted, first: int) -> Planted:
    MUTATIONS[planted.__name__.replace("_", " ")] = Mutation(planted, first)
    return planted


@mutation
def the_state_is_saved_without_its_condition() -> AbstractContextManager[Any]:
    def unconditional(*args: Any) -> dict[str, Any]:
        request = dynamodb_state_items.written(*args)
        del request["ConditionExpression"]
        request["ExpressionAttributeValues"].pop(":read", None)
        return request

    return patch.object(dynamodb_state, "written", unconditional)


@mutation
def messages_that_were_seen_count_again() -> AbstractContextManager[Any]:
    return patch.object(DeviceState, "has_seen", lambda _self, _boot, _seq: False)


@mutation
def messages_are_acknowledged_before_they_are_stored() -> AbstractContextManager[Any]:
    return patch.object(ingest_handler, "failures", lambda _failed: {"batchItemFailures": []})


@mutation
def late_points_move_the_last_value() -> AbstractContextManager[Any]:
    merged = states.merged

    def moved(latest: Any, points: Any, unmodeled: Any) -> Any:
        some = [msgspec.structs.replace(one, late=False) for one in points]
        known = {one.metric for one in some if one.metric in latest and one.ts < latest[one.metric].ts}
        return merged({metric: last for metric, last in latest.items() if metric not in known}, some, unmodeled)

    return patch.object(states, "merged", moved)


@mutation
def chunks_that_were_not_written_are_forgotten() -> AbstractContextManager[Any]:
    write = DynamoDBTelemetryStore.write

    def forgets(self: Any, points: Any) -> Any:
        try:
            return write(self, points)
        except PartialWriteError as exc:
            return list(exc.rejected)

    return patch.object(DynamoDBTelemetryStore, "write", forgets)


@mutation
def what_is_quarantined_again_is_counted_again() -> AbstractContextManager[Any]:
    kept, marked = DynamoDBQuarantine._kept, DynamoDBQuarantine._marked

    def unconditional(part: Any) -> Callable[..., Any]:
        def made(self: Any, entry: Any) -> Any:
            put = part(self, entry)["Put"]
            return {"Put": {"TableName": put["TableName"], "Item": put["Item"]}}

        return made

    return patch.multiple(DynamoDBQuarantine, _kept=unconditional(kept), _marked=unconditional(marked))


@rare(14)
def the_end_of_an_older_session_takes_the_device_offline() -> AbstractContextManager[Any]:
    observed = Presence.observed

    def hasty(self: Presence, event: Any) -> Presence:
        after = observed(self, event)
        if event.disconnected_at is None:
            return after
        return msgspec.structs.replace(after, status=Status.OFFLINE, since=event.disconnected_at)

    return patch.object(Presence, "observed", hasty)
