"""Answers a SELECT: InfluxQL to DuckDB's SQL, and what comes back to series."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from local.timestream.engine import Engine
from local.timestream.influx_ast import Fill, Measurement, Ref, Select, Window
from local.timestream.influx_errors import StatementError, UnsupportedError
from local.timestream.influx_fill import Span, each_group, filled, windowed, without_buckets
from local.timestream.influx_json import Cell, Series
from local.timestream.influx_plan import SELECTORS, Buckets, Column, columns, grouping, shaped
from local.timestream.influx_scans import Rows, Scans, rows
from local.timestream.influx_sources import AnswerSource, Source, Sql, TableSource
from local.timestream.influx_sql import (
    Prepared,
    aggregate_sql,
    bucket_start,
    elapsed_sql,
    has_beside,
    has_values,
    is_elapsed,
    plain_sql,
    selected_sql,
)
from local.timestream.influx_times import TimeRange, split
from local.timestream.model import Kind

_CONSTANT_ORDER: Final = "g, time{d}, r{d}, z{d}"


@dataclass(frozen=True, slots=True)
class Stored:
    """A measurement, None where it has no data, and the first moment that its retention keeps."""

    source: TableSource | None
    oldest: int | None = None


@dataclass(frozen=True, slots=True)
class _Outer:
    """What a subquery takes over from the query around it; `widest` are the times of the outermost one."""

    dimensions: frozenset[str]
    span: TimeRange
    buckets: Buckets
    widest: TimeRange | None
    aggregates: bool = False


_NOTHING_AROUND: Final = _Outer(frozenset(), TimeRange(), Buckets(), None)

Find = Callable[[Measurement], Stored]
"""Raises StatementError for a database or retention policy that is not there."""


class Selecting:
    """Answers for one statement; `now` in ns."""

    def __init__(self, engine: Engine, find: Find, now: int) -> None:
        self._engine = engine
        self._find = find
        self._now = now
        self._scans = Scans()

    def answer(self, select: Select) -> list[Series]:
        """Raises StatementError; EngineError where the engine cannot answer."""
        _check_directions(select)
        return self._answer(self._prepared(select, _NOTHING_AROUND))

    def _prepared(self, select: Select, outer: "_Outer") -> Prepared:
        condition, own = split(select.condition, self._now)
        shape = shaped(select)
        if not shape.buckets.size:
            shape = replace(shape, buckets=outer.buckets)
        span = own.both(outer.span)
        if shape.buckets.size and span.last is None:
            span = replace(span, last=self._now)
        widest = outer.widest or span
        named = {dimension.name for dimension in shape.dimensions if isinstance(dimension, Ref)}
        aggregates = any(asked.function for asked in shape.asked)
        inner = _Outer(outer.dimensions | named, span, shape.buckets, widest, aggregates)
        sources, kept = self._sources(select, inner)
        dimensions = tuple(sorted({*outer.dimensions, *grouping(shape, sources)}))
        asked = columns(shape, sources, dimensions)
        calls = {(column.function, column.field, column.unit) for column in asked if column.function}
        if is_elapsed(asked) and shape.buckets.size:
            kept = _reaching_back(kept, shape.buckets.size, widest, descending=select.descending)
        found = rows(
            sources,
            asked,
            condition,
            kept,
            dimensions,
            self._scans,
            ranked=not calls or is_elapsed(asked) or has_beside(asked),
        )
        return Prepared(select, shape, asked, dimensions, span, found, len(calls))

    def _sources(self, select: Select, outer: "_Outer") -> tuple[list[Source], TimeRange]:
        """What there is to read, and from when on retention lets it be read."""
        sources: list[Source] = []
        kept = outer.span
        names = [source.name for source in select.sources if isinstance(source, Measurement)]
        if len(set(names)) < len(names):
            raise UnsupportedError("a measurement more than once in FROM")
        for source in select.sources:
            if isinstance(source, Select):
                answer = self._nested(source, outer)
                sources += [answer] if answer is not None else []
                continue
            stored = self._find(source)
            if stored.source is not None:
                sources.append(stored.source.alive() if select.series != Window() else stored.source)
                kept = kept.both(TimeRange(first=stored.oldest))
        return sources, kept

    def _nested(self, select: Select, outer: "_Outer") -> AnswerSource | None:
        if select.fill.kind == "null":
            # Within a query around it InfluxDB leaves empty buckets out, also where it would count 0.
            select = replace(select, fill=Fill("none"))
        prepared = self._prepared(select, outer)
        if prepared.rows is None or not has_values(prepared.columns):
            return None
        if outer.aggregates and not outer.buckets.size and _first_bucket(prepared) < outer.span.least:
            # 1.6 then answers nothing at all.
            raise UnsupportedError("a subquery whose first bucket begins before the times of the query around it")
        if prepared.is_plain and prepared.select.rows.limit and len(prepared.rows.groups) > 1:
            raise UnsupportedError("LIMIT on several series of a subquery")
        if select.fill.kind != "none" and prepared.shape.buckets.size and len(prepared.rows.groups) > 1:
            # 1.6 fills them once for each time that one series follows another.
            raise UnsupportedError("fill() of several series of a subquery")
        if prepared.is_plain and not prepared.select.series.limit:
            return self._as_source(prepared, plain_sql(prepared, prepared.rows))
        if len(prepared.columns) == 1 and is_elapsed(prepared.columns) and not prepared.select.rows.limit:
            column = prepared.columns[0]
            elapsed = elapsed_sql(prepared.rows, column, descending=select.descending)
            text = f"SELECT g, r, z, time, v AS c0 FROM ({elapsed.text})"
            return self._as_source(prepared, Sql(text, elapsed.parameters))
        return self._materialised(prepared)

    def _as_source(self, prepared: Prepared, sql: Sql) -> AnswerSource:
        assert prepared.rows is not None  # noqa: S101 - by the callers
        groups = prepared.rows.groups
        if len({name for name, _ in groups}) > 1:
            raise UnsupportedError("several measurements in a subquery")
        series = {
            number: tuple((tag, value) for tag, value in zip(prepared.dimensions, values, strict=True) if value)
            for number, (_, values) in enumerate(groups)
        }
        return AnswerSource(
            engine=self._engine,
            name=groups[0][0],
            columns={
                column.name: (column.kind or Kind.VARCHAR, f"c{at}")
                for at, column in enumerate(prepared.columns)
                if column.kind is not None or column.tag
            },
            series=series,
            tags=frozenset(prepared.dimensions),
            sql=Sql(f"SELECT g AS sid, * EXCLUDE (g, r, z), r * 4294967296 + z AS z FROM ({sql.text})", sql.parameters),
        )

    def _materialised(self, prepared: Prepared) -> AnswerSource | None:
        answers = self._answer(prepared)
        if not answers:
            return None
        if len({series.name for series in answers}) > 1:
            raise UnsupportedError("several measurements in a subquery")
        places = [number for number, series in enumerate(answers) for _ in series.rows]
        table = [row for series in answers for row in series.rows]
        lists: list[object] = [places, [row[0] for row in table], list(range(len(table)))]
        text = "unnest(?::INTEGER[]) AS sid, unnest(?::BIGINT[]) AS time, unnest(?::BIGINT[]) AS z"
        own: dict[str, tuple[Kind, str]] = {}
        for at, column in enumerate(prepared.columns):
            if column.kind is not None or column.tag:
                kind = column.kind or Kind.VARCHAR
                text += f", unnest(?::{kind.sql}[]) AS c{at}"
                lists.append([row[at + 1] for row in table])
                own[column.name] = (kind, f"c{at}")
        series = {
            number: tuple(sorted((tag, value) for tag, value in (each.tags or {}).items() if value))
            for number, each in enumerate(answers)
        }
        tags = frozenset(prepared.dimensions)
        return AnswerSource(self._engine, answers[0].name, own, series, tags, Sql(f"SELECT {text}", lists))

    def _query(self, sql: Sql) -> list[tuple[Any, ...]]:
        return self._engine.query(self._scans.prefixed(sql.text), list(sql.parameters))

    def _answer(self, prepared: Prepared) -> list[Series]:
        if prepared.rows is None or not has_values(prepared.columns):
            return []
        if is_elapsed(prepared.columns):
            answers = self._elapsed(prepared, prepared.rows)
        elif prepared.is_plain:
            names = "".join(f", c{at}" for at in range(len(prepared.columns)))
            plain = plain_sql(prepared, prepared.rows)
            order = _CONSTANT_ORDER.format(d=" DESC" if prepared.select.descending else "")
            found = self._query(Sql(f"SELECT g, time{names} FROM ({plain.text}) ORDER BY {order}", plain.parameters))
            answers = each_group(found)
        else:
            answers = self._aggregated(prepared, prepared.rows)
        return _series(prepared, prepared.rows, answers)

    def _elapsed(self, prepared: Prepared, found: Rows) -> Iterable[tuple[int, list[Sequence[Cell]]]]:
        """Each column by itself, then the rows of one moment side by side."""
        descending = prepared.select.descending
        direction = " DESC" if descending else ""
        by_group: dict[int, list[list[tuple[int, Cell]]]] = {}
        known: dict[tuple[str, int], dict[int, list[tuple[int, Cell]]]] = {}
        for at, column in enumerate(prepared.columns):
            if not column.stored:
                continue
            key = (column.field, column.unit)
            if key not in known:
                sql = elapsed_sql(found, column, descending=descending)
                order = _CONSTANT_ORDER.format(d=direction)
                answer = self._query(Sql(f"SELECT g, time, v FROM ({sql.text}) ORDER BY {order}", sql.parameters))
                known[key] = {group: [(int(row[0] or 0), row[1]) for row in each] for group, each in each_group(answer)}
            for group, pairs in known[key].items():
                by_group.setdefault(group, [[] for _ in prepared.columns])[at] = pairs
        for group in sorted(by_group):
            lists = [windowed(pairs, prepared.select.rows) for pairs in by_group[group]]
            yield group, _side_by_side(lists, descending=descending)

    def _aggregated(self, prepared: Prepared, found: Rows) -> Iterable[tuple[int, list[Sequence[Cell]]]]:
        buckets = prepared.shape.buckets
        one_selector = prepared.calls == 1 and any(column.function in SELECTORS for column in prepared.columns)
        moment = one_selector and not buckets.size
        if has_beside(prepared.columns):
            sql = selected_sql(prepared, found)
        else:
            sql = aggregate_sql(prepared, found, moment=moment)
        for group, lines in each_group(self._query(sql)):
            values = {line[0]: _finished(line[1:], prepared.columns) for line in lines}
            values = {start: cells for start, cells in values.items() if any(cell is not None for cell in cells)}
            if values:
                yield group, _rows_of(prepared, values, moment=moment)


def _first_bucket(prepared: Prepared) -> int:
    """Where the rows of a query may begin that has an earliest time."""
    first, buckets = prepared.span.least, prepared.shape.buckets
    if prepared.is_plain or not buckets.size or prepared.span.first is None:
        return first
    return bucket_start(first, buckets)


def _reaching_back(span: TimeRange, size: int, widest: TimeRange, *, descending: bool) -> TimeRange:
    """Within buckets InfluxDB lets elapsed begin a bucket earlier, as far as the outermost query goes."""
    if descending:
        return span if span.last is None else replace(span, last=min(span.last + size, widest.greatest))
    return span if span.first is None else replace(span, first=max(span.first - size, widest.least))


def _check_directions(select: Select) -> None:
    for source in select.sources:
        if isinstance(source, Select):
            if source.descending != select.descending:
                raise StatementError("subqueries must be ordered in the same direction as the query itself")
            _check_directions(source)


def _finished(cells: Sequence[Any], asked: Sequence[Column]) -> list[Cell]:
    """Integers go around as an int64 does; a mean is made here, of the sum as it is then."""
    finished: list[Cell] = []
    for cell, column in zip(cells, asked, strict=True):
        value = cell
        if column.function == "mean" and cell is not None:
            total, count = cell["s"], cell["n"]
            if isinstance(total, int):
                total = float(_int64(total))
            value = total / count if count else None
        elif column.function == "sum" and isinstance(cell, int):
            value = _int64(cell)
        finished.append(value)
    return finished


def _int64(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


def _rows_of(prepared: Prepared, values: dict[Any, list[Cell]], *, moment: bool) -> list[Sequence[Cell]]:
    select, span, buckets = prepared.select, prepared.span, prepared.shape.buckets
    if not buckets.size:
        ((time, cells),) = values.items()
        if not moment and not has_beside(prepared.columns):
            time = span.first or 0
        return windowed([[time, *without_buckets(cells, prepared.columns, select.fill)]], select.rows)
    first = None if span.first is None else bucket_start(span.first, buckets)
    reach = Span(first, bucket_start(span.greatest, buckets), buckets.size)
    return [*filled(values, prepared.columns, select.fill, reach, select.rows, descending=select.descending)]


def _side_by_side(lists: Sequence[list[tuple[int, Cell]]], *, descending: bool) -> list[Sequence[Cell]]:
    """Of each column its next row, as long as it is of the same moment."""
    heads = [0] * len(lists)
    found: list[Sequence[Cell]] = []
    while True:
        times = [pairs[head][0] for pairs, head in zip(lists, heads, strict=True) if head < len(pairs)]
        if not times:
            return found
        time = max(times) if descending else min(times)
        row: list[Cell] = [time]
        for at, pairs in enumerate(lists):
            head = heads[at]
            if head < len(pairs) and pairs[head][0] == time:
                row.append(pairs[head][1])
                heads[at] += 1
            else:
                row.append(None)
        found.append(row)


def _series(prepared: Prepared, found: Rows, answers: Iterable[tuple[int, list[Sequence[Cell]]]]) -> list[Series]:
    names = [prepared.shape.time_name, *(column.name for column in prepared.columns)]
    made: list[Series] = []
    shown = _shown_groups(prepared, found)
    for group, lines in answers:
        if not lines or group not in shown:
            continue
        name, values = found.groups[group]
        tags = dict(zip(prepared.dimensions, values, strict=True)) if prepared.dimensions else None
        made.append(Series(names, lines, name, tags))
    if prepared.select.descending:
        made.reverse()
    return made


def _shown_groups(prepared: Prepared, found: Rows) -> set[int]:
    """SLIMIT counts groups of series, whether rows of theirs are in the answer or not, in the order of their keys.

    A key is the tags that there are and then their values.
    """
    limit, offset = prepared.select.series.limit, prepared.select.series.offset

    def key(number: int) -> tuple[str, str]:
        name, values = found.groups[number]
        pairs = [pair for pair in zip(prepared.dimensions, values, strict=True) if pair[1]]
        return name, "|".join([tag for tag, _ in pairs] + [value for _, value in pairs])

    order = sorted(range(len(found.groups)), key=key) if limit or offset else range(len(found.groups))
    return set(order[offset : offset + limit] if limit else order[offset:])
