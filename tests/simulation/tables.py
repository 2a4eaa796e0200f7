"""Tables and their indexes with their past: a read that may be stale is answered as of a moment ago."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.simulation.attributes import Invalid, Item

MAX_LAG_MS = 5_000
"""No read is staler than this."""


class Index(NamedTuple):
    """`holds` are the attributes beside its keys and the table's; all of them where it is None."""

    pk: str
    sk: str
    holds: tuple[str, ...] | None = None

    def projected(self, item: Item) -> Item:
        if self.holds is None:
            return item
        return {name: item[name] for name in (*KEYS, self.pk, self.sk, *self.holds) if name in item}


KEYS = ("pk", "sk")
Key = tuple[str, str]


class _Record:
    """`past` holds what stood there, each until when, the oldest first."""

    __slots__ = ("item", "past")

    def __init__(self, item: Item | None = None) -> None:
        self.item = item
        self.past: deque[tuple[float, Item | None]] = deque()

    def put(self, item: Item | None, now: float) -> None:
        self.past.append((now, self.item))
        while self.past[0][0] < now - MAX_LAG_MS:
            self.past.popleft()
        self.item = item

    def as_of(self, moment: float) -> Item | None:
        past = self.past
        if not past or past[-1][0] <= moment:
            return self.item
        return next(item for until, item in past if until > moment)


class _Rows:
    """Items by partition, sorted by key in it. Those that it has of another one are copied when they are written."""

    def __init__(self, of: "_Rows | None" = None) -> None:
        self.partitions: dict[str, tuple[dict[Any, _Record], list[Any]]] = {} if of is None else dict(of.partitions)
        self._own: set[str] = set()

    def put(self, pk: str, key: Any, item: Item | None, now: float) -> None:
        if pk not in self._own:
            self._own.add(pk)
            records, keys = self.partitions.get(pk, ({}, []))
            self.partitions[pk] = ({known: _Record(record.item) for known, record in records.items()}, list(keys))
        records, keys = self.partitions[pk]
        record = records.get(key)
        if record is None:
            record = records[key] = _Record()
            insort(keys, key)
        record.put(item, now)

    def record(self, pk: str, key: Any) -> _Record | None:
        partition = self.partitions.get(pk)
        return None if partition is None else partition[0].get(key)

    def walk(self, pk: str, moment: float, after: Any, *, forward: bool) -> Iterator[tuple[Any, Item]]:
        partition = self.partitions.get(pk)
        if partition is None:
            return
        records, keys = partition
        if forward:
            some = keys[bisect_right(keys, after) :] if after is not None else list(keys)
        else:
            some = keys[: bisect_left(keys, after)][::-1] if after is not None else keys[::-1]
        for key in some:
            item = records[key].as_of(moment)
            if item is not None:
                yield key, item


class Table:
    """`heard` is told of each write: the key, and the item before it and after."""

    def __init__(self, **indexes: Index) -> None:
        self.indexes = indexes
        self.heard: Callable[[Key, Item | None, Item | None], None] | None = None
        self._rows = _Rows()
        self._index_rows = {name: _Rows() for name in indexes}

    def get(self, key: Key, moment: float) -> Item | None:
        record = self._rows.record(*key)
        return None if record is None else record.as_of(moment)

    def current(self, key: Key) -> Item | None:
        record = self._rows.record(*key)
        return None if record is None else record.item

    def check(self, item: Item) -> None:
        """Raises Invalid for an item that its indexes cannot hold."""
        for index in self.indexes.values():
            for name in (index.pk, index.sk):
                if name in item and not item[name].get("S"):
                    raise Invalid(f"A secondary index key is no string, or empty: {name} {item[name]}")

    def put(self, key: Key, item: Item | None, now: float) -> None:
        before = self.current(key)
        if item is None and before is None:
            return
        self._rows.put(*key, item, now)
        if self.heard is not None:
            self.heard(key, before, item)
        for name, index in self.indexes.items():
            was, becomes = _place(index, before, key), _place(index, item, key)
            rows = self._index_rows[name]
            if was is not None and was != becomes:
                rows.put(*was, None, now)
            if becomes is not None and item is not None:
                rows.put(*becomes, index.projected(item), now)

    def walk(self, pk: str, moment: float, start: Item | None, *, forward: bool) -> Iterator[tuple[Key, Item]]:
        after = None if start is None else start["sk"]["S"]
        for sk, item in self._rows.walk(pk, moment, after, forward=forward):
            yield (pk, sk), item

    def walk_index(
        self, name: str, pk: str, moment: float, start: Item | None, *, forward: bool
    ) -> Iterator[tuple[Key, Item]]:
        index = self.indexes[name]
        after = None if start is None else (start[index.sk]["S"], start["pk"]["S"], start["sk"]["S"])
        for (_, *key), item in self._index_rows[name].walk(pk, moment, after, forward=forward):
            yield (key[0], key[1]), item

    def everything(self) -> Iterator[Item]:
        """As it stands, by partition and key."""
        for pk in sorted(self._rows.partitions):
            for _, item in self._rows.walk(pk, float("inf"), None, forward=True):
                yield item

    def partition(self, pk: str) -> list[Item]:
        """As it stands."""
        return [item for _, item in self._rows.walk(pk, float("inf"), None, forward=True)]

    def copy(self) -> "Table":
        """Without its past."""
        other = Table(**self.indexes)
        other._rows = _Rows(self._rows)
        other._index_rows = {name: _Rows(rows) for name, rows in self._index_rows.items()}
        return other


def _place(index: Index, item: Item | None, key: Key) -> tuple[str, tuple[str, str, str]] | None:
    if item is None or index.pk not in item or index.sk not in item:
        return None
    return item[index.pk]["S"], (item[index.sk]["S"], *key)
