"""What both protocols store: rows of typed columns, each a moment of a series."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class Kind(StrEnum):
    """The type of a column, fixed by its first value."""

    DOUBLE = "DOUBLE"
    BIGINT = "BIGINT"
    VARCHAR = "VARCHAR"
    BOOLEAN = "BOOLEAN"
    TIMESTAMP = "TIMESTAMP"

    @property
    def sql(self) -> str:
        """How DuckDB holds it: a timestamp is its ns since the Unix epoch."""
        return "BIGINT" if self is Kind.TIMESTAMP else self.value


class Timestamp(int):
    """A value of kind TIMESTAMP: ns since the Unix epoch."""


Value: TypeAlias = float | int | str | bool | Timestamp
KINDS: Mapping[type, Kind] = {
    float: Kind.DOUBLE,
    int: Kind.BIGINT,
    str: Kind.VARCHAR,
    bool: Kind.BOOLEAN,
    Timestamp: Kind.TIMESTAMP,
}
"""The kind of a value is that of its very type."""

Series: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values of its tags, ordered by name, each name once."""

MIN_INT64, MAX_INT64 = -(2**63), 2**63 - 1


class Policy(StrEnum):
    """What happens to a second row of the same series and time.

    MERGE: its values replace those of the same columns, the others stay. VERSIONED: a higher version replaces the whole
    row; the same values again change nothing; anything else is refused.
    """

    MERGE = "merge"
    VERSIONED = "versioned"


class Row(NamedTuple):
    """`time` in ns since the Unix epoch; `version` counts only under VERSIONED; at least one value."""

    series: Series
    time: int
    version: int
    values: Mapping[str, Value]


class KindConflict(NamedTuple):
    """The row at `row` was refused: `column` is of another kind. Nothing of the row is stored."""

    row: int
    column: str
    existing: Kind
    got: Kind


class VersionConflict(NamedTuple):
    """The row at `row` was refused: other values stand with a version as high or higher."""

    row: int
    version: int
    existing: int


Conflict: TypeAlias = KindConflict | VersionConflict


class Column(NamedTuple):
    """`sql` is its name in DuckDB, which needs no quotes; `number` counts from 0; `kind` of a tag is VARCHAR."""

    name: str
    kind: Kind
    sql: str
    number: int
