"""The functions that compile. A signature's types are checked, its template is DuckDB's for exactly the same."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from sqlglot import exp

from local.timestream.presto.casts import cast
from local.timestream.presto.expressions import Expressions, Piece, Rule, as_type
from local.timestream.presto.moments import MOMENT_FUNCTIONS, extract
from local.timestream.presto.operators import OPERATORS, arithmetic
from local.timestream.presto.parsing import Node
from local.timestream.presto.types import NUMBERS, Type

Function: TypeAlias = Callable[[Expressions, Node], Piece]

_NUMBER = frozenset(NUMBERS)
_WHOLE = frozenset({Type.INTEGER, Type.BIGINT})
_ORDERED = frozenset(Type) - {Type.UNKNOWN}
_TEXT = frozenset({Type.VARCHAR})
_TRUTH = frozenset({Type.BOOLEAN})


class Signature(NamedTuple):
    """`result` is a type, or the place of the argument that has it; `read_as` what arguments are read as first."""

    arguments: Sequence[frozenset[Type]]
    result: Type | int
    template: str
    read_as: Type | None = None


def _number(result: Type | int, template: str, *, double: bool = False) -> Signature:
    return Signature((_NUMBER,), result, template, Type.DOUBLE if double else None)


_SCALARS: Mapping[str, Sequence[Signature]] = {
    "abs": (_number(0, "abs({0})"),),
    "sign": (_number(0, "CAST(sign({0}) AS {type})"),),
    "ceil": (_number(0, "CAST(ceil({0}) AS {type})"),),
    "ceiling": (_number(0, "CAST(ceil({0}) AS {type})"),),
    "floor": (_number(0, "CAST(floor({0}) AS {type})"),),
    "round": (
        _number(0, "CAST(round({0}) AS {type})"),
        Signature((_NUMBER, _WHOLE), 0, "CAST(round({0}, CAST({1} AS INTEGER)) AS {type})"),
    ),
    "truncate": (_number(Type.DOUBLE, "trunc({0})", double=True),),
    "sqrt": (_number(Type.DOUBLE, "sqrt({0})", double=True),),
    "exp": (_number(Type.DOUBLE, "exp({0})", double=True),),
    "ln": (_number(Type.DOUBLE, "ln({0})", double=True),),
    "log2": (_number(Type.DOUBLE, "log2({0})", double=True),),
    "log10": (_number(Type.DOUBLE, "log10({0})", double=True),),
    "power": (Signature((_NUMBER, _NUMBER), Type.DOUBLE, "pow({0}, {1})", Type.DOUBLE),),
    "pow": (Signature((_NUMBER, _NUMBER), Type.DOUBLE, "pow({0}, {1})", Type.DOUBLE),),
    "is_nan": (_number(Type.BOOLEAN, "isnan({0})", double=True),),
    "is_finite": (_number(Type.BOOLEAN, "isfinite({0})", double=True),),
    "is_infinite": (_number(Type.BOOLEAN, "isinf({0})", double=True),),
    "nan": (Signature((), Type.DOUBLE, "'nan'::DOUBLE"),),
    "infinity": (Signature((), Type.DOUBLE, "'inf'::DOUBLE"),),
    "length": (Signature((_TEXT,), Type.BIGINT, "length({0})"),),
    "lower": (Signature((_TEXT,), Type.VARCHAR, "lower({0})"),),
    "upper": (Signature((_TEXT,), Type.VARCHAR, "upper({0})"),),
    "strpos": (Signature((_TEXT, _TEXT), Type.BIGINT, "strpos({0}, {1})"),),
    "starts_with": (Signature((_TEXT, _TEXT), Type.BOOLEAN, "starts_with({0}, {1})"),),
    "replace": (Signature((_TEXT, _TEXT, _TEXT), Type.VARCHAR, "replace({0}, {1}, {2})"),),
}
_AGGREGATES: Mapping[str, Sequence[Signature]] = {
    "sum": (
        Signature((frozenset({Type.DOUBLE}),), Type.DOUBLE, "sum({0})"),
        Signature((_WHOLE,), Type.BIGINT, "CAST(sum({0}) AS BIGINT)"),
    ),
    "avg": (_number(Type.DOUBLE, "avg({0})", double=True),),
    "min": (Signature((_ORDERED,), 0, "min({0})"),),
    "max": (Signature((_ORDERED,), 0, "max({0})"),),
    "count": (Signature((frozenset(Type),), Type.BIGINT, "count({0})"),),
    "count_if": (Signature((_TRUTH,), Type.BIGINT, "count_if({0})::BIGINT"),),
    "approx_distinct": (Signature((_ORDERED,), Type.BIGINT, "count(DISTINCT {0})"),),
    # DuckDB's plain arg_max passes over rows without the value that is asked for, Presto answers NULL.
    "max_by": (Signature((frozenset(Type), _ORDERED), 0, "arg_max_null({0}, {1})"),),
    "min_by": (Signature((frozenset(Type), _ORDERED), 0, "arg_min_null({0}, {1})"),),
    "stddev": (_number(Type.DOUBLE, "stddev_samp({0})", double=True),),
    "stddev_samp": (_number(Type.DOUBLE, "stddev_samp({0})", double=True),),
    "stddev_pop": (_number(Type.DOUBLE, "stddev_pop({0})", double=True),),
    "variance": (_number(Type.DOUBLE, "var_samp({0})", double=True),),
    "var_samp": (_number(Type.DOUBLE, "var_samp({0})", double=True),),
    "var_pop": (_number(Type.DOUBLE, "var_pop({0})", double=True),),
}


def _chosen(scope: Expressions, node: Node, name: str, signatures: Sequence[Signature], given: list[Piece]) -> Piece:
    for signature in signatures:
        if len(given) == len(signature.arguments) and all(
            piece.type in wanted or piece.type is Type.UNKNOWN
            for piece, wanted in zip(given, signature.arguments, strict=True)
        ):
            read = [as_type(piece, signature.read_as) if signature.read_as else piece for piece in given]
            kind = signature.result if isinstance(signature.result, Type) else given[signature.result].type
            return Piece(f"({signature.template.format(*(p.sql for p in read), type=kind.sql)})", kind)
    shown = ", ".join(piece.type.shown for piece in given)
    raise scope.error(node, f"Unexpected parameters ({shown}) for function {name}")


def _scalar(name: str) -> Function:
    def function(scope: Expressions, node: Node) -> Piece:
        return _chosen(scope, node, name, _SCALARS[name], [scope.compile(each) for each in node.expressions])

    return function


def _aggregate(name: str) -> Function:
    def function(scope: Expressions, node: Node) -> Piece:
        arguments = node.expressions
        if name == "count" and (not arguments or isinstance(arguments[0], exp.Star)):
            scope.within_aggregate(node, list)
            return Piece("(count(*))", Type.BIGINT)
        distinct = len(arguments) == 1 and isinstance(arguments[0], exp.Distinct)
        if distinct:
            scope.require_only(arguments[0], "expressions")
            arguments = arguments[0].expressions
        given = scope.within_aggregate(node, lambda: [scope.compile(each) for each in arguments])
        piece = _chosen(scope, node, name, _AGGREGATES[name], given)
        if not distinct:
            return piece
        if name not in {"count", "sum", "avg", "min", "max"} or len(given) != 1:
            raise scope.unsupported(node, f"DISTINCT in {name}")
        return Piece(piece.sql.replace(f"{name}(", f"{name}(DISTINCT ", 1), piece.type)

    return function


def _approx_percentile(scope: Expressions, node: Node) -> Piece:
    """The exact one, which is as near as can be."""
    given = scope.within_aggregate(node, lambda: [scope.compile(each) for each in node.expressions])
    if len(given) != 2 or given[0].type not in NUMBERS or not isinstance(given[1].constant, int | float):  # noqa: PLR2004 - value and share
        raise scope.error(node, "Unexpected parameters for function approx_percentile: expected a number and a literal")
    if not 0 <= given[1].constant <= 1:
        raise scope.error(node, "Percentile must be between 0 and 1")
    return Piece(f"(quantile_disc({given[0].sql}, {given[1].constant!r}))", given[0].type)


def _coalesce(scope: Expressions, node: Node) -> Piece:
    kind, pieces = scope.same_type(node, _some(scope, node, 1), "All COALESCE operands")
    return Piece(f"(coalesce({', '.join(piece.sql for piece in pieces)}))", kind)


def _nullif(scope: Expressions, node: Node) -> Piece:
    pieces = _some(scope, node, 2)
    if len(pieces) > 2:  # noqa: PLR2004 - two values are compared
        raise scope.error(node, "Unexpected parameters for function nullif")
    _, (one, other) = scope.same_type(node, pieces, "Both operands of NULLIF")
    first = pieces[0]
    return Piece(f"(CASE WHEN {one.sql} = {other.sql} THEN NULL ELSE {first.sql} END)", first.type)


def _extreme(name: str) -> Function:
    def function(scope: Expressions, node: Node) -> Piece:
        kind, pieces = scope.same_type(node, _some(scope, node, 1), f"All operands of {name}")
        if kind not in {*NUMBERS, Type.VARCHAR, Type.TIMESTAMP, Type.DATE, Type.INTERVAL}:
            raise scope.error(node, f"Unexpected parameters ({kind.shown}) for function {name}")
        missing = " OR ".join(f"{piece.sql} IS NULL" for piece in pieces)  # where DuckDB takes another, Presto has none
        values = ", ".join(piece.sql for piece in pieces)
        return Piece(f"(CASE WHEN {missing} THEN NULL ELSE {name}({values}) END)", kind)

    return function


def _concat(scope: Expressions, node: Node) -> Piece:
    pieces = _some(scope, node, 2)
    if any(piece.type not in {Type.VARCHAR, Type.UNKNOWN} for piece in pieces):
        raise scope.error(node, "Unexpected parameters for function concat: expected varchar")
    return Piece(f"({' || '.join(piece.sql for piece in pieces)})", Type.VARCHAR)


def _substr(scope: Expressions, node: Node) -> Piece:
    """With places that are literals from 1 on, where DuckDB and Presto count alike."""
    pieces = _some(scope, node, 2)
    numbers = [piece.constant for piece in pieces[1:]]
    whole = [number for number in numbers if isinstance(number, int) and number >= 0]
    if pieces[0].type is not Type.VARCHAR or len(whole) != len(numbers) or len(pieces) > 3 or whole[0] < 1:  # noqa: PLR2004 - text, start, length
        raise scope.unsupported(node, "substr with places that are no literals from 1 on")
    return Piece(f"(substr({pieces[0].sql}, {', '.join(map(str, whole))}))", Type.VARCHAR)


def _mod(scope: Expressions, node: Node) -> Piece:
    if len(node.expressions) != 2:  # noqa: PLR2004 - of one number by another
        raise scope.error(node, "Unexpected parameters for function mod")
    return arithmetic(scope, exp.Mod(this=node.expressions[0], expression=node.expressions[1]))


def _some(scope: Expressions, node: Node, least: int) -> list[Piece]:
    if len(node.expressions) < least:
        raise scope.error(node, f"Unexpected parameters () for function {node.this}")
    return [scope.compile(each) for each in node.expressions]


def _call(scope: Expressions, node: Node) -> Piece:
    name = str(node.this).lower()
    function = FUNCTIONS.get(name)
    if function is None:
        raise scope.error(node, f"Function {name} not registered")
    return function(scope, node)


FUNCTIONS: Mapping[str, Function] = {
    **{name: _scalar(name) for name in _SCALARS},
    **{name: _aggregate(name) for name in _AGGREGATES},
    **MOMENT_FUNCTIONS,
    "approx_percentile": _approx_percentile,
    "coalesce": _coalesce,
    "nullif": _nullif,
    "greatest": _extreme("greatest"),
    "least": _extreme("least"),
    "concat": _concat,
    "substr": _substr,
    "substring": _substr,
    "mod": _mod,
}
RULES: Mapping[type, Rule] = {
    **OPERATORS,
    exp.Cast: Rule(cast, ("this", "to", "_type")),
    exp.TryCast: Rule(cast, ("this", "to", "_type", "safe")),
    exp.Extract: Rule(extract, ("this", "expression")),
    exp.Anonymous: Rule(_call, ("this", "expressions")),
}
