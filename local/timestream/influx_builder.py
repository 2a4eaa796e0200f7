"""Lark's tree of a query to statements: a method for each rule of the grammar."""

import re
from typing import Any, Final

from lark import Token, Transformer

from local.timestream.influx_ast import (
    Binary,
    Call,
    CreateDatabase,
    Delete,
    DropDatabase,
    DropMeasurement,
    Duration,
    Expression,
    Field,
    Fill,
    Measurement,
    Parens,
    Ref,
    Regex,
    Select,
    Show,
    Statement,
    Wildcard,
    Window,
)
from local.timestream.influx_errors import ParseError

UNITS: Final = {
    "ns": 1,
    "u": 10**3,
    "µ": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
    "w": 7 * 86400 * 10**9,
}
MAX_INT, MIN_INT = 2**63 - 1, -(2**63)
_PART: Final = re.compile(r"(\d+)(ns|ms|[uµsmhdw])")
CASTS: Final = ("float", "integer", "unsigned", "string", "boolean", "field", "tag")
_KEYWORD = re.compile(r"[A-Z_]+")


def located(message: str, token: Token) -> ParseError:
    return ParseError(f"{message} at line {token.line}, char {token.column}")


def _duration(text: str) -> Duration:
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ParseError("invalid duration")
    return Duration(sum(int(number) * UNITS[unit] for number, unit in parts))


def _is_word(item: Any) -> bool:
    return isinstance(item, Token) and item.type != "IDENT" and _KEYWORD.fullmatch(item.type) is not None


def _of(items: list[Any], kind: type, default: Any = None) -> Any:
    """The one item of a type, where each type stands for another clause."""
    return next((item for item in items if isinstance(item, kind)), default)


class _On(str):
    __slots__ = ()


class _Where(tuple[Expression, ...]):
    __slots__ = ()


class _Limit(int):
    pass


class _Offset(int):
    pass


class _SLimit(int):
    pass


class _SOffset(int):
    pass


class _Sources(tuple[Any, ...]):
    __slots__ = ()


class _Dimensions(tuple[Expression, ...]):
    __slots__ = ()


class _Keys(tuple[str, tuple[str, ...]]):
    __slots__ = ()


class _Order(str):
    __slots__ = ()


def _window(items: list[Any], limit: type[int] = _Limit, offset: type[int] = _Offset) -> Window:
    return Window(int(_of(items, limit, 0)), int(_of(items, offset, 0)))


def _condition(items: list[Any]) -> Expression | None:
    return next(iter(_of(items, _Where, ())), None)


class Builder(Transformer[Token, Any]):
    """A method for each rule of the grammar; `items` are what its parts became, tokens left as they are."""

    def start(self, items: list[Any]) -> tuple[Statement, ...]:
        return tuple(item for item in items if item is not None and not isinstance(item, Token))

    def select(self, items: list[Any]) -> Select:
        return Select(
            fields=items[1],
            sources=tuple(_of(items, _Sources)),
            condition=_condition(items),
            dimensions=tuple(_of(items, _Dimensions, ())),
            fill=_of(items, Fill, Fill()),
            descending=_of(items, _Order) == "DESC",
            rows=_window(items),
            series=_window(items, _SLimit, _SOffset),
        )

    def fields(self, items: list[Any]) -> tuple[Field, ...]:
        return tuple(item for item in items if isinstance(item, Field))

    def field(self, items: list[Any]) -> Field:
        expression, _, alias = items
        return Field(expression, None if alias is None else str(alias))

    def sources(self, items: list[Any]) -> _Sources:
        return _Sources(item for item in items if isinstance(item, (Measurement, Select)))

    measurements = sources

    def subquery(self, items: list[Any]) -> Select:
        return _of(items, Select)  # type: ignore[no-any-return] # the grammar puts one there

    def measurement(self, items: list[Token]) -> Measurement:
        names = [str(item) for item in items if item.type == "IDENT"]
        database = names[0] if len(items) > 3 else None  # noqa: PLR2004 - db..m or db.rp.m
        policy = names[-2] if len(items) in {3, 5} else None
        return Measurement(names[-1], database, policy)

    def too_many_segments(self, items: list[Token]) -> None:
        *others, last = (str(item) for item in items if item.type == "IDENT")
        name = "".join(f'"{other}".' for other in others) + last
        raise ParseError(f"too many segments in {name} at line 1, char 1")

    def where(self, items: list[Any]) -> _Where:
        return _Where((items[1],))

    def group(self, items: list[Any]) -> _Dimensions:
        return _Dimensions(item for item in items[2:] if not _is_word(item))

    def fill(self, items: list[Any]) -> Fill:
        arguments: tuple[Expression, ...] = items[2] or ()
        if len(arguments) != 1:
            raise ParseError("fill requires an argument, e.g.: 0, null, none, previous, linear")
        match arguments[0]:
            case Ref(("null" | "none" | "previous" | "linear") as kind):
                return Fill(kind)
            case bool() | str():
                pass
            case (int() | float()) as number:
                return Fill("number", number)
        raise ParseError("expected number argument in fill()")

    def order(self, items: list[Any]) -> _Order:
        sorts = [item for item in items if isinstance(item, _Order)]
        if len(sorts) > 1:
            raise ParseError("only ORDER BY time supported at this time")
        return sorts[0]

    def sort(self, items: list[Any]) -> _Order:
        if items[0] != "time":
            raise ParseError("only ORDER BY time supported at this time")
        return _Order("DESC" if items[1] is not None and items[1].type == "DESC" else "ASC")

    def sort_by_time(self, items: list[Token]) -> _Order:
        return _Order(items[0].type)

    def limit(self, items: list[Token]) -> _Limit:
        return _Limit(_count(items[1]))

    def offset(self, items: list[Token]) -> _Offset:
        return _Offset(_count(items[1]))

    def slimit(self, items: list[Token]) -> _SLimit:
        return _SLimit(_count(items[1]))

    def soffset(self, items: list[Token]) -> _SOffset:
        return _SOffset(_count(items[1]))

    def delete(self, items: list[Any]) -> Delete:
        sources = tuple(_of(items, _Sources, ()))
        if any(source.policy is not None for source in sources):
            raise ParseError("retention policy not supported at line 1, char 1")
        return Delete(sources, _condition(items))

    def _show(self, what: str, items: list[Any]) -> Show:
        on = _of(items, _On)
        return Show(
            what,
            database=None if on is None else str(on),
            sources=tuple(_of(items, _Sources, ())),
            keys=_of(items, _Keys),
            condition=_condition(items),
            rows=_window(items),
        )

    def show_databases(self, items: list[Any]) -> Show:
        return self._show("DATABASES", items)

    def show_measurements(self, items: list[Any]) -> Show:
        return self._show("MEASUREMENTS", items)

    def with_measurement(self, items: list[Any]) -> _Sources:
        return _Sources((items[3],))

    def show_series(self, items: list[Any]) -> Show:
        return self._show("SERIES", items)

    def show_tag_keys(self, items: list[Any]) -> Show:
        return self._show("TAG KEYS", items)

    def show_tag_values(self, items: list[Any]) -> Show:
        return self._show("TAG VALUES", items)

    def keys(self, items: list[Token]) -> _Keys:
        if items[0].type == "IN":
            return _Keys(("IN", tuple(str(item) for item in items if item.type == "IDENT")))
        return _Keys((str(items[0]).replace("<>", "!="), (str(items[1]),)))

    def show_field_keys(self, items: list[Any]) -> Show:
        return self._show("FIELD KEYS", items)

    def show_policies(self, items: list[Any]) -> Show:
        return self._show("RETENTION POLICIES", items)

    def on(self, items: list[Token]) -> _On:
        return _On(items[1])

    def from_(self, items: list[Any]) -> _Sources:
        return _Sources(items[1])

    def create_database(self, items: list[Any]) -> CreateDatabase:
        options: dict[str, int | str] = dict(item for item in items[3:] if isinstance(item, tuple))
        return CreateDatabase(str(items[2]), options)

    def policy_duration(self, items: list[Token]) -> tuple[str, int]:
        return "duration_ns", 0 if items[1].type == "INF" else _duration(items[1]).ns

    def policy_replication(self, items: list[Token]) -> tuple[str, int]:
        return "replication", _count(items[1])

    def policy_shard(self, items: list[Token]) -> tuple[str, int]:
        return "shard_ns", _duration(items[2]).ns

    def policy_name(self, items: list[Token]) -> tuple[str, str]:
        return "name", str(items[1])

    def drop_database(self, items: list[Token]) -> DropDatabase:
        return DropDatabase(str(items[2]))

    def drop_measurement(self, items: list[Token]) -> DropMeasurement:
        return DropMeasurement(str(items[2]))

    def binary(self, items: list[Any]) -> Binary:
        left, operator, right = items
        return Binary("!=" if operator == "<>" else str(operator), left, right)

    def chain(self, items: list[Any]) -> Expression:
        """Of AND or OR, which may join thousands: as a tree that is as low as it can be."""
        operands = items[::2]
        operator = str(items[1])
        while len(operands) > 1:
            pairs = zip(operands[::2], operands[1::2], strict=False)
            odd = operands[-1:] if len(operands) % 2 else []
            operands = [Binary(operator, left, right) for left, right in pairs] + odd
        return operands[0]  # type: ignore[no-any-return] # made just now

    def matches(self, items: list[Any]) -> Binary:
        left, operator, pattern = items
        return Binary(str(operator), left, Regex(str(pattern)))

    def parens(self, items: list[Any]) -> Parens:
        return Parens(items[1])

    def signed(self, items: list[Any]) -> Expression:
        sign, operand = items
        factor = -1 if sign.type == "SUB" else 1
        match operand:
            case bool() | str():
                pass
            case int() | float():
                return factor * operand
            case Duration(ns):
                return Duration(factor * ns)
        return Binary("*", factor, operand)

    def call(self, items: list[Any]) -> Call:
        return Call(str(items[0]), items[2] or ())

    def reference(self, items: list[Any]) -> Ref:
        name = ".".join(str(item) for item in items[:-2] if item.type == "IDENT")
        return Ref(name, items[-1])

    def cast(self, items: list[Token]) -> str:
        kind = str(items[0]).lower()
        if kind not in CASTS:
            raise located(f"found {items[0]}, expected {', '.join(CASTS)}", items[0])
        return kind

    def wildcard(self, items: list[Any]) -> Wildcard:
        return Wildcard(None if items[-1] is None else str(items[-1]).lower())

    def string(self, items: list[Token]) -> str:
        return str(items[0])

    def integer(self, items: list[Token]) -> int:
        value = int(items[0])
        if value >= 2**64:
            raise located("unable to parse integer", items[0])
        return value

    def number(self, items: list[Token]) -> float:
        return float(items[0])

    def duration(self, items: list[Token]) -> Duration:
        return _duration(items[0])

    def true(self, _items: list[Token]) -> bool:
        return True

    def false(self, _items: list[Token]) -> bool:
        return False

    def arguments(self, items: list[Any]) -> tuple[Expression, ...]:
        return tuple(item for item in items if not _is_word(item))


def _count(token: Token) -> int:
    """Of LIMIT and its like; InfluxDB takes what no int64 holds for the greatest one."""
    return min(int(token), MAX_INT)
