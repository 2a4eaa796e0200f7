"""Rows on their way into a table: their columns and series are settled, conflicts found, the journal's entry made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from local.timestream.applying import Stored
from local.timestream.catalog import Table
from local.timestream.journal import Ticket
from local.timestream.model import (
    KINDS,
    Conflict,
    Kind,
    KindConflict,
    Policy,
    Row,
    Series,
    Value,
    VersionConflict,
)

Key = tuple[int, int]
Values = Mapping[int, Value]
Lookup = Callable[[Table, Sequence[Key]], Mapping[Key, tuple[int, Values]]]


class Recent(NamedTuple):
    """A row that DuckDB does not have yet."""

    version: int
    values: Values
    entry: "Entry"


@dataclass
class Entry:
    """What one append brings, as the journal has it."""

    table: Table
    series: dict[int, Series] = field(default_factory=dict)
    columns: dict[int, tuple[str, Kind]] = field(default_factory=dict)
    rows: list[Stored] = field(default_factory=list)
    ticket: Ticket | None = None


class _Wire(msgspec.Struct, array_like=True, gc=False):
    table: int
    series: dict[int, Series]
    columns: dict[int, tuple[str, Kind]]
    rows: list[tuple[int, int, int, dict[int, float | int | str | bool]]]


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(_Wire).decode


def encode(entry: Entry) -> bytes:
    """Series and columns come again until an entry with them is durable: a failed one takes no other with it."""
    table = entry.table
    for row in entry.rows:
        if row.sid in table.volatile_series:
            entry.series[row.sid] = table.series[row.sid]
    if table.volatile_columns:
        for column in table.columns.values():
            if column.number in table.volatile_columns:
                entry.columns[column.number] = (column.name, column.kind)
    rows = [(row.sid, row.time, row.version, row.values) for row in entry.rows]
    return _ENCODE((table.id, entry.series, entry.columns, rows))


def decode(payload: bytes, tables: Mapping[int, Table]) -> Entry | None:
    """The entry, its series and columns made known to its table; None where the table was dropped."""
    wire = _DECODE(payload)
    table = tables.get(wire.table)
    if table is None:
        return None
    entry = Entry(table)
    for sid, series in wire.series.items():
        if sid not in table.series:
            table.add_series(sid, series)
        entry.series[sid] = series
    for _, (name, kind) in sorted(wire.columns.items()):
        if name not in table.columns:
            table.add_column(name, kind)
    for sid, time, version, values in wire.rows:
        entry.rows.append(Stored(sid, time, version, values, table.occupancy.claim(sid, time)))
    return entry


class Intake:
    """One append, under the table's lock."""

    def __init__(self, table: Table, recent: dict[Key, Recent], lookup: Lookup) -> None:
        self.entry = Entry(table)
        self.conflicts: list[Conflict] = []
        self.relied_on: list[Entry] = []
        """Entries, perhaps not durable yet, by which a row was found a conflict or a repetition."""
        self._table = table
        self._recent = recent
        self._lookup = lookup

    def take(self, rows: Sequence[Row]) -> None:
        resolved: list[tuple[int, Row, Key, Values, bool]] = []
        claim = self._table.occupancy.claim
        for index, row in enumerate(rows):
            values = self._columns(index, row)
            if values is None:
                continue
            sid = self._sid(row.series)
            resolved.append((index, row, (sid, row.time), values, claim(sid, row.time)))
        if self._table.policy is Policy.MERGE:
            self.entry.rows += [Stored(*key, row.version, values, fresh) for _, row, key, values, fresh in resolved]
            return
        unknown = [key for _, _, key, _, fresh in resolved if not fresh and key not in self._recent]
        stored = self._lookup(self._table, unknown) if unknown else {}
        for index, row, key, values, fresh in resolved:
            if self._stands(index, row, key, values, stored):
                first = fresh or (key not in self._recent and key not in stored)
                self.entry.rows.append(Stored(*key, row.version, values, first))
                self._recent[key] = Recent(row.version, values, self.entry)

    def _stands(self, index: int, row: Row, key: Key, values: Values, stored: Mapping[Key, tuple[int, Values]]) -> bool:
        """Whether a versioned row is to be stored."""
        recent = self._recent.get(key)
        if recent is not None:
            version, existing = recent.version, recent.values
        elif key in stored:
            version, existing = stored[key]
        else:
            return True
        if row.version > version:
            return True
        if recent is not None and recent.entry is not self.entry:
            self.relied_on.append(recent.entry)
        if not _same(existing, values):
            self.conflicts.append(VersionConflict(index, row.version, version))
        return False

    def _columns(self, index: int, row: Row) -> Values | None:
        """Values by the number of their column; None, and a conflict noted, when one is of another kind."""
        columns = self._table.columns
        values: dict[int, Value] = {}
        missing: list[tuple[str, Kind, Value]] = []
        for name, value in row.values.items():
            kind = KINDS[type(value)]
            column = columns.get(name)
            if column is None:
                missing.append((name, kind, value))
            elif column.kind is kind:
                values[column.number] = int(value) if kind is Kind.TIMESTAMP else value
            else:
                self.conflicts.append(KindConflict(index, name, column.kind, kind))
                return None
        for name, kind, value in missing:
            number = self._table.add_column(name, kind).number
            self._table.volatile_columns.add(number)
            values[number] = int(value) if kind is Kind.TIMESTAMP else value
        return values

    def _sid(self, series: Series) -> int:
        sid = self._table.sids.get(series)
        if sid is None:
            sid = self._table.next_sid
            self._table.add_series(sid, series)
            self._table.volatile_series.add(sid)
        return sid


def _same(one: Values, other: Values) -> bool:
    """As stored: a NaN is itself."""
    return one.keys() == other.keys() and all(
        value == other[number] or (value != value and other[number] != other[number])  # noqa: PLR0124 - NaN
        for number, value in one.items()
    )
