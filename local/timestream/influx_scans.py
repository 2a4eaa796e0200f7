"""SQL that brings the rows of a SELECT's sources together: grouped, ordered by series, in one relation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from local.timestream.influx_ast import Expression
from local.timestream.influx_conditions import Filter, compiled
from local.timestream.influx_plan import Column
from local.timestream.influx_sources import Source, Sql, TableSource
from local.timestream.influx_times import TimeRange
from local.timestream.model import Kind, Series

_FEW = 20


@dataclass(slots=True)
class Scans:
    """Reads of tables which several parts of one query share: each is made once."""

    _named: dict[str, tuple[str, int]] = field(default_factory=dict)

    def of(self, source: TableSource, sids: Sequence[int], span: TimeRange) -> str:
        """A name for the rows of few series of a table."""
        among = f"sid = {sids[0]}" if len(sids) == 1 else f"sid IN ({', '.join(map(str, sids))})"
        text = f"SELECT * FROM {source.sql.text} WHERE {among} AND time BETWEEN {span.least} AND {span.greatest}"
        name, uses = self._named.get(text, (f"scan{len(self._named)}", 0))
        self._named[text] = (name, uses + 1)
        return name

    def prefixed(self, query: str) -> str:
        if not self._named:
            return query
        parts = [
            f"{name} AS {'' if uses > 1 else 'NOT '}MATERIALIZED ({text})" for text, (name, uses) in self._named.items()
        ]
        return f"WITH {', '.join(parts)} {query}"


Group = tuple[str, tuple[str, ...]]
"""The name of a measurement and the values of the tags that are grouped by."""


@dataclass(frozen=True, slots=True)
class Rows:
    """`sql` has columns g (its group's number), r and z (the order of rows of one moment), time, and f0…, t0… as asked.

    `alone`: each group is one series, so no two of its rows have one moment.
    """

    sql: Sql
    groups: Sequence[Group]
    alone: bool
    cells: Mapping[tuple[str, bool], str]
    """What a field, or a tag where True, is called in `sql`."""

    def cell(self, column: Column) -> str:
        return self.cells[column.field, column.tag]


@dataclass(frozen=True, slots=True)
class _Part:
    source: Source
    filter: Filter
    series: dict[int, Series]


def rows(
    sources: Sequence[Source],
    wanted: Sequence[Column],
    condition: Expression | None,
    span: TimeRange,
    dimensions: Sequence[str],
    scans: Scans,
    *,
    ranked: bool,
) -> Rows | None:
    """None where no series is left; `ranked` where the order of rows of one moment counts. Raises StatementError."""
    parts = [part for part in (_part(source, condition) for source in sources) if part.series]
    if not parts or span.least > span.greatest:
        return None
    fields = list(dict.fromkeys(column.field for column in wanted if column.stored))
    kinds = {name: kind for part in parts for name, (kind, _) in part.source.columns.items()}
    tags = list(dict.fromkeys(column.field for column in wanted if column.tag))
    ranked = ranked or bool(dimensions or tags) or len({part.source.name for part in parts}) > 1
    places = _places(parts, dimensions) if ranked else _one_place(parts)
    groups = sorted({group for by_sid in places for group, _ in by_sid.values()})
    numbers = {group: number for number, group in enumerate(groups)}
    selects = [
        _select(part, by_sid, numbers, fields, kinds, tags, span, scans, ranked=ranked)
        for part, by_sid in zip(parts, places, strict=True)
    ]
    text = " UNION ALL ".join(select.text for select in selects)
    parameters = [parameter for select in selects for parameter in select.parameters]
    cells = {(name, False): f"f{at}" for at, name in enumerate(fields)}
    cells |= {(name, True): f"t{at}" for at, name in enumerate(tags)}
    cells |= {(column.field, column.tag): "NULL" for column in wanted if (column.field, column.tag) not in cells}
    alone = len(groups) == sum(map(len, places))
    return Rows(Sql(text, parameters), groups, alone, cells)


def _part(source: Source, condition: Expression | None) -> _Part:
    chosen = compiled(condition, source)
    series = source.series
    if chosen.series is not None:
        series = {sid: series[sid] for sid in chosen.series if sid in series}
    return _Part(source, chosen, dict(series))


def _places(parts: Sequence[_Part], dimensions: Sequence[str]) -> list[dict[int, tuple[Group, int]]]:
    """The group of each series, and its place among those of all parts."""
    order = sorted(
        (part.source.name, series, number, sid)
        for number, part in enumerate(parts)
        for sid, series in part.series.items()
    )
    places: list[dict[int, tuple[Group, int]]] = [{} for _ in parts]
    for rank, (name, series, number, sid) in enumerate(order):
        values: tuple[str, ...] = ()
        if dimensions:
            pairs = dict(series)
            values = tuple(pairs.get(dimension, "") for dimension in dimensions)
        places[number][sid] = ((name, values), rank)
    return places


def _one_place(parts: Sequence[_Part]) -> list[dict[int, tuple[Group, int]]]:
    place: tuple[Group, int] = ((parts[0].source.name, ()), 0)
    return [dict.fromkeys(part.series, place) for part in parts]


def _select(
    part: _Part,
    places: Mapping[int, tuple[Group, int]],
    numbers: Mapping[Group, int],
    fields: Sequence[str],
    kinds: Mapping[str, Kind],
    tags: Sequence[str],
    span: TimeRange,
    scans: Scans,
    *,
    ranked: bool,
) -> Sql:
    source = part.source
    own = source.columns
    cells = [own[name][1] if name in own else f"NULL::{kinds[name].sql}" for name in fields]
    named = "".join(f", {cell} AS f{at}" for at, cell in enumerate(cells))
    sids = list(part.series)
    origin = source.sql
    # A subquery has kept to the times already; its buckets may begin before them.
    stored = isinstance(source, TableSource)
    conditions = [f"time BETWEEN {span.least} AND {span.greatest}"] if stored else []
    z = "0" if stored else "z"
    if isinstance(source, TableSource) and len(sids) <= _FEW:
        origin = Sql(scans.of(source, sids, span))
        conditions = []
    parameters: list[object] = []
    if len(sids) == 1:
        group, rank = places[sids[0]]
        pairs = dict(part.series[sids[0]])
        text = f"SELECT {numbers[group]} AS g, {rank} AS r, {z} AS z, time{named}"
        text += "".join(f", ?::VARCHAR AS t{at}" for at in range(len(tags)))
        parameters += [pairs.get(tag) for tag in tags]
        text += f" FROM {_from(origin)}"
        parameters += origin.parameters
        conditions.append(f"sid = {sids[0]}")
    elif not ranked:
        text = f"SELECT 0 AS g, 0 AS r, {z} AS z, time{named} FROM {_from(origin)}"
        parameters += origin.parameters
        if part.filter.series is not None:
            conditions.append("sid IN (SELECT unnest(?::INTEGER[]))")
            parameters.append(sids)
    else:
        mapping: list[object] = [
            sids,
            [numbers[places[sid][0]] for sid in sids],
            [places[sid][1] for sid in sids],
            *[[dict(part.series[sid]).get(tag) for sid in sids] for tag in tags],
        ]
        lists = "".join(f", unnest(?::VARCHAR[]) AS t{at}" for at in range(len(tags)))
        text = f"SELECT g, r, {z} AS z, time{named}" + "".join(f", t{at}" for at in range(len(tags)))
        text += f" FROM {_from(origin)} JOIN (SELECT unnest(?::INTEGER[]) AS sid, unnest(?::INTEGER[]) AS g,"
        text += f" unnest(?::INTEGER[]) AS r{lists}) USING (sid)"
        parameters += [*origin.parameters, *mapping]
    if part.filter.rows:
        conditions.append(part.filter.rows.text)
        parameters += part.filter.rows.parameters
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return Sql(text + where, parameters)


def _from(origin: Sql) -> str:
    return origin.text if " " not in origin.text else f"({origin.text})"
