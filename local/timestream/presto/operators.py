"""Literals, operators and CASE, in the scope of a SELECT."""

from collections.abc import Mapping

from sqlglot import exp

from local.timestream.presto import literals
from local.timestream.presto.expressions import Expressions, Piece, Rule, as_type, quoted
from local.timestream.presto.parsing import Node
from local.timestream.presto.types import NUMBERS, Type, common

MAX_INTEGER, MAX_BIGINT = 2**31 - 1, 2**63 - 1
_LIKE = ("this", "expression", "negate")


_ARITHMETIC: Mapping[type, str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_COMPARISONS: Mapping[type, str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_MOMENTS: Mapping[tuple[Type, str, Type], Type] = {
    (Type.TIMESTAMP, "+", Type.INTERVAL): Type.TIMESTAMP,
    (Type.INTERVAL, "+", Type.TIMESTAMP): Type.TIMESTAMP,
    (Type.TIMESTAMP, "-", Type.INTERVAL): Type.TIMESTAMP,
    (Type.TIMESTAMP, "-", Type.TIMESTAMP): Type.INTERVAL,
    (Type.INTERVAL, "+", Type.INTERVAL): Type.INTERVAL,
    (Type.INTERVAL, "-", Type.INTERVAL): Type.INTERVAL,
    (Type.INTERVAL, "*", Type.INTEGER): Type.INTERVAL,
    (Type.INTERVAL, "*", Type.BIGINT): Type.INTERVAL,
    (Type.INTEGER, "*", Type.INTERVAL): Type.INTERVAL,
    (Type.BIGINT, "*", Type.INTERVAL): Type.INTERVAL,
}


def literal(scope: Expressions, node: Node) -> Piece:
    text = str(node.this)
    if node.args.get("is_string"):
        return Piece(quoted(text), Type.VARCHAR, text)
    if text.isdigit():
        number = int(text)
        if number > MAX_BIGINT:
            raise scope.error(node, f"Invalid numeric literal: {text}")
        kind = Type.INTEGER if number <= MAX_INTEGER else Type.BIGINT
        return Piece(f"{number}::{kind.sql}", kind, number)
    value = literals.double(text)
    if value is None:
        raise scope.error(node, f"Invalid numeric literal: {text}")
    return Piece(f"{value!r}::DOUBLE", Type.DOUBLE, value)


def interval(scope: Expressions, node: Node) -> Piece:
    ns = literals.interval_ns(str(node.this.name), str(node.args.get("unit") or ""))
    if ns is None:
        raise scope.unsupported(node, "an interval of this form")
    return Piece(f"{ns}::BIGINT", Type.INTERVAL, ns)


def negative(scope: Expressions, node: Node) -> Piece:
    piece = scope.compile(node.this)
    if piece.type not in {*NUMBERS, Type.INTERVAL}:
        raise scope.error(node, f"'-' cannot be applied to {piece.type.shown}")
    constant = -piece.constant if isinstance(piece.constant, int | float) else None
    return Piece(f"(- {piece.sql})", piece.type, constant)


def arithmetic(scope: Expressions, node: Node) -> Piece:
    left, right = scope.compile(node.this), scope.compile(node.expression)
    sign = _ARITHMETIC[type(node)]
    if left.type in NUMBERS and right.type in NUMBERS:
        both = common(left.type, right.type)
        assert both is not None  # noqa: S101 - both are numbers
        sql = f"({as_type(left, both).sql} {sign} {as_type(right, both).sql})"
        if sign == "/" and both is not Type.DOUBLE:
            sql = f"({left.sql} // {right.sql})"
        return Piece(f"CAST({sql} AS {both.sql})", both)
    result = _MOMENTS.get((left.type, sign, right.type))
    if result is None:
        raise scope.not_applicable(node, sign, left, right)
    if left.type is Type.INTEGER or right.type is Type.INTEGER:
        left, right = (Piece(f"CAST({each.sql} AS BIGINT)", each.type) for each in (left, right))
    if Type.DATE in {left.type, right.type}:
        left, right = (as_type(e, Type.TIMESTAMP) if e.type is Type.DATE else e for e in (left, right))
    return Piece(f"({left.sql} {sign} {right.sql})", result)


def comparison(scope: Expressions, node: Node) -> Piece:
    sign = _COMPARISONS[type(node)]
    left, right = scope.alike(node, sign, scope.compile(node.this), scope.compile(node.expression))
    return Piece(f"({left.sql} {sign} {right.sql})", Type.BOOLEAN)


def between(scope: Expressions, node: Node) -> Piece:
    value = scope.compile(node.this)
    low_value, low = scope.alike(node, "BETWEEN", value, scope.compile(node.args["low"]))
    high_value, high = scope.alike(node, "BETWEEN", value, scope.compile(node.args["high"]))
    return Piece(f"({low_value.sql} >= {low.sql} AND {high_value.sql} <= {high.sql})", Type.BOOLEAN)


def among(scope: Expressions, node: Node) -> Piece:
    value = scope.compile(node.this)
    query = node.args.get("query")
    if query is not None:
        sql, types = scope.subquery(query)
        if len(types) != 1 or types[0] is not value.type:
            raise scope.error(node, "value and result of subquery must be of the same type")
        return Piece(f"({value.sql} IN ({sql}))", Type.BOOLEAN)
    pairs = [scope.alike(node, "IN", value, scope.compile(each)) for each in node.expressions]
    if len({left.sql for left, _ in pairs}) == 1:
        return Piece(f"({pairs[0][0].sql} IN ({', '.join(right.sql for _, right in pairs)}))", Type.BOOLEAN)
    return Piece(f"({' OR '.join(f'({left.sql} = {right.sql})' for left, right in pairs)})", Type.BOOLEAN)


def connected(scope: Expressions, node: Node) -> Piece:
    word = "AND" if isinstance(node, exp.And) else "OR"
    left, right = (scope.boolean(part, f"A side of {word}") for part in (node.this, node.expression))
    return Piece(f"({left.sql} {word} {right.sql})", Type.BOOLEAN)


def negation(scope: Expressions, node: Node) -> Piece:
    return Piece(f"(NOT {scope.boolean(node.this, 'The value of NOT').sql})", Type.BOOLEAN)


def is_null(scope: Expressions, node: Node) -> Piece:
    if not isinstance(node.expression, exp.Null):
        raise scope.unsupported(node, "IS with anything but NULL")
    return Piece(f"({scope.compile(node.this).sql} IS NULL)", Type.BOOLEAN)


def distinct_from(scope: Expressions, node: Node) -> Piece:
    words = "IS NOT DISTINCT FROM" if isinstance(node, exp.NullSafeEQ) else "IS DISTINCT FROM"
    left, right = scope.alike(node, words, scope.compile(node.this), scope.compile(node.expression))
    return Piece(f"({left.sql} {words} {right.sql})", Type.BOOLEAN)


def like(scope: Expressions, node: Node) -> Piece:
    escape = None
    if isinstance(node, exp.Escape):
        escape, node = scope.compile(node.expression), node.this
        if not isinstance(node, exp.Like) or not isinstance(escape.constant, str) or len(escape.constant) != 1:
            raise scope.unsupported(node, "ESCAPE that is not one character of LIKE")
        scope.require_only(node, *_LIKE)
    value, pattern = scope.compile(node.this), scope.compile(node.expression)
    if not {value.type, pattern.type} <= {Type.VARCHAR, Type.UNKNOWN}:
        raise scope.not_applicable(node, "LIKE", value, pattern)
    ending = f" ESCAPE {escape.sql}" if escape else ""
    words = "NOT LIKE" if node.args.get("negate") else "LIKE"
    return Piece(f"({value.sql} {words} {pattern.sql}{ending})", Type.BOOLEAN)


def joined(scope: Expressions, node: Node) -> Piece:
    left, right = scope.compile(node.this), scope.compile(node.expression)
    if not {left.type, right.type} <= {Type.VARCHAR, Type.UNKNOWN}:
        raise scope.not_applicable(node, "||", left, right)
    return Piece(f"({left.sql} || {right.sql})", Type.VARCHAR)


def case(scope: Expressions, node: Node) -> Piece:
    subject = scope.compile(node.this) if node.this is not None else None
    conditions: list[str] = []
    results: list[Piece] = []
    for branch in node.args["ifs"]:
        if subject is None:
            conditions.append(scope.boolean(branch.this, "A condition of CASE").sql)
        else:
            left, right = scope.alike(branch, "=", subject, scope.compile(branch.this))
            conditions.append(f"({left.sql} = {right.sql})")
        results.append(scope.compile(branch.args["true"]))
    default = node.args.get("default")
    results.append(Piece("NULL", Type.UNKNOWN) if default is None else scope.compile(default))
    kind, alike = scope.same_type(node, results, "All CASE results")
    branches = " ".join(
        f"WHEN {condition} THEN {result.sql}" for condition, result in zip(conditions, alike, strict=False)
    )
    return Piece(f"(CASE {branches} ELSE {alike[-1].sql} END)", kind)


def choice(scope: Expressions, node: Node) -> Piece:
    condition = scope.boolean(node.this, "The condition of IF")
    otherwise = node.args.get("false")
    results = [
        scope.compile(node.args["true"]),
        Piece("NULL", Type.UNKNOWN) if otherwise is None else scope.compile(otherwise),
    ]
    kind, (then, other) = scope.same_type(node, results, "Both results of IF")
    return Piece(f"(CASE WHEN {condition.sql} THEN {then.sql} ELSE {other.sql} END)", kind)


def subquery(scope: Expressions, node: Node) -> Piece:
    sql, types = scope.subquery(node)
    if len(types) != 1:
        raise scope.error(node, "Multiple columns returned by subquery are not yet supported.")
    return Piece(f"({sql})", types[0])


_TWO = ("this", "expression")

OPERATORS: Mapping[type, Rule] = {
    exp.Column: Rule(Expressions.column, ("this", "table", "db")),
    exp.Literal: Rule(literal, ("this", "is_string")),
    exp.Boolean: Rule(
        lambda _, node: Piece("TRUE" if node.this else "FALSE", Type.BOOLEAN, bool(node.this)), ("this",)
    ),
    exp.Null: Rule(lambda _, __: Piece("NULL", Type.UNKNOWN), ()),
    exp.Paren: Rule(lambda scope, node: scope.compile(node.this), ("this",)),
    exp.Interval: Rule(interval, ("this", "unit")),
    exp.Neg: Rule(negative, ("this",)),
    **dict.fromkeys(_ARITHMETIC, Rule(arithmetic, (*_TWO, "typed", "safe"))),
    **dict.fromkeys(_COMPARISONS, Rule(comparison, _TWO)),
    exp.Between: Rule(between, ("this", "low", "high")),
    exp.In: Rule(among, ("this", "expressions", "query")),
    exp.And: Rule(connected, _TWO),
    exp.Or: Rule(connected, _TWO),
    exp.Not: Rule(negation, ("this",)),
    exp.Is: Rule(is_null, _TWO),
    exp.NullSafeEQ: Rule(distinct_from, _TWO),
    exp.NullSafeNEQ: Rule(distinct_from, _TWO),
    exp.Like: Rule(like, _LIKE),
    exp.Escape: Rule(like, _TWO),
    exp.DPipe: Rule(joined, (*_TWO, "safe")),
    exp.Case: Rule(case, ("this", "ifs", "default")),
    exp.If: Rule(choice, ("this", "true", "false")),
    exp.Subquery: Rule(subquery, ("this",)),
}
