"""Bugs of rules, alarms and actions, each planted for as long as its context lasts."""

from collections import Counter
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import msgspec

from contract.rules.lifecycle import RuleProgram
from functions.adapters import dynamodb_state
from functions.adapters.aws import wrapped
from functions.adapters.dynamodb_alarm_items import Tables, outbox_item
from functions.adapters.dynamodb_deliveries import DynamoDBDeliveries
from functions.adapters.dynamodb_state import DynamoDBStateStore
from functions.adapters.dynamodb_transitions import Parcel, Transitions
from functions.domain import alarm_work, deliveries
from functions.domain.deliveries import Delivery
from functions.domain.engine import one_pass
from functions.domain.engine.at_work import RuleAtWork
from functions.domain.engine.one_pass import Pass
from functions.domain.engine.order import Order
from functions.domain.engine.program import Program
from functions.domain.presence import Presence
from functions.errors import DeliveriesError, StateError
from functions.handlers import alarms as alarms_handler
from functions.services import ingest as ingest_service
from functions.services.act_on_device import ActOnDevice
from functions.services.actions_work import ActionsWork
from functions.services.alarm_work import AlarmWork
from functions.services.presence import KeepPresence
from tests.simulation.mutations import mutation, rare


@mutation
def nobody_waits_for_what_is_missing() -> AbstractContextManager[Any]:
    made = Program.__init__

    def hasty(self: Program, *args: Any) -> None:
        made(self, *args)
        self.hold_ms = 0

    return patch.object(Program, "__init__", hasty)


@mutation
def messages_are_evaluated_as_they_come() -> AbstractContextManager[Any]:
    def placed(self: Order, one: Any) -> None:
        if not self.places:
            self.places.append(one_pass.Place(one.boot))
        self._is_ready(one)

    return patch.object(Order, "_place", placed)


@rare(40)
def late_points_are_evaluated() -> AbstractContextManager[Any]:
    inputs_of = ingest_service.inputs_of

    def with_late(assessed: Any) -> Any:
        return inputs_of([_without_late(one) for one in assessed])

    def _without_late(one: Any) -> Any:
        if one.observation is None:
            return one
        points = tuple(msgspec.structs.replace(point, late=False) for point in one.observation.points)
        return msgspec.structs.replace(one, observation=msgspec.structs.replace(one.observation, points=points))

    return patch.object(ingest_service, "inputs_of", with_late)


@mutation
def what_is_held_is_forgotten() -> AbstractContextManager[Any]:
    outcome = Pass.outcome

    def forgetful(self: Pass, *, ticked: bool) -> Any:
        self._order.held.clear()
        return outcome(self, ticked=ticked)

    return patch.object(Pass, "outcome", forgetful)


@mutation
def ticks_go_on_to_the_present() -> AbstractContextManager[Any]:
    take = Pass.take

    def hasty(self: Pass, inputs: Any, duplicates: Any, now: int | None, *more: Any) -> None:
        take(self, inputs, duplicates, now, *more)
        if now is not None:
            self._work.advance(now)

    return patch.object(Pass, "take", hasty)


@rare(19)
def the_interval_of_what_may_be_skipped_has_its_ends() -> AbstractContextManager[Any]:
    changes_nothing = RuleAtWork._changes_nothing

    def closed(self: Any, bounds: Any, metric: str, at: int, value: Any) -> bool:
        limits = bounds.get(metric)
        known = self.skipped.get(metric) or self.state.evaluation.samples.get(metric)
        if limits and type(value) is float and value in limits and (known is None or at > known[0]):
            return True
        return bool(changes_nothing(self, bounds, metric, at, value))

    return patch.object(RuleAtWork, "_changes_nothing", closed)


@mutation
def hysteresis_is_forgotten_with_each_message() -> AbstractContextManager[Any]:
    observe = RuleProgram.observe

    def without(self: Any, state: Any, at: int, samples: Any) -> Any:
        slots = [False if slot is True else slot for slot in state.evaluation.slots]
        evaluation = msgspec.structs.replace(state.evaluation, slots=slots)
        return observe(self, msgspec.structs.replace(state, evaluation=evaluation), at, samples)

    return patch.object(RuleProgram, "observe", without)


@mutation
def no_timer_is_armed() -> AbstractContextManager[Any]:
    return patch.object(Pass, "_armed_now", lambda self, *, ticked: self._armed)


@mutation
def an_armed_timer_never_comes_earlier() -> AbstractContextManager[Any]:
    armed_now = Pass._armed_now

    def stays(self: Pass, *, ticked: bool) -> int | None:
        return self._armed if self._armed is not None and not ticked else armed_now(self, ticked=ticked)

    return patch.object(Pass, "_armed_now", stays)


@mutation
def the_outbox_is_written_after_the_transaction() -> AbstractContextManager[Any]:
    made, commit = Transitions._made, DynamoDBStateStore._commit

    def without(self: Any, thing: str, before: Any, entries: Any) -> Parcel:
        parcel = made(self, thing, before, entries)
        items = [item for item in parcel.items if not _is_outbox(item)]
        return Parcel(items, parcel.alarms, parcel.taken)

    def afterwards(self: Any, thing: str, state: Any, armed: Any, items: list[Any], notes: Any) -> bool:
        entries = self.leaving[thing]
        done = commit(self, thing, state, armed, items, notes)
        for entry in entries if done else ():
            with wrapped(StateError, "writing the outbox"):
                self._client.put_item(TableName="core", Item=outbox_item(entry))
        return bool(done)

    def parcel(self: Any, thing: str, entries: Any, room: int) -> Parcel:
        taken = whole(self, thing, entries, room)
        self.leaving = {**getattr(self, "leaving", {}), thing: entries[: taken.taken]}
        return taken

    whole = DynamoDBStateStore._parcel
    return _Several(
        patch.object(Transitions, "_made", without),
        patch.multiple(DynamoDBStateStore, _commit=afterwards, _parcel=parcel),
    )


@rare(10)
def transitions_that_do_not_fit_are_dropped() -> AbstractContextManager[Any]:
    written = dynamodb_state.written

    def without(table: str, thing: str, state: Any, token: str) -> Any:
        return written(table, thing, msgspec.structs.replace(state, pending=()), token)

    transact = DynamoDBStateStore._transact

    def once(self: Any, thing: str, change: Any, alarms: Any) -> bool:
        parcel = self._parcel(thing, change.entries, dynamodb_state._MAX_ITEMS - 2)
        entries = change.entries[: parcel.taken]
        kept = msgspec.structs.replace(
            change,
            state=msgspec.structs.replace(change.state, pending=()),
            transitions=tuple(entry.transition for entry in entries),
        )
        return bool(transact(self, thing, kept, alarms))

    return _Several(
        patch.object(dynamodb_state, "written", without), patch.object(DynamoDBStateStore, "_transact", once)
    )


@mutation
def rows_of_cleared_alarms_stay() -> AbstractContextManager[Any]:
    activity = Tables.activity

    def stays(self: Tables, was: Any, becomes: Any) -> list[Any]:
        return [item for item in activity(self, was, becomes) if "Delete" not in item or not _is_row(item)]

    return patch.object(Tables, "activity", stays)


@mutation
def the_outbox_is_emptied_before_its_deliveries_are_planned() -> AbstractContextManager[Any]:
    def early(self: Any, step: Any, some: Any) -> bool:
        with wrapped(DeliveriesError, "emptying the outbox"):
            self._client.delete_item(TableName="core", Key=_outbox_key(step))
        for one in some:
            self._writes.commit([self._new(one)], (), "planning")
        return True

    return patch.object(DynamoDBDeliveries, "plan", early)


@mutation
def nobody_sweeps_the_outbox() -> AbstractContextManager[Any]:
    return patch.object(ActionsWork, "_sweep_outbox", lambda _self, _work: Counter())


@mutation
def nobody_sweeps_the_deliveries() -> AbstractContextManager[Any]:
    return patch.object(ActionsWork, "_sweep_deliveries", lambda _self, _work: Counter())


@mutation
def a_retry_makes_a_new_id() -> AbstractContextManager[Any]:
    message_id = Delivery.message_id
    assert isinstance(message_id, property)
    assert message_id.fget is not None
    known = message_id.fget
    return patch.object(Delivery, "message_id", property(lambda self: f"{known(self)}{self.attempts}"))


@mutation
def a_delivery_that_failed_is_given_up() -> AbstractContextManager[Any]:
    return patch.object(deliveries, "GIVE_UP_MS", 0)


@rare(9)
def a_command_that_was_sent_is_sent_again() -> AbstractContextManager[Any]:
    perform = ActOnDevice.perform

    def again(self: Any, delivery: Any) -> Any:
        return perform(self, msgspec.structs.replace(delivery, id=f"{delivery.id}{delivery.attempts}"))

    return patch.object(ActOnDevice, "perform", again)


@mutation
def rules_hear_of_presence_with_the_next_message_only() -> AbstractContextManager[Any]:
    made = KeepPresence.__init__

    def silent(self: Any, *args: Any, **named: Any) -> None:
        made(self, *args, **named)
        self._alarms = _Deaf()

    return patch.object(KeepPresence, "__init__", silent)


@rare(6)
def rules_believe_the_message_that_woke_them_and_not_the_state() -> AbstractContextManager[Any]:
    change, encode, take, run = KeepPresence._change, alarm_work.encode, AlarmWork.take, Program.run
    saw: dict[str, Presence] = {}
    believed: dict[str, Presence] = {}

    def seen(self: Any, thing: str, what: Any) -> Presence:
        saw[thing] = change(self, thing, what)
        return saw[thing]

    def said(work: Any) -> str:
        document = msgspec.json.decode(encode(work))
        if isinstance(work, alarm_work.Wake) and work.thing in saw:
            document["presence"] = msgspec.to_builtins(saw[work.thing])
        return msgspec.json.encode(document).decode()

    def heard(self: Any, body: Any) -> Any:
        document = msgspec.json.decode(body)
        if "presence" in document:
            believed[document["thing"]] = msgspec.convert(document["presence"], Presence)
        return take(self, body)

    def believes(self: Program, thing: str, state: Any, inputs: Any, now: int | None, **more: Any) -> Any:
        return run(self, thing, state, inputs, now, **{**more, "presence": believed.get(thing, Presence())})

    return _Several(
        patch.object(KeepPresence, "_change", seen),
        patch.object(alarm_work, "encode", said),
        patch.object(AlarmWork, "take", heard),
        patch.object(Program, "run", believes),
    )


@rare(17)
def work_on_alarms_is_acknowledged_though_it_failed() -> AbstractContextManager[Any]:
    return patch.object(alarms_handler, "failures", lambda _failed: {"batchItemFailures": []})


@mutation
def actions_are_kept_without_what_they_are() -> AbstractContextManager[Any]:
    entries = dynamodb_state.Change.entries
    assert isinstance(entries, property)
    assert entries.fget is not None
    known = entries.fget

    def bare(self: Any) -> Any:
        found = known(self)
        return (*found[:1], *(msgspec.structs.replace(one, actions=()) for one in found[1:]))

    return patch.object(dynamodb_state.Change, "entries", property(bare))


class _Deaf:
    def put(self, *_work: Any, **_more: Any) -> None:
        pass


class _Several:
    """Patches as one."""

    def __init__(self, *patches: Any) -> None:
        self._patches = patches

    def __enter__(self) -> None:
        for one in self._patches:
            one.__enter__()

    def __exit__(self, *exc: object) -> None:
        for one in reversed(self._patches):
            one.__exit__(*exc)


def _is_outbox(item: Any) -> bool:
    return "Put" in item and item["Put"]["Item"]["sk"]["S"].startswith("OUTBOX#")


def _is_row(item: Any) -> bool:
    return bool(item["Delete"]["Key"]["pk"]["S"].startswith("OPEN#"))


def _outbox_key(step: Any) -> Any:
    thing, number, nth = step
    return {"pk": {"S": f"DEVICE#{thing}"}, "sk": {"S": f"OUTBOX#{number:08d}#{nth:04d}"}}
