"""Lists of alarms over many devices: C22, C23 and E4a of docs/data-model.md. 16 shards at once, merged by sort key.

Rows have what lists are asked by; the alarms themselves are read for those of a page only, so that a page costs the
same however many alarms there are.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contract.audit import audit_day
from contract.models import SEVERITIES, Severity
from functions.adapters.aws import side_by_side, wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_alarm_items import (
    Tables,
    active_key,
    alarm_of,
    cleared_key,
    day_partition,
    open_partition,
    open_place,
    rank,
)
from functions.adapters.dynamodb_audit import day_before
from functions.adapters.dynamodb_device_rows import Key
from functions.adapters.dynamodb_items import Item, batch_get
from functions.adapters.dynamodb_listing import lists_of
from functions.adapters.shards import SHARDS
from functions.domain.alarms import Alarm, AlarmFilter, AlarmPage, AlarmTally
from functions.domain.cursors import seal, unseal
from functions.domain.devices import DeviceFilter, inside, span
from functions.errors import AlarmsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LOOKED_AT: Final = 50
"""Rows of each shard that one page with a filter looks at."""
MAX_DAYS: Final = 31
"""Days that one page of cleared alarms looks through at most: 16 queries each."""
MAX_READ: Final = 300
"""Alarms that one page with a filter on what only they tell reads at most."""

_SPARE: Final = 4
_HIGHEST: Final = "~"

ActiveOf = Callable[[str], list[Alarm]]


class _Row(NamedTuple):
    """An alarm's place on a list, or without `key` one up to which enough was read.

    Of an active alarm, a row also says whether it is acknowledged and whether it is somebody's.
    """

    place: str
    key: Key | None = None
    alarm: Alarm | None = None
    acknowledged: bool = False
    assigned: bool = False


class _List:
    def __init__(
        self, client: "DynamoDBClient", tables: Tables, backoff: Backoff, wanted: AlarmFilter, limit: int
    ) -> None:
        self._client = client
        self._tables = tables
        self._backoff = backoff
        self._wanted = wanted
        self._limit = limit

    def _position(self, cursor: str | None) -> str | None:
        return None if cursor is None else str(unseal(cursor, self._wanted.question, (str,))[0])

    def _page(self, alarms: Iterable[Alarm], last: str | None) -> AlarmPage:
        return AlarmPage(tuple(alarms), None if last is None else seal(self._wanted.question, (last,)))

    def _seen(self, alarm: Alarm) -> bool:
        wanted = self._wanted
        return wanted.matches(alarm) and wanted.reach.covers(alarm.thing, alarm.group)

    def _read(self, table: str, keys: Iterable[Key]) -> list[Alarm]:
        found = batch_get(
            self._client, table, keys, ("body",), consistent=False, backoff=self._backoff, error=AlarmsError
        )
        return [alarm_of(item) for item in found]

    def _query(self, **request: Any) -> dict[str, Any]:
        with wrapped(AlarmsError, "listing alarms"):
            return dict(self._client.query(**request))


class ActiveList(_List):
    """Worst first, then newest."""

    def page(self, cursor: str | None, active_of: ActiveOf) -> AlarmPage:
        after = self._position(cursor)
        spans = DeviceFilter(reach=self._wanted.reach, group=self._wanted.group).spans()
        found: list[_Row] = []
        last = None
        singles = self._singles(spans, after, active_of)
        for row in merge(self._rows(spans, after), singles, key=lambda row: row.place):
            if len(found) == self._limit:
                last = found[-1].place
                break
            if row.key is None:
                last = row.place
                break
            found.append(row)
        return self._page(self._whole(found), last)

    def tally(self, active_of: ActiveOf) -> AlarmTally:
        """Of the rows alone; where many are passed over for one that counts, it ends early and says so."""
        spans = DeviceFilter(reach=self._wanted.reach, group=self._wanted.group).spans()
        counted: list[tuple[Severity, bool, bool]] = []
        looks, capped = self._limit // LOOKED_AT, False
        for row in merge(self._rows(spans, None), self._singles(spans, None, active_of), key=lambda row: row.place):
            looks -= row.key is None
            if len(counted) == self._limit or looks < 0:
                capped = True
                break
            if row.key is not None:
                counted.append((SEVERITIES[int(row.place.partition("#")[0])], row.acknowledged, row.assigned))
        return AlarmTally.of(counted, capped=capped)

    def _singles(self, spans: tuple[str, ...] | None, after: str | None, active_of: ActiveOf) -> list[_Row]:
        """Of devices that somebody was granted one by one, where no list has them."""
        reach = self._wanted.reach
        if spans is None or reach.everything:
            return []
        alarms = [alarm for some in side_by_side(active_of, reach.things) for alarm in some]
        rows = [
            _Row(open_place(one), active_key(one.thing, one.rule), one, one.acknowledged, one.assignee is not None)
            for one in alarms
            if self._wanted.matches(one) and not any(inside(one.group, group) for group in spans)
        ]
        return sorted(row for row in rows if after is None or row.place > after)

    def _rows(self, spans: tuple[str, ...] | None, after: str | None) -> Iterator[_Row]:
        legs = [
            (f"{open_partition(scope)}#{shard:02d}", within)
            for scope, within in lists_of(spans, deep=True)
            for shard in range(SHARDS)
        ]
        wanted = self._wanted
        picked = any(within for _, within in legs) or (wanted.acknowledged, wanted.assignee, wanted.rule) != (None,) * 3
        begun = side_by_side(lambda leg: self._of_shard(*leg, after, picked=picked), legs)
        streams = [self._stream(leg, answer, picked=picked) for leg, answer in zip(legs, begun, strict=True)]
        return merge(*streams, key=lambda row: row.place)

    def _stream(self, leg: tuple[str, tuple[str, ...]], answer: dict[str, Any], *, picked: bool) -> Iterator[_Row]:
        while True:
            for item in answer["Items"]:
                place = str(item["sk"]["S"])
                yield _Row(
                    place,
                    active_key(*place.split("#", 3)[2:]),
                    acknowledged=item["acknowledged"]["BOOL"],
                    assigned="assignee" in item,
                )
            last = answer.get("LastEvaluatedKey")
            if not last:
                return
            place = str(last["sk"]["S"])
            if picked:
                yield _Row(place)
            answer = self._of_shard(*leg, place, picked=picked)

    def _of_shard(self, partition: str, within: tuple[str, ...], after: str | None, *, picked: bool) -> dict[str, Any]:
        severity = self._wanted.severity
        low, high = ("0", str(len(SEVERITIES))) if severity is None else (f"{rank(severity)}#", f"{rank(severity)}$")
        if after is not None:
            low = max(low, f"{after}!")  # behind the key itself, before any other
        if low > high:
            return {"Items": []}
        condition, names, values = self._condition(within)
        request: dict[str, Any] = {
            "TableName": self._tables.core,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": {":pk": {"S": partition}, ":low": {"S": low}, ":high": {"S": high}, **values},
            "Limit": LOOKED_AT if picked else self._limit // SHARDS + _SPARE,
        }
        if condition:
            request |= {"FilterExpression": condition, "ExpressionAttributeNames": names}
        return self._query(**request)

    def _condition(self, within: tuple[str, ...]) -> tuple[str, dict[str, str], Item]:
        wanted = self._wanted
        values: Item = {}
        if wanted.acknowledged is not None:
            values["acknowledged"] = {"BOOL": wanted.acknowledged}
        if wanted.assignee is not None:
            values["assignee"] = {"S": wanted.assignee}
        if wanted.rule is not None:
            values["rule"] = {"S": wanted.rule}
        conditions = [f"#{name} = :{name}" for name in values]
        if within:
            values |= {f"in{nr}": {"S": span(one)} for nr, one in enumerate(within)}
            places = " OR ".join(f"begins_with(#place, :in{nr})" for nr in range(len(within)))
            conditions.append(f"({places})")
        names = {f"#{name}": name for name in values if not name.startswith("in")}
        if within:
            names["#place"] = "place"
        return " AND ".join(conditions), names, {f":{name}": value for name, value in values.items()}

    def _whole(self, rows: Sequence[_Row]) -> list[Alarm]:
        """The alarms of these rows, without those that have moved since the rows were read."""
        alarms = {row.key: row.alarm for row in rows if row.key is not None and row.alarm is not None}
        keys = [row.key for row in rows if row.key is not None and row.alarm is None]
        alarms |= {active_key(one.thing, one.rule): one for one in self._read(self._tables.core, keys)}
        found = ((row.place, alarms.get(row.key)) for row in rows if row.key is not None)
        return [one for place, one in found if one is not None and open_place(one) == place and self._seen(one)]


class ClearedList(_List):
    """By when they were cleared, newest first."""

    def page(self, cursor: str | None, _active_of: ActiveOf) -> AlarmPage:
        rows = self._rows(self._position(cursor) or f"{self._wanted.end:013d}")
        found: list[Alarm] = []
        read = 0
        while True:
            room = self._limit - len(found)
            some = list(islice(rows, room))
            marker = next((row.place for row in some if row.key is None), None)
            kept = [row for row in some if row.key is not None]
            found += self._whole(kept)
            read += len(kept)
            if marker is not None or len(some) < room:
                return self._page(found, marker)
            if len(found) == self._limit or read >= MAX_READ:
                return self._page(found, None if next(rows, None) is None else some[-1].place)

    def _whole(self, rows: Sequence[_Row]) -> list[Alarm]:
        keys = [row.key for row in rows if row.key is not None]
        alarms = {cleared_key(one.thing, one.number): one for one in self._read(self._tables.events, keys)}
        return [alarms[key] for key in keys if key in alarms and self._seen(alarms[key])]

    def _rows(self, before: str) -> Iterator[_Row]:
        """Those that the keys do not rule out; the last is a mere place where there may be more behind it."""
        start = self._wanted.start
        day = audit_day(max(start, int(before[:13]) - ("#" not in before)))
        oldest = audit_day(start)
        for _ in range(MAX_DAYS):
            if day < oldest:
                return
            for row in self._of_day(day, before):
                yield row
                if row.key is None:
                    return
            before = f"{_start(day):013d}"
            day = day_before(day, 1)
        yield _Row(before)

    def _of_day(self, day: str, before: str) -> Iterator[_Row]:
        shards = [f"{day_partition(day)}#{shard:02d}" for shard in range(SHARDS)]
        begun = side_by_side(lambda shard: self._of_shard(shard, before), shards)
        streams = [self._stream(shard, before, one) for shard, one in zip(shards, begun, strict=True)]
        return merge(*streams, key=lambda row: row.place, reverse=True)

    def _stream(self, shard: str, before: str, answer: dict[str, Any]) -> Iterator[_Row]:
        while True:
            for item in answer["Items"]:
                place = str(item["dsk"]["S"])
                if place < before and self._possible(place):
                    _, thing, number, *_ = place.split("#")
                    yield _Row(place, cleared_key(thing, int(number)))
            last = answer.get("LastEvaluatedKey")
            if not last:
                return
            if self._picked:
                yield _Row(str(last["dsk"]["S"]))
            answer = self._of_shard(shard, before, last)

    def _of_shard(self, shard: str, before: str, start: Item | None = None) -> dict[str, Any]:
        low = f"{self._wanted.start:013d}"
        if low > before:
            return {"Items": []}
        request: dict[str, Any] = {
            "TableName": self._tables.events,
            "IndexName": "by_day",
            "KeyConditionExpression": "dpk = :shard AND dsk BETWEEN :low AND :high",
            "ExpressionAttributeValues": {
                ":shard": {"S": shard},
                ":low": {"S": low},
                ":high": {"S": before},
            },
            "ScanIndexForward": False,
            "Limit": LOOKED_AT if self._picked else self._limit // SHARDS + _SPARE,
        }
        if start is not None:
            request["ExclusiveStartKey"] = start
        return self._query(**request)

    @property
    def _picked(self) -> bool:
        wanted = self._wanted
        asked = (wanted.group, wanted.severity, wanted.rule, wanted.acknowledged, wanted.assignee)
        return not wanted.reach.everything or any(one is not None for one in asked)

    def _possible(self, place: str) -> bool:
        """What the key of a row tells: scope, group, severity and rule."""
        wanted = self._wanted
        _, thing, _, severity, rule, group = place.split("#")
        return (
            wanted.reach.covers(thing, group)
            and (wanted.group is None or inside(group, wanted.group))
            and (wanted.severity is None or severity == str(rank(wanted.severity)))
            and wanted.rule in {None, rule}
        )


def _start(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000
