"""The state table: one item a device. Ingest owns version, latest, stream and counters; presence owns `presence`; the
quarantine owns `quarantined`.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from functions.adapters.aws import conditional_update, side_by_side, wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_device_rows import sharded, status_partition
from functions.adapters.dynamodb_items import Item, attribute_value, batch_get, number, value_attribute
from functions.domain.presence import Presence, Session, Status
from functions.domain.state import WINDOW, Boot, Change, Counters, DeviceState, Latest, Saved
from functions.domain.status import DeviceStatus
from functions.errors import StateError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_OWN = ("pk", "version", "latest", "stream", "counters")
_ALL = (*_OWN, "presence", "quarantined")
_SK = "STATE"
_sessions = msgspec.json.Decoder(tuple[Session, ...])


def state_key(thing: str) -> Item:
    return {"pk": {"S": f"DEVICE#{thing}"}, "sk": {"S": _SK}}


class DynamoDBStateStore:
    """`token` makes a mark for each write, by which a write is recognised whose answer was lost on the way."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        *,
        backoff: Backoff | None = None,
        token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._client = client
        self._table = table
        self._backoff = backoff or Backoff()
        self._token = token

    def read(self, things: Iterable[str]) -> dict[str, DeviceState]:
        states = {thing: DeviceState() for thing in things}
        for thing, item in _items(self._client, self._table, states, _OWN, self._backoff, consistent=True):
            states[thing] = _state(item)
        return states

    def statuses(self, things: Iterable[str]) -> dict[str, DeviceStatus]:
        found = _items(self._client, self._table, things, _ALL, self._backoff, consistent=False)
        return {thing: DeviceStatus(_state(item), presence_of(item), quarantine_counts(item)) for thing, item in found}

    def save(self, changes: Mapping[str, Change]) -> Saved:
        conflicts: set[str] = set()
        failed: dict[str, str] = {}

        def save(thing: str) -> None:
            try:
                if not self._save(thing, changes[thing].state):
                    conflicts.add(thing)
            except StateError as exc:
                failed[thing] = str(exc)

        side_by_side(save, changes)
        return Saved(frozenset(conflicts), failed)

    def _save(self, thing: str, state: DeviceState) -> bool:
        """False when the version has moved."""
        token = self._token()
        counters = {name: number(count) for name, count in msgspec.structs.asdict(state.counters).items()}
        sets = {
            "#version": number(state.version + 1),
            "#latest": {"M": {metric: _latest_item(latest) for metric, latest in state.latest.items()}},
            "#stream": {"L": [_boot_item(boot) for boot in state.boots]},
            "#writer": {"S": token},
        }
        names = {name: name[1:] for name in (*sets, "#counters")}
        values: Item = {}
        if state.version:
            condition = "#version = :read"
            values[":read"] = number(state.version)
            # One by one, so that a counter which only another version of this code knows stays.
            sets |= {f"#counters.#{name}": count for name, count in counters.items()}
            names |= {f"#{name}": name for name in counters}
        else:
            condition = "attribute_not_exists(#version)"
            sets["#counters"] = {"M": counters}
        values |= {f":v{at}": value for at, value in enumerate(sets.values())}
        refusal = conditional_update(
            self._client,
            StateError,
            f"writing the state of {thing}",
            TableName=self._table,
            Key=state_key(thing),
            UpdateExpression="SET " + ", ".join(f"{path} = :v{at}" for at, path in enumerate(sets)),
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        # botocore repeats a call whose answer was lost; then it is our own write that stands in the way.
        return refusal is None or refusal.item.get("writer") == {"S": token}


class DynamoDBPresenceStore:
    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, thing: str) -> Presence:
        with wrapped(StateError, f"reading the presence of {thing}"):
            answer = self._client.get_item(
                TableName=self._table,
                Key=state_key(thing),
                ConsistentRead=True,
                ProjectionExpression="#presence",
                ExpressionAttributeNames={"#presence": "presence"},
            )
        return presence_of(dict(answer.get("Item", {})))

    def save(self, thing: str, presence: Presence) -> bool:
        item: Item = {
            "revision": number(presence.revision + 1),
            "status": {"S": presence.status.value},
            "sessions": {"S": msgspec.json.encode(presence.sessions).decode()},
        }
        if presence.since is not None:
            item["since"] = number(presence.since)
        if presence.reason is not None:
            item["reason"] = {"S": presence.reason}
        values: Item = {":presence": {"M": item}, ":spk": {"S": sharded(status_partition(presence.status), thing)}}
        names = {"#presence": "presence", "#spk": "spk"}
        condition = "attribute_not_exists(#presence)"
        if presence.revision:
            condition = "#presence.#revision = :read"
            names["#revision"] = "revision"
            values[":read"] = number(presence.revision)
        refusal = conditional_update(
            self._client,
            StateError,
            f"writing the presence of {thing}",
            TableName=self._table,
            Key=state_key(thing),
            # With the registry's part of the key, `ssk`, this lists the device under its status. Telemetry never
            # touches either, nor does a session that changes nothing of the status.
            UpdateExpression="SET #presence = :presence, #spk = :spk",
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
        return refusal is None


def _items(
    client: "DynamoDBClient",
    table: str,
    things: Iterable[str],
    attributes: tuple[str, ...],
    backoff: Backoff,
    *,
    consistent: bool,
) -> list[tuple[str, Item]]:
    keys = [(f"DEVICE#{thing}", _SK) for thing in things]
    items = batch_get(client, table, keys, attributes, consistent=consistent, backoff=backoff, error=StateError)
    return [(item["pk"]["S"].removeprefix("DEVICE#"), item) for item in items]


def _state(item: Item) -> DeviceState:
    if "version" not in item:
        return DeviceState()
    return DeviceState(
        version=int(item["version"]["N"]),
        latest={
            metric: Latest(
                int(entry["M"]["ts"]["N"]),
                attribute_value(entry["M"]["value"]),
                entry["M"]["q"]["S"],
                entry["M"]["unmodeled"]["BOOL"],
            )
            for metric, entry in item["latest"]["M"].items()
        },
        boots=tuple(
            Boot(boot["M"]["boot"]["S"], int(boot["M"]["high"]["N"]), int.from_bytes(boot["M"]["window"]["B"], "big"))
            for boot in item["stream"]["L"]
        ),
        counters=_counters(item["counters"]["M"]),
    )


def _counters(counts: Item) -> Counters:
    """Those that are known here: another version of this code may write others."""
    return Counters(**{name: int(counts[name]["N"]) for name in Counters.__struct_fields__ if name in counts})


def _latest_item(latest: Latest) -> Item:
    return {
        "M": {
            "ts": number(latest.ts),
            "value": value_attribute(latest.value),
            "q": {"S": latest.q},
            "unmodeled": {"BOOL": latest.unmodeled},
        }
    }


def _boot_item(boot: Boot) -> Item:
    window = {"B": boot.seen.to_bytes(WINDOW // 8, "big")}
    return {"M": {"boot": {"S": boot.boot}, "high": number(boot.high), "window": window}}


def presence_of(item: Item) -> Presence:
    if "presence" not in item:
        return Presence()
    known = item["presence"]["M"]
    return Presence(
        revision=int(known["revision"]["N"]),
        status=_status(known["status"]["S"]),
        since=int(known["since"]["N"]) if "since" in known else None,
        reason=known["reason"]["S"] if "reason" in known else None,
        sessions=_sessions.decode(known["sessions"]["S"]),
    )


def _status(text: str) -> Status:
    """Unknown also for one that only another version of this code knows."""
    return Status(text) if text in list(Status) else Status.UNKNOWN


def quarantine_counts(item: Item) -> dict[str, int]:
    counts = item.get("quarantined", {}).get("M", {})
    return {reason: int(count["N"]) for reason, count in counts.items()}
