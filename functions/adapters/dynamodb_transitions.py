"""What a device's transitions change in the tables besides its state, in parcels that fit into one transaction each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_alarm_items import Tables, active_key, alarm_of, outbox_item, step_item
from functions.adapters.dynamodb_items import batch_get
from functions.domain.outbox import folded
from functions.errors import StateError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from functions.domain.alarms import Alarm
    from functions.domain.outbox import OutboxEntry

MAX_BYTES: Final = 2_000_000
"""Of the bodies in one parcel: a transaction holds 4 MB."""


class Parcel(NamedTuple):
    """Writes that belong together, with the alarms as they stand after each of the first `taken` entries."""

    items: list[Any]
    alarms: "tuple[Alarm, ...]"
    taken: int


class Transitions:
    def __init__(self, client: "DynamoDBClient", tables: Tables, backoff: Backoff) -> None:
        self._client = client
        self._tables = tables
        self._backoff = backoff

    def parcel(self, thing: str, entries: "Sequence[OutboxEntry]", room: int) -> Parcel:
        """As many entries as fit into `room` items, and one at least."""
        before = self._before(thing, {entry.transition.rule for entry in entries})
        best = self._made(thing, before, entries[:1])
        for taken in range(2, len(entries) + 1):
            more = self._made(thing, before, entries[:taken])
            if len(more.items) > room or _bytes(more.items) > MAX_BYTES:
                break
            best = more
        return best

    def _before(self, thing: str, rules: Iterable[str]) -> "dict[str, Alarm]":
        found = batch_get(
            self._client,
            self._tables.core,
            [active_key(thing, rule) for rule in sorted(rules)],
            ("body",),
            consistent=True,
            backoff=self._backoff,
            error=StateError,
        )
        return {alarm.rule: alarm for alarm in map(alarm_of, found)}

    def _made(self, thing: str, before: "Mapping[str, Alarm]", entries: "Sequence[OutboxEntry]") -> Parcel:
        what = folded(before, entries)
        tables = self._tables
        items: list[Any] = []
        for rule, alarm in what.active.items():
            items += tables.activity(before.get(rule), alarm)
        items += map(tables.cleared, what.cleared)
        items += (tables.put(tables.events, step_item(thing, number, step)) for number, step in what.steps)
        items += (tables.put(tables.core, outbox_item(entry)) for entry in what.entries)
        return Parcel(items, what.stages, len(entries))


def _bytes(items: Iterable[Any]) -> int:
    bodies = (item["Put"]["Item"].get("body", {"S": ""})["S"] for item in items if "Put" in item)
    return sum(map(len, bodies))
