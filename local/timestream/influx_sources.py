"""What a SELECT reads from: measurements and the answers of subqueries, all alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from local.timestream.catalog import Table
from local.timestream.engine import Engine
from local.timestream.model import Kind, Series


@dataclass(frozen=True, slots=True)
class Sql:
    text: str
    parameters: Sequence[object] = ()

    def __bool__(self) -> bool:
        return bool(self.text)


class Source(Protocol):
    """Rows of numbered series: `sql` has columns sid, time and those that `columns` names."""

    @property
    def name(self) -> str: ...
    @property
    def columns(self) -> Mapping[str, tuple[Kind, str]]:
        """Each field's kind, and its name in `sql`."""
        ...

    @property
    def series(self) -> Mapping[int, Series]: ...
    @property
    def tags(self) -> frozenset[str]: ...
    @property
    def sql(self) -> Sql: ...
    def having(self, tag: str, value: str) -> Iterable[int]:
        """The series with this value of a tag; an empty value is that of those without the tag."""
        ...

    def matching(self, tag: str, pattern: str) -> Iterable[int]:
        """The series of whose tag a part matches. Raises StatementError for what is no pattern."""
        ...


def matches(engine: Engine, pattern: str, values: Sequence[str]) -> set[str]:
    """Those that match, by DuckDB's RE2, which understands patterns as Go does."""
    rows = engine.query("SELECT v, regexp_matches(v, ?) FROM (SELECT unnest(?::VARCHAR[]) AS v)", [pattern, values])
    return {value for value, fits in rows if fits}


def _having(series: Mapping[int, Series], tag: str, value: str) -> Iterable[int]:
    return [sid for sid, pairs in series.items() if dict(pairs).get(tag, "") == value]


def _matching(engine: Engine, series: Mapping[int, Series], tag: str, pattern: str) -> Iterable[int]:
    values = {sid: dict(pairs).get(tag, "") for sid, pairs in series.items()}
    fitting = matches(engine, pattern, sorted(set(values.values())))
    return [sid for sid, value in values.items() if value in fitting]


@dataclass(frozen=True, slots=True)
class TableSource:
    """A measurement as it is stored."""

    engine: Engine
    table: Table
    only: frozenset[int] | None = None
    """The series that are seen, of no set all."""

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def columns(self) -> Mapping[str, tuple[Kind, str]]:
        return {name: (column.kind, column.sql) for name, column in self.table.columns.items()}

    @property
    def series(self) -> Mapping[int, Series]:
        series = self.table.series.copy()
        return series if self.only is None else {sid: tags for sid, tags in series.items() if sid in self.only}

    def alive(self) -> "TableSource":
        """Without series whose rows are all deleted."""
        return TableSource(self.engine, self.table, frozenset(live_series(self.engine, self.table)))

    @property
    def tags(self) -> frozenset[str]:
        return frozenset(self.table.tags)

    @property
    def sql(self) -> Sql:
        return Sql(self.table.data)

    def having(self, tag: str, value: str) -> Iterable[int]:
        return self.table.find({tag: value}) if value else _having(self.series, tag, value)

    def matching(self, tag: str, pattern: str) -> Iterable[int]:
        return _matching(self.engine, self.series, tag, pattern)


@dataclass(frozen=True, slots=True)
class AnswerSource:
    """What a subquery answers: its groups are the series, their tags those that it groups by."""

    engine: Engine
    name: str
    columns: Mapping[str, tuple[Kind, str]]
    series: Mapping[int, Series]
    tags: frozenset[str]
    sql: Sql = field(repr=False)

    def having(self, tag: str, value: str) -> Iterable[int]:
        return _having(self.series, tag, value)

    def matching(self, tag: str, pattern: str) -> Iterable[int]:
        return _matching(self.engine, self.series, tag, pattern)


def live_series(engine: Engine, table: Table) -> dict[int, Series]:
    """Those that have rows; only where some were deleted they must be looked for."""
    series = table.series.copy()
    if not table.properties.get("deleted"):
        return series
    live = {row[0] for row in engine.query(f"SELECT DISTINCT sid FROM {table.data}")}
    return {sid: tags for sid, tags in series.items() if sid in live}
