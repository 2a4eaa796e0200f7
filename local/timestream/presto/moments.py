"""Functions of date and time: arithmetic on ns since the Unix epoch, in UTC."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from local.timestream.presto import literals, parsing
from local.timestream.presto.expressions import Expressions, Piece, as_type, cast_to_date
from local.timestream.presto.parsing import DURATION, Node
from local.timestream.presto.types import Type

Function: TypeAlias = Callable[[Expressions, Node], Piece]

_WHOLE = (Type.INTEGER, Type.BIGINT)
_SECOND, _DAY = 10**9, 86_400 * 10**9
_WIDTHS: Mapping[str, int] = {
    "millisecond": 10**6,
    "second": _SECOND,
    "minute": 60 * _SECOND,
    "hour": 3600 * _SECOND,
    "day": _DAY,
    "week": 7 * _DAY,
}
# The epoch was a Thursday, weeks begin on Monday.
_WEEK_SHIFT = 3 * _DAY
_PARTS: Mapping[str, str] = {
    "millisecond": "({0} // 1000000 % 1000)",
    "second": "({0} // 1000000000 % 60)",
    "minute": "({0} // 60000000000 % 60)",
    "hour": "({0} // 3600000000000 % 24)",
    "day": "day(make_timestamp({0} // 1000))",
    "day_of_month": "day(make_timestamp({0} // 1000))",
    "day_of_week": "(({0} // 86400000000000 + 3) % 7 + 1)",
    "dow": "(({0} // 86400000000000 + 3) % 7 + 1)",
    "day_of_year": "dayofyear(make_timestamp({0} // 1000))",
    "doy": "dayofyear(make_timestamp({0} // 1000))",
    "month": "month(make_timestamp({0} // 1000))",
    "quarter": "quarter(make_timestamp({0} // 1000))",
    "year": "year(make_timestamp({0} // 1000))",
}


def _now(scope: Expressions, node: Node) -> Piece:
    _arguments(scope, node, ())
    return Piece(f"{scope.now_ns}::BIGINT", Type.TIMESTAMP)


def _ago(scope: Expressions, node: Node) -> Piece:
    (interval,) = _arguments(scope, node, ((Type.INTERVAL,),))
    return Piece(f"({scope.now_ns}::BIGINT - {interval.sql})", Type.TIMESTAMP)


def _duration(scope: Expressions, node: Node) -> Piece:
    (text,) = _arguments(scope, node, ((Type.VARCHAR,),))
    ns = parsing.duration(text.constant) if isinstance(text.constant, str) else None
    if ns is None or ns >= 2**63:
        raise scope.error(node, f"Invalid duration: {text.constant}")
    return Piece(f"{ns}::BIGINT", Type.INTERVAL, ns)


def _bin(scope: Expressions, node: Node) -> Piece:
    value, width = _arguments(scope, node, ((Type.TIMESTAMP, Type.DATE), (Type.INTERVAL,)))
    if not isinstance(width.constant, int) or width.constant <= 0:
        raise scope.error(node, "The interval of bin must be a positive literal")
    ns = as_type(value, Type.TIMESTAMP).sql
    return Piece(f"({ns} // {width.constant} * {width.constant})", Type.TIMESTAMP)


def _date_trunc(scope: Expressions, node: Node) -> Piece:
    unit, value = _arguments(scope, node, ((Type.VARCHAR,), (Type.TIMESTAMP,)))
    name = str(unit.constant).lower()
    if name == "week":
        week = _WIDTHS["week"]
        return Piece(f"(({value.sql} + {_WEEK_SHIFT}) // {week} * {week} - {_WEEK_SHIFT})", Type.TIMESTAMP)
    if name in _WIDTHS:
        return Piece(f"({value.sql} // {_WIDTHS[name]} * {_WIDTHS[name]})", Type.TIMESTAMP)
    if name in {"month", "quarter", "year"}:
        sql = f"(epoch_ns(CAST(date_trunc('{name}', make_timestamp({value.sql} // 1000)) AS TIMESTAMP)))"
        return Piece(sql, Type.TIMESTAMP)
    raise scope.error(node, f"'{unit.constant}' is not a valid TIMESTAMP field")


def _date_add(scope: Expressions, node: Node) -> Piece:
    unit, amount, value = _arguments(scope, node, ((Type.VARCHAR,), _WHOLE, (Type.TIMESTAMP,)))
    width = _width(scope, node, unit)
    return Piece(f"({value.sql} + CAST({amount.sql} AS BIGINT) * {width})", Type.TIMESTAMP)


def _date_diff(scope: Expressions, node: Node) -> Piece:
    unit, first, second = _arguments(scope, node, ((Type.VARCHAR,), (Type.TIMESTAMP,), (Type.TIMESTAMP,)))
    return Piece(f"(({second.sql} - {first.sql}) // {_width(scope, node, unit)})", Type.BIGINT)


def _width(scope: Expressions, node: Node, unit: Piece) -> int:
    width = _WIDTHS.get(str(unit.constant).lower())
    if width is None:
        raise scope.unsupported(node, f"the unit {unit.constant}")
    return width


def _from_iso8601(scope: Expressions, node: Node) -> Piece:
    (text,) = _arguments(scope, node, ((Type.VARCHAR,),))
    ns = literals.timestamp_ns(text.constant) if isinstance(text.constant, str) else None
    if ns is None:
        raise scope.error(node, f"Invalid format: {text.constant!r}")
    return Piece(f"{ns}::BIGINT", Type.TIMESTAMP, ns)


def _date(scope: Expressions, node: Node) -> Piece:
    (value,) = _arguments(scope, node, ((Type.TIMESTAMP,),))
    return cast_to_date(value)


def _converted(argument: tuple[Type, ...], template: str, result: Type) -> Function:
    def function(scope: Expressions, node: Node) -> Piece:
        (value,) = _arguments(scope, node, (argument,))
        return Piece(f"({template.format(value.sql)})", result)

    return function


def _part(name: str) -> Function:
    return _converted((Type.TIMESTAMP,), f"CAST({_PARTS[name]} AS BIGINT)", Type.BIGINT)


def extract(scope: Expressions, node: Node) -> Piece:
    """EXTRACT(HOUR FROM time)"""
    name = str(node.this.name).lower()
    value = scope.compile(node.expression)
    if name not in _PARTS or value.type is not Type.TIMESTAMP:
        raise scope.unsupported(node, f"EXTRACT of {name} from {value.type.shown}")
    return Piece(f"(CAST({_PARTS[name].format(value.sql)} AS BIGINT))", Type.BIGINT)


def _arguments(scope: Expressions, node: Node, wanted: tuple[tuple[Type, ...], ...]) -> list[Piece]:
    given = [scope.compile(each) for each in node.expressions]
    fits = len(given) == len(wanted) and all(piece.type in types for piece, types in zip(given, wanted, strict=True))
    if not fits:
        shown = ", ".join(piece.type.shown for piece in given)
        raise scope.error(node, f"Unexpected parameters ({shown}) for function {str(node.this).lower()}")
    return given


MOMENT_FUNCTIONS: Mapping[str, Function] = {
    DURATION: _duration,
    "parse_duration": _duration,
    "now": _now,
    "ago": _ago,
    "bin": _bin,
    "date_trunc": _date_trunc,
    "date_add": _date_add,
    "date_diff": _date_diff,
    "date": _date,
    "from_iso8601_timestamp": _from_iso8601,
    "from_milliseconds": _converted(_WHOLE, "CAST({0} AS BIGINT) * 1000000", Type.TIMESTAMP),
    "from_nanoseconds": _converted(_WHOLE, "CAST({0} AS BIGINT)", Type.TIMESTAMP),
    "to_milliseconds": _converted((Type.TIMESTAMP,), "{0} // 1000000", Type.BIGINT),
    "to_nanoseconds": _converted((Type.TIMESTAMP,), "{0}", Type.BIGINT),
    "to_unixtime": _converted((Type.TIMESTAMP,), "{0} / 1000000000.0::DOUBLE", Type.DOUBLE),
    **{name: _part(name) for name in _PARTS if name not in {"dow", "doy"}},
}
