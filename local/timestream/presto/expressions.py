"""Expressions to DuckDB's SQL, each with its type, in the scope of the relations that they may name."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sqlglot import exp

from local.timestream.liveanalytics_errors import ServiceError, invalid
from local.timestream.presto import parsing
from local.timestream.presto.types import Type, common


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


class Rule(NamedTuple):
    """How nodes of a type compile; `known` is all of a node's arguments that this looks at."""

    compile: Callable[["Expressions", parsing.Node], Piece]
    known: tuple[str, ...]


class Expressions:
    """Compiles under one SELECT. Raises ServiceError for whatever has no rule."""

    def __init__(
        self,
        text: str,
        relations: Sequence[Relation],
        rules: Mapping[type, Rule],
        subquery: Callable[[parsing.Node], tuple[str, Sequence[Type]]],
        now_ns: int,
    ) -> None:
        self._text = text
        self.relations = relations
        self._rules = rules
        self.subquery = subquery
        """A query inside an expression, to its SQL and the types of its columns."""
        self.now_ns = now_ns
        self.keys: frozenset[str] | None = None
        """SQL of what is grouped by; None outside of a grouped query."""
        self._inside_aggregate = False
        self.aggregates = 0

    def compile(self, node: parsing.Node) -> Piece:
        if self.keys is not None and not self._inside_aggregate:
            key = self._key(node)
            if key is not None:
                return key
        rule = self._rules.get(type(node))
        if rule is None:
            raise self.unsupported(node, f"{type(node).__name__.upper()} is not supported")
        self.require_only(node, *rule.known)
        return rule.compile(self, node)

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

    def same_type(self, node: parsing.Node, pieces: Sequence[Piece], what: str) -> tuple[Type, list[Piece]]:
        kind: Type | None = Type.UNKNOWN
        for piece in pieces:
            kind = common(kind, piece.type) if kind is not None else None
        if kind is None:
            raise self.error(node, f"{what} must be the same type")
        return kind, [as_type(piece, kind) for piece in pieces]

    def alike(self, node: parsing.Node, sign: str, left: Piece, right: Piece) -> tuple[Piece, Piece]:
        both = common(left.type, right.type)
        if both is None:
            raise self.not_applicable(node, sign, left, right)
        return as_type(left, both), as_type(right, both)

    def not_applicable(self, node: parsing.Node, sign: str, left: Piece, right: Piece) -> ServiceError:
        return self.error(node, f"'{sign}' cannot be applied to {left.type.shown}, {right.type.shown}")

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
        assert isinstance(node, exp.Column)  # noqa: S101 - by its rule
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
