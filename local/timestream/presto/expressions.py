"""Expressions to DuckDB's SQL, each with its type, in the scope of the relations that they may name."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

from local.timestream.liveanalytics_errors import ServiceError, invalid
from local.timestream.presto import literals, parsing
from local.timestream.presto.types import NUMBERS, Type, common

if TYPE_CHECKING:
    from local.timestream.presto.functions import Function

MAX_INTEGER, MAX_BIGINT = 2**31 - 1, 2**63 - 1


class Piece(NamedTuple):
    """SQL that can stand anywhere in parentheses' stead; `constant` is the value of a literal."""

    sql: str
    type: Type
    constant: object = None


class Field(NamedTuple):
    name: str
    type: Type
    sql: str


class Relation(NamedTuple):
    """What FROM names: `names` are those it goes by."""

    names: frozenset[str]
    fields: Sequence[Field]


Compile = Callable[["Expressions", parsing.Node], Piece]


class Expressions:
    """Compiles under one SELECT. Raises ServiceError for whatever is not listed."""

    def __init__(
        self,
        text: str,
        relations: Sequence[Relation],
        functions: "Mapping[str, Function]",
        subquery: Callable[[parsing.Node], tuple[str, Sequence[Type]]],
        now_ns: int,
    ) -> None:
        self._text = text
        self.relations = relations
        self._functions = functions
        self._subquery = subquery
        self.now_ns = now_ns
        self.keys: frozenset[str] | None = None
        """SQL of what is grouped by; None outside of a grouped query."""
        self._inside_aggregate = False
        self.aggregates = 0

    # What the query compiler asks for.

    def compile(self, node: parsing.Node) -> Piece:
        if self.keys is not None and not self._inside_aggregate:
            key = self._key(node)
            if key is not None:
                return key
        compile_node = _NODES.get(type(node))
        if compile_node is None:
            raise self.unsupported(node, f"{type(node).__name__.upper()} is not supported")
        return compile_node(self, node)

    def boolean(self, node: parsing.Node, clause: str) -> Piece:
        piece = self.compile(node)
        if piece.type not in {Type.BOOLEAN, Type.UNKNOWN}:
            raise self.error(node, f"{clause} must evaluate to a boolean: actual type {piece.type.shown}")
        return as_type(piece, Type.BOOLEAN)

    def row_by_row(self, node: parsing.Node, clause: str) -> Piece:
        """Where no aggregate may stand."""
        before = self.aggregates
        piece = self.compile(node)
        if self.aggregates > before:
            raise self.error(node, f"{clause} cannot contain aggregations")
        return piece

    def error(self, node: parsing.Node, message: str) -> ServiceError:
        return invalid(parsing.where(node, self._text) + message)

    def unsupported(self, node: parsing.Node, message: str) -> ServiceError:
        return self.error(node, f"The query syntax is not supported: {message}")

    def within_aggregate(self, node: parsing.Node, compile_arguments: Callable[[], list[Piece]]) -> list[Piece]:
        if self._inside_aggregate:
            raise self.error(node, "Cannot nest aggregations inside aggregation")
        self.aggregates += 1
        self._inside_aggregate = True
        try:
            return compile_arguments()
        finally:
            self._inside_aggregate = False

    def require_only(self, node: parsing.Node, *known: str) -> None:
        """Of all that a parser may hang on a node, only what is compiled."""
        for name, value in node.args.items():
            if name not in known and value not in (None, False, [], ""):
                raise self.unsupported(node, f"{type(node).__name__.upper()} with {name}")

    # One node each

    def _key(self, node: parsing.Node) -> Piece | None:
        """What an expression is that is grouped by as it stands."""
        keys, self.keys = self.keys, None
        before = self.aggregates
        try:
            piece = self.compile(node)
        except ServiceError:
            return None  # compiled once more, and told, by the caller
        finally:
            self.keys = keys
            counted, self.aggregates = self.aggregates, before
        assert keys is not None  # noqa: S101 - asked only in a grouped query
        return piece if counted == before and piece.sql in keys else None

    def column(self, node: parsing.Node) -> Piece:
        assert isinstance(node, exp.Column)  # noqa: S101 - by the table below
        self.require_only(node, "this", "table", "db")
        if isinstance(node.this, exp.Star):
            raise self.unsupported(node, "a star inside an expression")
        name = node.name
        if name.lower() in {"current_timestamp", "current_date"} and not node.table and not node.this.quoted:
            return self._current(name.lower())
        field = self._field(node, name)
        if self.keys is not None and not self._inside_aggregate and field.sql not in self.keys:
            raise self.error(node, f"'{name}' must be an aggregate expression or appear in GROUP BY clause")
        return Piece(field.sql, field.type)

    def _field(self, node: exp.Column, name: str) -> Field:
        relations = self.relations
        if node.table:
            wanted = (f"{node.db}.{node.table}" if node.db else node.table).lower()
            relations = [relation for relation in relations if wanted in relation.names]
        fields = [field for relation in relations for field in relation.fields]
        found = [field for field in fields if field.name == name] or [
            field for field in fields if field.name.lower() == name.lower()
        ]
        if not found:
            shown = f"{node.table}.{name}" if node.table else name
            raise self.error(node, f"Column '{shown}' does not exist")
        if len(found) > 1:
            raise self.error(node, f"Column '{name}' is ambiguous")
        return found[0]

    def _current(self, name: str) -> Piece:
        if name == "current_date":
            return cast_to_date(Piece(str(self.now_ns), Type.TIMESTAMP))
        return Piece(f"{self.now_ns}::BIGINT", Type.TIMESTAMP)

    def literal(self, node: parsing.Node) -> Piece:
        text = str(node.this)
        if node.args.get("is_string"):
            return Piece(quoted(text), Type.VARCHAR, text)
        if text.isdigit():
            number = int(text)
            if number > MAX_BIGINT:
                raise self.error(node, f"Invalid numeric literal: {text}")
            kind = Type.INTEGER if number <= MAX_INTEGER else Type.BIGINT
            return Piece(f"{number}::{kind.sql}", kind, number)
        value = literals.double(text)
        if value is None:
            raise self.error(node, f"Invalid numeric literal: {text}")
        return Piece(f"{value!r}::DOUBLE", Type.DOUBLE, value)

    def interval(self, node: parsing.Node) -> Piece:
        self.require_only(node, "this", "unit")
        ns = literals.interval_ns(str(node.this.name), str(node.args.get("unit") or ""))
        if ns is None:
            raise self.unsupported(node, "an interval of this form")
        return Piece(f"{ns}::BIGINT", Type.INTERVAL, ns)

    def negative(self, node: parsing.Node) -> Piece:
        piece = self.compile(node.this)
        if piece.type not in {*NUMBERS, Type.INTERVAL}:
            raise self.error(node, f"'-' cannot be applied to {piece.type.shown}")
        constant = -piece.constant if isinstance(piece.constant, int | float) else None
        return Piece(f"(- {piece.sql})", piece.type, constant)

    def arithmetic(self, node: parsing.Node) -> Piece:
        self.require_only(node, "this", "expression", "typed", "safe")
        left, right = self.compile(node.this), self.compile(node.expression)
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
            raise self._not_applicable(node, sign, left, right)
        if left.type is Type.INTEGER or right.type is Type.INTEGER:
            left, right = (Piece(f"CAST({each.sql} AS BIGINT)", each.type) for each in (left, right))
        if Type.DATE in {left.type, right.type}:
            left, right = (as_type(e, Type.TIMESTAMP) if e.type is Type.DATE else e for e in (left, right))
        return Piece(f"({left.sql} {sign} {right.sql})", result)

    def comparison(self, node: parsing.Node) -> Piece:
        sign = _COMPARISONS[type(node)]
        left, right = self._alike(node, sign, self.compile(node.this), self.compile(node.expression))
        return Piece(f"({left.sql} {sign} {right.sql})", Type.BOOLEAN)

    def between(self, node: parsing.Node) -> Piece:
        self.require_only(node, "this", "low", "high")
        value = self.compile(node.this)
        low_value, low = self._alike(node, "BETWEEN", value, self.compile(node.args["low"]))
        high_value, high = self._alike(node, "BETWEEN", value, self.compile(node.args["high"]))
        return Piece(f"({low_value.sql} >= {low.sql} AND {high_value.sql} <= {high.sql})", Type.BOOLEAN)

    def among(self, node: parsing.Node) -> Piece:
        self.require_only(node, "this", "expressions", "query")
        value = self.compile(node.this)
        query = node.args.get("query")
        if query is not None:
            sql, types = self._subquery(query)
            if len(types) != 1 or types[0] is not value.type:
                raise self.error(node, "value and result of subquery must be of the same type")
            return Piece(f"({value.sql} IN ({sql}))", Type.BOOLEAN)
        pairs = [self._alike(node, "IN", value, self.compile(each)) for each in node.expressions]
        if len({left.sql for left, _ in pairs}) == 1:
            return Piece(f"({pairs[0][0].sql} IN ({', '.join(right.sql for _, right in pairs)}))", Type.BOOLEAN)
        return Piece(f"({' OR '.join(f'({left.sql} = {right.sql})' for left, right in pairs)})", Type.BOOLEAN)

    def connected(self, node: parsing.Node) -> Piece:
        word = "AND" if isinstance(node, exp.And) else "OR"
        left, right = (self.boolean(part, f"A side of {word}") for part in (node.this, node.expression))
        return Piece(f"({left.sql} {word} {right.sql})", Type.BOOLEAN)

    def negation(self, node: parsing.Node) -> Piece:
        return Piece(f"(NOT {self.boolean(node.this, 'The value of NOT').sql})", Type.BOOLEAN)

    def is_null(self, node: parsing.Node) -> Piece:
        if not isinstance(node.expression, exp.Null):
            raise self.unsupported(node, "IS with anything but NULL")
        return Piece(f"({self.compile(node.this).sql} IS NULL)", Type.BOOLEAN)

    def distinct_from(self, node: parsing.Node) -> Piece:
        words = "IS NOT DISTINCT FROM" if isinstance(node, exp.NullSafeEQ) else "IS DISTINCT FROM"
        left, right = self._alike(node, words, self.compile(node.this), self.compile(node.expression))
        return Piece(f"({left.sql} {words} {right.sql})", Type.BOOLEAN)

    def like(self, node: parsing.Node) -> Piece:
        escape = None
        if isinstance(node, exp.Escape):
            escape, node = self.compile(node.expression), node.this
            if not isinstance(node, exp.Like) or not isinstance(escape.constant, str) or len(escape.constant) != 1:
                raise self.unsupported(node, "ESCAPE that is not one character of LIKE")
        self.require_only(node, "this", "expression", "negate")
        if node.args.get("negate"):
            raise self.unsupported(node, "LIKE of this form")
        value, pattern = self.compile(node.this), self.compile(node.expression)
        if not {value.type, pattern.type} <= {Type.VARCHAR, Type.UNKNOWN}:
            raise self._not_applicable(node, "LIKE", value, pattern)
        ending = f" ESCAPE {escape.sql}" if escape else ""
        return Piece(f"({value.sql} LIKE {pattern.sql}{ending})", Type.BOOLEAN)

    def joined(self, node: parsing.Node) -> Piece:
        left, right = self.compile(node.this), self.compile(node.expression)
        if not {left.type, right.type} <= {Type.VARCHAR, Type.UNKNOWN}:
            raise self._not_applicable(node, "||", left, right)
        return Piece(f"({left.sql} || {right.sql})", Type.VARCHAR)

    def case(self, node: parsing.Node) -> Piece:
        self.require_only(node, "this", "ifs", "default")
        subject = self.compile(node.this) if node.this is not None else None
        conditions: list[str] = []
        results: list[Piece] = []
        for branch in node.args["ifs"]:
            if subject is None:
                conditions.append(self.boolean(branch.this, "A condition of CASE").sql)
            else:
                left, right = self._alike(branch, "=", subject, self.compile(branch.this))
                conditions.append(f"({left.sql} = {right.sql})")
            results.append(self.compile(branch.args["true"]))
        default = node.args.get("default")
        results.append(Piece("NULL", Type.UNKNOWN) if default is None else self.compile(default))
        kind, alike = self.same_type(node, results, "All CASE results")
        branches = " ".join(
            f"WHEN {condition} THEN {result.sql}" for condition, result in zip(conditions, alike, strict=False)
        )
        return Piece(f"(CASE {branches} ELSE {alike[-1].sql} END)", kind)

    def choice(self, node: parsing.Node) -> Piece:
        self.require_only(node, "this", "true", "false")
        condition = self.boolean(node.this, "The condition of IF")
        otherwise = node.args.get("false")
        results = [
            self.compile(node.args["true"]),
            Piece("NULL", Type.UNKNOWN) if otherwise is None else self.compile(otherwise),
        ]
        kind, (then, other) = self.same_type(node, results, "Both results of IF")
        return Piece(f"(CASE WHEN {condition.sql} THEN {then.sql} ELSE {other.sql} END)", kind)

    def cast(self, node: parsing.Node) -> Piece:
        from local.timestream.presto.casts import cast

        self.require_only(node, "this", "to", "_type", "safe")
        wanted = str(node.args["to"].sql(dialect="presto")).upper()
        piece = self.compile(node.this)
        result = cast(piece, wanted, safe=isinstance(node, exp.TryCast))
        if result is None:
            raise self.error(node, f"Cannot cast {piece.type.shown} to {wanted.lower()}")
        return result

    def call(self, node: parsing.Node) -> Piece:
        name = str(node.this).lower()
        function = self._functions.get(name)
        if function is None:
            raise self.error(node, f"Function {name} not registered")
        return function(self, node)

    def extract(self, node: parsing.Node) -> Piece:
        from local.timestream.presto.moments import extract

        self.require_only(node, "this", "expression")
        return extract(self, node)

    def subquery(self, node: parsing.Node) -> Piece:
        sql, types = self._subquery(node)
        if len(types) != 1:
            raise self.error(node, "Multiple columns returned by subquery are not yet supported.")
        return Piece(f"({sql})", types[0])

    def same_type(self, node: parsing.Node, pieces: Sequence[Piece], what: str) -> tuple[Type, list[Piece]]:
        kind: Type | None = Type.UNKNOWN
        for piece in pieces:
            kind = common(kind, piece.type) if kind is not None else None
        if kind is None:
            raise self.error(node, f"{what} must be the same type")
        return kind, [as_type(piece, kind) for piece in pieces]

    def _alike(self, node: parsing.Node, sign: str, left: Piece, right: Piece) -> tuple[Piece, Piece]:
        both = common(left.type, right.type)
        if both is None:
            raise self._not_applicable(node, sign, left, right)
        return as_type(left, both), as_type(right, both)

    def _not_applicable(self, node: parsing.Node, sign: str, left: Piece, right: Piece) -> ServiceError:
        return self.error(node, f"'{sign}' cannot be applied to {left.type.shown}, {right.type.shown}")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def as_type(piece: Piece, kind: Type) -> Piece:
    """The same value as another type, to which nothing is lost."""
    if piece.type is kind:
        return piece
    if (piece.type, kind) == (Type.DATE, Type.TIMESTAMP):
        return Piece(f"epoch_ns(CAST({piece.sql} AS TIMESTAMP))", kind)
    return Piece(f"CAST({piece.sql} AS {kind.sql})", kind)


def cast_to_date(piece: Piece) -> Piece:
    return Piece(f"CAST(make_timestamp({piece.sql} // 86400000000000 * 86400000000) AS DATE)", Type.DATE)


def date_literal(day: date) -> Piece:
    return Piece(f"DATE '{day.isoformat()}'", Type.DATE, day)


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

_NODES: Mapping[type, Compile] = {
    exp.Column: Expressions.column,
    exp.Literal: Expressions.literal,
    exp.Boolean: lambda _, node: Piece("TRUE" if node.this else "FALSE", Type.BOOLEAN, bool(node.this)),
    exp.Null: lambda _, __: Piece("NULL", Type.UNKNOWN),
    exp.Paren: lambda self, node: self.compile(node.this),
    exp.Interval: Expressions.interval,
    exp.Neg: Expressions.negative,
    **dict.fromkeys(_ARITHMETIC, Expressions.arithmetic),
    **dict.fromkeys(_COMPARISONS, Expressions.comparison),
    exp.Between: Expressions.between,
    exp.In: Expressions.among,
    exp.And: Expressions.connected,
    exp.Or: Expressions.connected,
    exp.Not: Expressions.negation,
    exp.Is: Expressions.is_null,
    exp.NullSafeEQ: Expressions.distinct_from,
    exp.NullSafeNEQ: Expressions.distinct_from,
    exp.Like: Expressions.like,
    exp.Escape: Expressions.like,
    exp.DPipe: Expressions.joined,
    exp.Case: Expressions.case,
    exp.If: Expressions.choice,
    exp.Cast: Expressions.cast,
    exp.TryCast: Expressions.cast,
    exp.Anonymous: Expressions.call,
    exp.Extract: Expressions.extract,
    exp.Subquery: Expressions.subquery,
}
