"""What a SELECT asks for, checked as InfluxDB checks it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from local.timestream.influx_ast import (
    Binary,
    Call,
    Duration,
    Expression,
    Field,
    Parens,
    Ref,
    Select,
    Wildcard,
)
from local.timestream.influx_errors import StatementError, UnsupportedError
from local.timestream.influx_sources import Source
from local.timestream.influx_times import kind_name, written_duration
from local.timestream.model import Kind

SELECTORS: Final = frozenset({"first", "last", "max", "min"})
AGGREGATES: Final = frozenset({"count", "mean", "sum"})
_NUMBERS: Final = frozenset({Kind.DOUBLE, Kind.BIGINT})
_TAKES: Final = {
    "sum": _NUMBERS,
    "mean": _NUMBERS,
    "min": _NUMBERS | {Kind.BOOLEAN},
    "max": _NUMBERS | {Kind.BOOLEAN},
}
"""The kinds of values that a function takes; one that is not here takes all."""
_ITERATORS: Final = {Kind.VARCHAR: "string", Kind.BOOLEAN: "boolean"}
_SECOND: Final = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """A column before wildcards are resolved: a function of an argument, or without one a field or tag."""

    function: str | None
    argument: Ref | Wildcard
    alias: str | None
    unit: int = 1
    """Of elapsed, in ns."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """`size` 0: one bucket for all times."""

    size: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """A SELECT by itself, whatever it reads."""

    asked: tuple[Asked, ...]
    time_name: str
    buckets: Buckets
    dimensions: tuple[Ref | Wildcard, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """`kind` is that of its values where that is known; `stored`: a source has the field; `tag`: it is none."""

    name: str
    function: str | None
    field: str
    kind: Kind | None
    stored: bool
    tag: bool = False
    unit: int = 1


def shaped(select: Select) -> Shape:
    """Raises StatementError."""
    buckets, dimensions = _dimensions(select.dimensions)
    time_name = "time"
    asked: list[Asked] = []
    for field in select.fields:
        if isinstance(field.expression, Ref) and field.expression.name == "time" and field.expression.kind is None:
            time_name = field.alias or time_name
        else:
            asked.append(_asked(field, buckets))
    _check(asked, buckets)
    return Shape(tuple(asked), time_name, buckets, dimensions)


def _check(asked: Sequence[Asked], buckets: Buckets) -> None:
    if not asked:
        raise StatementError("at least 1 non-time field must be queried")
    calls = {(each.function, each.argument) for each in asked if each.function}
    plain = any(each.function is None for each in asked)
    if plain and any(function not in SELECTORS for function, _ in calls):
        raise StatementError("mixing aggregate and non-aggregate queries is not supported")
    if plain and len(calls) > 1:
        raise StatementError("mixing multiple selector functions with tags or fields is not supported")
    if buckets.size > 0 and not calls:
        raise StatementError("GROUP BY requires at least one aggregate function")


def _dimensions(expressions: Iterable[Expression]) -> tuple[Buckets, tuple[Ref | Wildcard, ...]]:
    buckets: Buckets | None = None
    dimensions: list[Ref | Wildcard] = []
    for expression in expressions:
        match expression:
            case Ref("time"):
                raise StatementError("time() is a function and expects at least one argument")
            case Call("time", arguments):
                if buckets is not None:
                    raise StatementError("multiple time dimensions not allowed")
                buckets = _buckets(arguments)
            case Call():
                raise StatementError("only time() calls allowed in dimensions")
            case Ref() | Wildcard():
                dimensions.append(expression)
            case _:
                raise StatementError("only time and tag dimensions allowed")
    return buckets or Buckets(), tuple(dimensions)


def _buckets(arguments: Sequence[Expression]) -> Buckets:
    if not 1 <= len(arguments) <= _SECOND:
        raise StatementError("time dimension expected 1 or 2 arguments")
    size, *offsets = arguments
    if not isinstance(size, Duration):
        raise StatementError("time dimension must have duration argument")
    if not offsets:
        return Buckets(max(size.ns, 0))
    match offsets[0]:
        case Duration(ns):
            return Buckets(max(size.ns, 0), ns)
        case Call("now", ()):
            raise UnsupportedError("now() as the offset of time()")
    raise StatementError("time dimension offset must be duration or now()")


def _asked(field: Field, buckets: Buckets) -> Asked:
    expression = field.expression
    while isinstance(expression, Parens):
        expression = expression.inner
    match expression:
        case Ref() | Wildcard():
            return Asked(None, expression, field.alias)
        case Call(name, arguments):
            return _call(name, arguments, field.alias, buckets)
        case Binary() if _refs(expression):
            raise UnsupportedError("arithmetic in SELECT")
    raise StatementError("field must contain at least one variable")


def _refs(expression: Expression) -> bool:
    match expression:
        case Ref() | Wildcard() | Call():
            return True
        case Binary(_, left, right):
            return _refs(left) or _refs(right)
        case Parens(inner):
            return _refs(inner)
    return False


def _call(name: str, arguments: Sequence[Expression], alias: str | None, buckets: Buckets) -> Asked:
    function = name.lower()
    if function == "elapsed":
        return _elapsed(arguments, alias, buckets)
    if function not in SELECTORS | AGGREGATES:
        raise StatementError(f"undefined function {name}()")
    if len(arguments) != 1:
        raise StatementError(f"invalid number of arguments for {function}, expected 1, got {len(arguments)}")
    match arguments[0]:
        case Ref() as argument:
            return Asked(function, argument, alias)
        case Wildcard("tag"):
            raise StatementError(f"unable to use tag wildcard in {function}()")
        case Wildcard() as argument:
            return Asked(function, argument, alias)
        case Call(inner) if inner.lower() == "distinct":
            raise UnsupportedError("distinct()")
    raise StatementError(f"expected field argument in {function}()")


def _elapsed(arguments: Sequence[Expression], alias: str | None, buckets: Buckets) -> Asked:
    if not 1 <= len(arguments) <= _SECOND:
        raise StatementError(
            f"invalid number of arguments for elapsed, expected at least 1 but no more than 2, got {len(arguments)}"
        )
    unit = _unit(arguments[1]) if len(arguments) == _SECOND else 1
    match arguments[0]:
        case Call() if buckets.size > 0:
            raise UnsupportedError("elapsed() of an aggregate")
        case Call():
            raise StatementError("elapsed aggregate requires a GROUP BY interval")
        case Wildcard("tag"):
            raise StatementError("unable to use tag wildcard in elapsed()")
        case (Ref() | Wildcard()) as argument:
            if buckets.size > 0:
                raise StatementError("aggregate function required inside the call to elapsed")
            return Asked("elapsed", argument, alias, unit)
    raise StatementError("expected field argument in elapsed()")


def _unit(argument: Expression) -> int:
    match argument:
        case Duration(ns) if ns > 0:
            return ns
        case Duration(ns):
            raise StatementError(f"duration argument must be positive, got {written_duration(ns)}")
    raise StatementError(f"second argument to elapsed must be a duration, got {kind_name(argument)}")


def grouping(shape: Shape, sources: Sequence[Source]) -> tuple[str, ...]:
    """The tags to group by, in order of their names."""
    names: set[str] = set()
    for dimension in shape.dimensions:
        match dimension:
            case Ref(name):
                names.add(name)
            case Wildcard():
                names |= {tag for source in sources for tag in source.tags}
    return tuple(sorted(names))


def columns(shape: Shape, sources: Sequence[Source], dimensions: Sequence[str]) -> tuple[Column, ...]:
    """Wildcards resolved and names made unique. Raises StatementError where a function does not take a field's kind."""
    kinds = _kinds(sources)
    tags = {tag for source in sources for tag in source.tags}
    found: list[tuple[str | None, Column]] = []
    for asked in shape.asked:
        match asked.argument:
            case Ref(name, cast):
                found.append((asked.alias, _column(asked, name, cast, kinds)))
            case Wildcard(only):
                if asked.function is not None:
                    takes = _TAKES.get(asked.function)
                    names = sorted(name for name, kind in kinds.items() if takes is None or kind in takes)
                    prefix = asked.alias or asked.function
                    found += [(f"{prefix}_{name}", _column(asked, name, "field", kinds)) for name in names]
                    continue
                fields = [] if only == "tag" else [(name, "field") for name in kinds]
                others = [] if only == "field" else [(tag, "tag") for tag in tags - set(dimensions)]
                found += [(None, _column(asked, name, cast, kinds)) for name, cast in sorted(fields + others)]
    return _named(found)


def _kinds(sources: Sequence[Source]) -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    for source in sources:
        for name, (kind, _) in source.columns.items():
            if kinds.setdefault(name, kind) is not kind:
                raise UnsupportedError(f"the field {name} with several types")
    return kinds


def _column(asked: Asked, name: str, cast: str | None, kinds: dict[str, Kind]) -> Column:
    kind = None if cast == "tag" else kinds.get(name)
    if cast not in {None, "tag", "field"} and kind is not None:
        own = {Kind.DOUBLE: "float", Kind.BIGINT: "integer", Kind.VARCHAR: "string", Kind.BOOLEAN: "boolean"}[kind]
        if cast != own:
            raise UnsupportedError(f"a field of type {own} as {cast}")
    function = asked.function
    if function is None:
        return Column(name, None, name, kind, kind is not None, tag=kind is None and cast in {None, "tag"})
    takes = _TAKES.get(function)
    if kind is not None and takes is not None and kind not in takes:
        raise StatementError(f"unsupported {function} iterator type: *query.{_ITERATORS[kind]}InterruptIterator")
    gives = {"count": Kind.BIGINT, "elapsed": Kind.BIGINT, "mean": Kind.DOUBLE}.get(function, kind)
    if kind is None and function != "count":
        gives = None
    return Column(function, function, name, gives, kind is not None, unit=asked.unit)


def _named(found: Sequence[tuple[str | None, Column]]) -> tuple[Column, ...]:
    """Aliases first; another column whose name is taken gets a number."""
    taken = {alias: 1 for alias, _ in found if alias is not None}
    named: list[Column] = []
    for alias, column in found:
        name = column.name
        if alias is not None:
            name = alias
        else:
            if name in taken:
                count = taken[name]
                while f"{name}_{count}" in taken:
                    count += 1
                taken[name] = count + 1
                name = f"{name}_{count}"
            taken[name] = taken.get(name, 0) + 1
        named.append(replace(column, name=name))
    return tuple(named)
