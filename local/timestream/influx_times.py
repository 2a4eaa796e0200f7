"""Conditions on time, taken out of a WHERE clause as InfluxDB does it: they all hold together, even beneath OR."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from local.timestream.influx_ast import Binary, Call, Duration, Expression, Parens, Ref, Regex, Wildcard
from local.timestream.influx_errors import StatementError
from local.timestream.influx_lines import MAX_TIME, MIN_TIME

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MIRRORED: Final = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_COMPARISONS: Final = frozenset({"=", "!=", "=~", "!~", "<", "<=", ">", ">="})
_KINDS: Final = {
    bool: "BooleanLiteral",
    str: "StringLiteral",
    int: "IntegerLiteral",
    float: "NumberLiteral",
    Duration: "DurationLiteral",
    Regex: "RegexLiteral",
    Ref: "VarRef",
    Call: "Call",
    Binary: "BinaryExpr",
    Parens: "ParenExpr",
    Wildcard: "Wildcard",
}


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Both ends included, in ns; None is no bound."""

    first: int | None = None
    last: int | None = None

    def both(self, other: "TimeRange") -> "TimeRange":
        firsts = [each for each in (self.first, other.first) if each is not None]
        lasts = [each for each in (self.last, other.last) if each is not None]
        return TimeRange(max(firsts, default=None), min(lasts, default=None))

    @property
    def least(self) -> int:
        return MIN_TIME if self.first is None else self.first

    @property
    def greatest(self) -> int:
        return MAX_TIME if self.last is None else self.last


def kind_name(expression: Expression) -> str:
    """The type of an expression as InfluxDB's errors name it."""
    return f"*influxql.{_KINDS[type(expression)]}"


def split(  # noqa: PLR0911 - a return a kind of condition
    condition: Expression | None, now: int
) -> tuple[Expression | None, TimeRange]:
    """What else must hold, and when. Raises StatementError."""
    match condition:
        case None:
            return None, TimeRange()
        case Binary("AND" | "OR" as operator, left, right):
            one, first = split(left, now)
            other, second = split(right, now)
            together = first.both(second)
            if one is None or other is None:
                return (other if one is None else one), together
            return Binary(operator, one, other), together
        case Parens(inner):
            kept, span = split(inner, now)
            return (None if kept is None else Parens(kept)), span
        case Binary(operator, left, right) if operator in _COMPARISONS:
            if _is_time(left):
                return None, _range(operator, right, now)
            if _is_time(right):
                return None, _range(_MIRRORED.get(operator, operator), left, now)
            _check_calls(condition)
            return condition, TimeRange()
        case bool():
            return condition, TimeRange()
    raise StatementError(f"invalid condition expression: {written(condition)}")


def _is_time(expression: Expression) -> bool:
    return isinstance(expression, Ref) and expression.name.lower() == "time"


def _check_calls(expression: Expression) -> None:
    match expression:
        case Call():
            raise StatementError(f"invalid function call in condition: {written(expression)}")
        case Binary(_, left, right):
            _check_calls(left)
            _check_calls(right)
        case Parens(inner):
            _check_calls(inner)


def _range(operator: str, bound: Expression, now: int) -> TimeRange:
    moment = _moment(bound, now)
    match operator:
        case "=":
            return TimeRange(moment, moment)
        case ">":
            return TimeRange(first=_wrapped(moment + 1))
        case ">=":
            return TimeRange(first=moment)
        case "<":
            return TimeRange(last=_wrapped(moment - 1))
        case "<=":
            return TimeRange(last=moment)
    raise StatementError(f"invalid time comparison operator: {operator}")


def _wrapped(moment: int) -> int:
    """As an int64 goes around, which is how the real server understands what lies beyond the last moment."""
    return (moment + 2**63) % 2**64 - 2**63


def _moment(expression: Expression, now: int) -> int:
    value = _value(expression, now)
    match value:
        case Duration(ns):
            return ns
        case datetime_ns() as moment:
            return int(moment)
        case bool():
            pass
        case int() if value < 2**63:
            return value
        case int():
            raise StatementError("invalid operation: time and *influxql.UnsignedLiteral are not compatible")
        case float():
            return int(value)
        case str() if _DATE.match(value):
            return int(_timestamp(value))
    raise StatementError(f"invalid operation: time and {kind_name(value)} are not compatible")


class datetime_ns(int):  # noqa: N801 - a moment in ns, apart from plain numbers
    __slots__ = ()


_Value = Expression | datetime_ns


def _value(expression: _Value, now: int) -> _Value:
    """The expression, computed as far as it is constant."""
    match expression:
        case Parens(inner):
            return _value(inner, now)
        case Call(name, ()) if name.lower() == "now":
            return datetime_ns(now)
        case Binary(("+" | "-") as operator, left, right):
            one, other = _value(left, now), _value(right, now)
            if isinstance(one, str) and _DATE.match(one):
                one = datetime_ns(_timestamp(one))
            if isinstance(other, str) and _DATE.match(other):
                other = datetime_ns(_timestamp(other))
            return _sum(one, other if operator == "+" else _negative(other), expression)
    return expression


def _negative(value: _Value) -> _Value:
    match value:
        case Duration(ns):
            return Duration(-ns)
        case datetime_ns():
            return datetime_ns(-value)
        case bool() | str():
            return value
        case int() | float():
            return -value
    return value


def _sum(one: _Value, other: _Value, whole: _Value) -> _Value:
    moments = sum(isinstance(each, datetime_ns) for each in (one, other))
    numbers: list[int | float] = []
    for each in (one, other):
        if isinstance(each, Duration):
            numbers.append(each.ns)
        elif isinstance(each, int | float) and not isinstance(each, bool):
            numbers.append(each)
        else:
            return whole
    total = sum(numbers)
    if moments == 1:
        return datetime_ns(total)
    if moments or isinstance(one, Duration) or isinstance(other, Duration):
        return Duration(int(total))
    return total


def _timestamp(text: str) -> int:
    """Of a date, or a date and a time; without an offset it is UTC. Raises StatementError."""
    match = _MOMENT.fullmatch(text)
    if match is None and not _DATE.fullmatch(text):
        raise StatementError("invalid timestamp string")
    # With a T there must be an offset, with a blank there must be none.
    if match is not None and ("T" in text) != bool(match[4]):
        raise StatementError("invalid timestamp string")
    try:
        if match is None:
            whole, fraction = datetime.fromisoformat(text).replace(tzinfo=UTC), ""
        else:
            day, clock, fraction, offset = match.groups(default="")
            whole = datetime.fromisoformat(f"{day}T{clock}{offset or 'Z'}")
    except ValueError:
        raise StatementError("invalid timestamp string") from None
    seconds = (whole - _EPOCH) // timedelta(seconds=1)
    return seconds * 10**9 + int(f"{fraction:0<9}"[:9])


def written(expression: Expression) -> str:  # noqa: C901, PLR0911 - a case a kind of expression
    """As InfluxDB prints it."""
    match expression:
        case bool():
            return "true" if expression else "false"
        case str():
            quoted = expression.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
            return f"'{quoted}'"
        case float():
            return f"{expression:.3f}"
        case Ref(name, kind):
            plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)
            shown = name if plain else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
            return shown if kind is None else f"{shown}::{kind}"
        case Call(name, arguments):
            return f"{name}({', '.join(written(each) for each in arguments)})"
        case Binary(operator, left, right):
            return f"{written(left)} {operator} {written(right)}"
        case Parens(inner):
            return f"({written(inner)})"
        case Duration(ns):
            return written_duration(ns)
        case Regex(pattern):
            return "/" + pattern.replace("/", "\\/") + "/"
        case Wildcard():
            return "*"
    return str(expression)


def written_duration(ns: int) -> str:
    """In InfluxQL's largest unit that fits."""
    if ns == 0:
        return "0s"
    for unit, size in (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if ns % (size * 10**9) == 0:
            return f"{ns // (size * 10**9)}{unit}"
    for unit, size in (("ms", 10**6), ("u", 10**3)):
        if ns % size == 0:
            return f"{ns // size}{unit}"
    return f"{ns}ns"
