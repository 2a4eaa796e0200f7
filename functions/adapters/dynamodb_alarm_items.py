"""What the tables hold of alarms: C19a to C23, E4 and E5 of docs/data-model.md. Keys and items, and no calls."""

from typing import Any, Final

import msgspec

from contract.audit import audit_day
from contract.models import SEVERITIES, Severity
from functions.adapters.dynamodb_device_rows import Key, key_attributes
from functions.adapters.dynamodb_items import Item, if_version, number
from functions.adapters.shards import shard_of
from functions.domain.access import EVERYTHING, lineage
from functions.domain.alarms import Alarm, Step
from functions.domain.devices import span
from functions.domain.outbox import ACT_WITHIN_MS, OutboxEntry

KEEP_S: Final = 400 * 86_400
"""How long cleared alarms, and the history of any, are kept."""
HISTORY: Final = "HISTORY#"
ACTIVE: Final = "ALARM#"
OUTBOX: Final = "OUTBOX#"
TIMER: Final = "TIMER"

_TOP_MS: Final = 10**13 - 1
_alarms = msgspec.json.Decoder(Alarm)
_steps = msgspec.json.Decoder(Step)
_entries = msgspec.json.Decoder(OutboxEntry)
_encoder = msgspec.json.Encoder()


def device_partition(thing: str) -> str:
    return f"DEVICE#{thing}"


def past_partition(thing: str) -> str:
    return f"ALARM#{thing}"


def active_key(thing: str, rule: str) -> Key:
    return device_partition(thing), f"{ACTIVE}{rule}"


def cleared_key(thing: str, number_: int) -> Key:
    return past_partition(thing), f"{number_:08d}"


def outbox_key(thing: str, number_: int, step: int) -> Key:
    return device_partition(thing), f"{OUTBOX}{number_:08d}#{step:04d}"


def timer_key(thing: str) -> Key:
    return device_partition(thing), TIMER


def open_partition(scope: str) -> str:
    return f"OPEN#{scope}"


def day_partition(day: str) -> str:
    return f"ALARMS#{day}"


def open_place(alarm: Alarm) -> str:
    """Where an active alarm stands on each of its lists: worst first, then newest."""
    newest_first = _TOP_MS - min(max(alarm.raised_at, 0), _TOP_MS)
    return f"{rank(alarm.severity)}#{newest_first:013d}#{alarm.thing}#{alarm.rule}"


def rank(severity: Severity) -> int:
    return SEVERITIES.index(severity)


def day_place(alarm: Alarm) -> str:
    """Where a cleared alarm stands in its day. All that lists ask of it is here, so that none reads it for nothing."""
    at = min(max(alarm.cleared_at or 0, 0), _TOP_MS)
    return f"{at:013d}#{alarm.thing}#{alarm.number:08d}#{rank(alarm.severity)}#{alarm.rule}#{alarm.group}"


def active_item(alarm: Alarm) -> Item:
    return {
        **key_attributes(active_key(alarm.thing, alarm.rule)),
        "number": number(alarm.number),
        "version": number(alarm.version),
        "body": _body(alarm),
    }


def cleared_item(alarm: Alarm) -> Item:
    at = alarm.cleared_at or 0
    return {
        **key_attributes(cleared_key(alarm.thing, alarm.number)),
        "dpk": {"S": f"{day_partition(audit_day(at))}#{shard_of(alarm.id)}"},
        "dsk": {"S": day_place(alarm)},
        "version": number(alarm.version),
        "body": _body(alarm),
        "expires": number(max(at, alarm.updated_at) // 1000 + KEEP_S),
    }


def rows_of(alarm: Alarm | None) -> dict[Key, Item]:
    """The rows of an active alarm on the lists of everything and of each group above it."""
    if alarm is None or not alarm.active:
        return {}
    shown: Item = {
        "place": {"S": span(alarm.group)},
        "rule": {"S": alarm.rule},
        "acknowledged": {"BOOL": alarm.acknowledged},
    }
    if alarm.assignee is not None:
        shown["assignee"] = {"S": alarm.assignee.id}
    shard, place = shard_of(alarm.id), open_place(alarm)
    keys = [(f"{open_partition(scope)}#{shard}", place) for scope in (EVERYTHING, *lineage(alarm.group))]
    return {key: {**key_attributes(key), **shown} for key in keys}


def step_item(thing: str, number_: int, step: Step) -> Item:
    key = past_partition(thing), f"{HISTORY}{number_:08d}#{step.version:06d}"
    return {**key_attributes(key), "body": _body(step), "expires": number(step.at // 1000 + KEEP_S)}


def outbox_item(entry: OutboxEntry) -> Item:
    thing, number_, step = entry.place
    return {
        **key_attributes(outbox_key(thing, number_, step)),
        "duepk": {"S": f"{OUTBOX}{shard_of(thing)}"},
        "duesk": {"S": f"{entry.at + ACT_WITHIN_MS:013d}#{thing}#{number_:08d}#{step:04d}"},
        "body": _body(entry),
    }


def timer_item(thing: str, at: int) -> Item:
    return {
        **key_attributes(timer_key(thing)),
        "duepk": {"S": f"{TIMER}#{shard_of(thing)}"},
        "duesk": {"S": f"{min(max(at, 0), _TOP_MS):013d}#{thing}"},
    }


def alarm_of(item: Item) -> Alarm:
    return _alarms.decode(item["body"]["S"])


def step_of(item: Item) -> Step:
    return _steps.decode(item["body"]["S"])


def entry_of(item: Item) -> OutboxEntry:
    return _entries.decode(item["body"]["S"])


def _body(of: Alarm | Step | OutboxEntry) -> Item:
    return {"S": _encoder.encode(of).decode()}


class Tables:
    """The two tables that alarms are in, and writes to them as TransactWriteItems has them."""

    def __init__(self, core: str, events: str) -> None:
        self.core = core
        self.events = events

    def put(self, table: str, item: Item) -> Any:
        return {"Put": {"TableName": table, "Item": item}}

    def delete(self, table: str, key: Key) -> Any:
        return {"Delete": {"TableName": table, "Key": key_attributes(key)}}

    def activity(self, was: Alarm | None, becomes: Alarm | None) -> list[Any]:
        """An active alarm with its rows, where it stands as it `was`: None is where none does, or shall."""
        items = []
        if was is not None or becomes is not None:
            items.append(self._active(was, becomes))
        before, after = rows_of(was), rows_of(becomes)
        items += [self.delete(self.core, key) for key in before.keys() - after.keys()]
        items += [self.put(self.core, item) for key, item in after.items() if before.get(key) != item]
        return items

    def cleared(self, alarm: Alarm) -> Any:
        return self.put(self.events, cleared_item(alarm))

    def cleared_again(self, was: Alarm, becomes: Alarm) -> Any:
        """A cleared alarm that people still do something with."""
        return _guarded(self.cleared(becomes), was)

    def _active(self, was: Alarm | None, becomes: Alarm | None) -> Any:
        if becomes is not None:
            return _guarded(self.put(self.core, active_item(becomes)), was)
        if was is None:
            raise ValueError("activity: expected an alarm before or after, got none")
        return _guarded(self.delete(self.core, active_key(was.thing, was.rule)), was)


def _guarded(write: Any, was: Alarm | None) -> Any:
    ((kind, request),) = write.items()
    if was is None:
        return {kind: {**request, "ConditionExpression": "attribute_not_exists(pk)"}}
    condition = if_version(was.version)
    if was.active:  # the number of one that is not is in its key
        condition["ConditionExpression"] += " AND #number = :number"
        condition["ExpressionAttributeNames"]["#number"] = "number"
        condition["ExpressionAttributeValues"][":number"] = number(was.number)
    return {kind: {**request, **condition}}
