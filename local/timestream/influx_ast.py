"""Statements of InfluxQL. Times and durations are in ns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Duration:
    ns: int


@dataclass(frozen=True, slots=True)
class Regex:
    pattern: str


@dataclass(frozen=True, slots=True)
class Ref:
    """A field or tag; `kind` is what stands after `::`, such as `tag`."""

    name: str
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*`, or only tags or fields: `kind` is `tag`, `field` or None."""

    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """`operator` as InfluxQL prints it: AND, OR, =, !=, =~, !~, <, <=, >, >=, +, -, *, /, %, &, |, ^."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Parens:
    inner: "Expression"


Literal: TypeAlias = int | float | str | bool | Duration | Regex
Expression: TypeAlias = Literal | Ref | Wildcard | Call | Binary | Parens


@dataclass(frozen=True, slots=True)
class Field:
    expression: Expression
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    name: str
    database: str | None = None
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """`kind`: null, none, previous, linear, or number with its value."""

    kind: str = "null"
    number: float = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of each series: `limit` 0 means all."""

    limit: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Select:
    fields: tuple[Field, ...]
    sources: tuple["Measurement | Select", ...]
    condition: Expression | None = None
    dimensions: tuple[Expression, ...] = ()
    fill: Fill = Fill()
    descending: bool = False
    rows: Window = Window()
    series: Window = Window()


@dataclass(frozen=True, slots=True)
class Delete:
    """`sources` empty: every measurement."""

    sources: tuple[Measurement, ...]
    condition: Expression | None = None


@dataclass(frozen=True, slots=True)
class Show:
    """`what`: DATABASES, MEASUREMENTS, SERIES, TAG KEYS, TAG VALUES, FIELD KEYS or RETENTION POLICIES."""

    what: str
    database: str | None = None
    sources: tuple[Measurement, ...] = ()
    keys: tuple[str, tuple[str, ...]] | None = None
    """For TAG VALUES: the operator (=, !=, IN, =~, !~) and its names or pattern."""
    condition: Expression | None = None
    rows: Window = Window()


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    """`options` of WITH: duration_ns (0 is for ever), replication, shard_ns, name."""

    name: str
    options: Mapping[str, int | str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class DropDatabase:
    name: str


@dataclass(frozen=True, slots=True)
class DropMeasurement:
    name: str


Statement: TypeAlias = Select | Delete | Show | CreateDatabase | DropDatabase | DropMeasurement
