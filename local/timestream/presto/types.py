"""Types of Timestream's SQL: how DuckDB holds their values and how an answer shows them."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from math import isinf, isnan
from typing import Any, NamedTuple

from local.timestream.liveanalytics_errors import invalid
from local.timestream.model import Kind


class Type(StrEnum):
    """A timestamp or an interval is its ns in a BIGINT of DuckDB; UNKNOWN is that of NULL."""

    BOOLEAN = "BOOLEAN"
    INTEGER = "INTEGER"
    BIGINT = "BIGINT"
    DOUBLE = "DOUBLE"
    VARCHAR = "VARCHAR"
    TIMESTAMP = "TIMESTAMP"
    DATE = "DATE"
    INTERVAL = "INTERVAL_DAY_TO_SECOND"
    UNKNOWN = "UNKNOWN"

    @property
    def shown(self) -> str:
        """As the service names it in its complaints."""
        return self.value.lower().replace("_", " ")

    @property
    def sql(self) -> str:
        match self:
            case Type.TIMESTAMP | Type.INTERVAL:
                return "BIGINT"
            case Type.UNKNOWN:
                return "VARCHAR"
        return self.value


NUMBERS = (Type.INTEGER, Type.BIGINT, Type.DOUBLE)
OF_KIND: Mapping[Kind, Type] = {kind: Type(kind.value) for kind in Kind}


class Column(NamedTuple):
    name: str
    type: Type


def common(one: Type, other: Type) -> Type | None:
    """The type that both can be read as without loss, None when there is none."""
    if one is other or other is Type.UNKNOWN:
        return one
    if one is Type.UNKNOWN:
        return other
    if one in NUMBERS and other in NUMBERS:
        return max(one, other, key=NUMBERS.index)
    if {one, other} == {Type.DATE, Type.TIMESTAMP}:
        return Type.TIMESTAMP
    return None


def datum(value: Any, shown_by: Callable[[Any], str]) -> dict[str, Any]:
    return {"NullValue": True} if value is None else {"ScalarValue": shown_by(value)}


def moment(ns: int) -> str:
    """`2022-07-07 17:44:43.771000000`. Raises ServiceError before 1970, which the service does not know."""
    if ns < 0:
        raise invalid("Negative time values are not supported.")
    return f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%d %H:%M:%S}.{ns % 10**9:09d}"


def interval(ns: int) -> str:
    """`1 02:03:04.000000005`."""
    sign, size = ("-", -ns) if ns < 0 else ("", ns)
    seconds, rest = divmod(size, 10**9)
    days, of_day = divmod(seconds, 86_400)
    return f"{sign}{days} {of_day // 3600:02d}:{of_day // 60 % 60:02d}:{of_day % 60:02d}.{rest:09d}"


def double(value: float) -> str:
    """As Java writes it: `21.5`, `1.0E-5`, `1.0E7`."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:  # noqa: PLR2004 - where Java begins to write exponents
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    first, *rest = map(str, digits)
    assert isinstance(exponent, int)  # noqa: S101 - the number is finite
    return f"{'-' if sign else ''}{first}.{''.join(rest) or '0'}E{exponent + len(rest)}"


SHOWN: Mapping[Type, Callable[[Any], str]] = {
    Type.BOOLEAN: lambda value: "true" if value else "false",
    Type.INTEGER: str,
    Type.BIGINT: str,
    Type.DOUBLE: double,
    Type.VARCHAR: str,
    Type.TIMESTAMP: moment,
    Type.DATE: lambda value: value.isoformat() if isinstance(value, date) else str(value),
    Type.INTERVAL: interval,
    Type.UNKNOWN: str,
}
