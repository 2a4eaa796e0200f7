"""SELECT and what it is made of, to one statement of DuckDB's and the columns of its answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sqlglot import exp

from local.timestream.liveanalytics_errors import ServiceError
from local.timestream.presto import parsing
from local.timestream.presto.expressions import Expressions, Field, Piece, Relation, as_type
from local.timestream.presto.functions import RULES
from local.timestream.presto.types import Column, Type

_SELECT = ("expressions", "from_", "joins", "where", "group", "having", "order", "limit", "distinct", "with_")
_JOINS = {"": "JOIN", "INNER": "JOIN", "LEFT": "LEFT JOIN", "RIGHT": "RIGHT JOIN", "FULL": "FULL JOIN"}


class Query(NamedTuple):
    sql: str
    columns: Sequence[Column]


class Source(NamedTuple):
    """A stored table: a query that gives its columns, in order, by the names in `fields`."""

    sql: str
    fields: Sequence[Field]


Tables = Callable[[str, str, Callable[[str], ServiceError]], Source]
"""A table by the names of its database and itself; the last makes the error of a message for the place in the text."""


class Compiler:
    """Compiles one text. Raises ServiceError."""

    def __init__(self, text: str, tables: Tables, now_ns: int) -> None:
        self._text = text
        self._tables = tables
        self._now_ns = now_ns
        self._count = 0

    def compile(self, tree: parsing.Node, ctes: Mapping[str, tuple[str, Query]] | None = None) -> Query:
        known = dict(ctes or {})
        definitions: list[str] = []
        with_ = tree.args.get("with_")
        if with_ is not None:
            known, definitions = self._with(with_, known)
        match tree:
            case exp.Select():
                query = self._select(tree, known)
            case exp.Union():
                query = self._union(tree, known)
            case exp.Subquery():
                self._plain(tree).require_only(tree, "this", "with_")
                query = self.compile(tree.this, known)
            case _:
                raise self._plain(tree).unsupported(tree, f"{tree.key.upper()} as a statement")
        if definitions:
            return Query(f"(WITH {', '.join(definitions)} {query.sql})", query.columns)
        return query

    def _plain(self, _node: parsing.Node) -> Expressions:
        """To complain with, and for what has no relations."""
        return Expressions(self._text, (), RULES, self._nowhere, self._now_ns)

    def _nowhere(self, node: parsing.Node) -> tuple[str, Sequence[Type]]:
        raise self._plain(node).unsupported(node, "a subquery here")

    def _with(
        self, with_: parsing.Node, known: dict[str, tuple[str, Query]]
    ) -> tuple[dict[str, tuple[str, Query]], list[str]]:
        self._plain(with_).require_only(with_, "expressions")
        definitions: list[str] = []
        for cte in with_.expressions:
            self._plain(cte).require_only(cte, "this", "alias")
            query = self._renamed(cte, self.compile(cte.this, known))
            name = self._name()
            definitions.append(f"{name} AS ({query.sql})")
            known[cte.alias.lower()] = (name, query)
        return known, definitions

    def _renamed(self, node: parsing.Node, query: Query) -> Query:
        """With the names of an alias like `t (a, b)`."""
        names = node.alias_column_names
        if not names:
            return query
        if len(names) != len(query.columns):
            raise self._plain(node).error(node, "Column alias list has a different length than the relation")
        return Query(query.sql, [Column(name, column.type) for name, column in zip(names, query.columns, strict=True)])

    def _name(self) -> str:
        self._count += 1
        return f"q{self._count}"

    def _select(self, tree: exp.Select, known: Mapping[str, tuple[str, Query]]) -> Query:
        plain = self._plain(tree)
        plain.require_only(tree, *_SELECT)
        if not tree.expressions:
            raise plain.error(tree, "mismatched input '<EOF>'")
        relations, from_ = self._from(tree, known)
        scope = Expressions(self._text, relations, RULES, lambda node: self._inner(node, known), self._now_ns)
        where = tree.args.get("where")
        condition = "" if where is None else f" WHERE {self._where(scope, where)}"
        items = _Items(scope, tree)
        grouped = items.group(tree.args.get("group"))
        columns, pieces = items.compiled()
        having = tree.args.get("having")
        after = "" if having is None else f" HAVING {scope.boolean(having.this, 'HAVING clause').sql}"
        if having is not None and not grouped and not scope.aggregates:
            raise scope.error(having, "HAVING needs a GROUP BY clause or aggregations")
        order = self._order(scope, tree, columns, pieces)
        distinct = "DISTINCT " if self._distinct(plain, tree) else ""
        selected = ", ".join(f"{piece.sql} AS o{number}" for number, piece in enumerate(pieces))
        sql = f"SELECT {distinct}{selected}{from_}{condition}{grouped}{after}{order}{self._limit(plain, tree)}"
        return Query(sql, columns)

    def _where(self, scope: Expressions, where: parsing.Node) -> str:
        before = scope.aggregates
        piece = scope.boolean(where.this, "WHERE clause")
        if scope.aggregates > before:
            raise scope.error(where, "WHERE clause cannot contain aggregations")
        return piece.sql

    def _distinct(self, plain: Expressions, tree: exp.Select) -> bool:
        distinct = tree.args.get("distinct")
        if distinct is None:
            return False
        plain.require_only(distinct)
        return True

    def _inner(self, node: parsing.Node, known: Mapping[str, tuple[str, Query]]) -> tuple[str, Sequence[Type]]:
        query = self.compile(node, known)
        return query.sql, [column.type for column in query.columns]

    def _from(self, tree: exp.Select, known: Mapping[str, tuple[str, Query]]) -> tuple[list[Relation], str]:
        from_ = tree.args.get("from_")
        if from_ is None:
            if tree.args.get("joins"):
                raise self._plain(tree).unsupported(tree, "a join without FROM")
            return [], ""
        relation, sql = self._relation(from_.this, known)
        relations = [relation]
        for join in (*(from_.this.args.get("joins") or ()), *(tree.args.get("joins") or ())):
            relation, text = self._relation(join.this, known)
            relations.append(relation)
            sql += self._join(join, text, relations, known)
        return relations, f" FROM {sql}"

    def _join(
        self, join: parsing.Node, sql: str, relations: Sequence[Relation], known: Mapping[str, tuple[str, Query]]
    ) -> str:
        plain = self._plain(join)
        plain.require_only(join, "this", "side", "kind", "on")
        side, kind = str(join.args.get("side") or "").upper(), str(join.args.get("kind") or "").upper()
        on = join.args.get("on")
        if on is None:
            if side or kind not in {"", "CROSS"}:
                raise plain.unsupported(join, "a join without ON")
            return f" CROSS JOIN {sql}"
        words = _JOINS.get(side or kind)
        if words is None or kind not in {"", "INNER", "OUTER"}:
            raise plain.unsupported(join, f"a join of this kind: {side} {kind}")
        scope = Expressions(self._text, relations, RULES, lambda node: self._inner(node, known), self._now_ns)
        condition = scope.boolean(on, "JOIN ON clause")
        if scope.aggregates:
            raise plain.error(on, "JOIN ON clause cannot contain aggregations")
        return f" {words} {sql} ON {condition.sql}"

    def _relation(self, node: parsing.Node, known: Mapping[str, tuple[str, Query]]) -> tuple[Relation, str]:
        plain = self._plain(node)
        alias = node.alias.lower()
        name = self._name()
        if isinstance(node, exp.Subquery):
            plain.require_only(node, "this", "alias", "joins")
            query = self._renamed(node, self.compile(node.this, known))
            return _relation(name, {alias}, query), f"({query.sql}) AS {name}"
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise plain.unsupported(node, f"{node.key.upper()} in FROM")
        plain.require_only(node, "this", "db", "alias", "joins")
        if not node.db:
            if node.name.lower() not in known:
                raise plain.error(node, f"Table '{node.name}' does not exist")
            stored, query = known[node.name.lower()]
            return _relation(name, {alias or node.name.lower()}, query), f"{stored} AS {name}"
        if node.alias_column_names:
            raise plain.unsupported(node, "columns in the alias of a table")
        source = self._tables(node.db, node.name, lambda message: plain.error(node, message))
        names = {alias} if alias else {node.name.lower(), f"{node.db}.{node.name}".lower()}
        fields = [Field(field.name, field.type, f"{name}.{field.sql}") for field in source.fields]
        return Relation(frozenset(names), fields), f"({source.sql}) AS {name}"

    def _order(self, scope: Expressions, tree: parsing.Node, columns: Sequence[Column], pieces: Sequence[Piece]) -> str:
        order = tree.args.get("order")
        if order is None:
            return ""
        scope.require_only(order, "expressions")
        keys: list[str] = []
        for ordered in order.expressions:
            scope.require_only(ordered, "this", "desc", "nulls_first")
            key = _place(scope, ordered.this, columns, pieces, distinct=bool(tree.args.get("distinct")))
            direction = "DESC" if ordered.args.get("desc") else "ASC"
            nulls = "FIRST" if ordered.args.get("nulls_first") else "LAST"
            keys.append(f"{key} {direction} NULLS {nulls}")
        return f" ORDER BY {', '.join(keys)}"

    def _limit(self, plain: Expressions, tree: parsing.Node) -> str:
        limit = tree.args.get("limit")
        if limit is None:
            return ""
        plain.require_only(limit, "expression")
        count = limit.args.get("expression") if isinstance(limit, exp.Limit) else None
        if isinstance(count, exp.Column) and count.name.lower() == "all":
            return ""
        if not isinstance(count, exp.Literal) or not str(count.this).isdigit():
            raise plain.unsupported(limit, "a LIMIT that is no number")
        return f" LIMIT {int(str(count.this))}"

    def _union(self, tree: exp.Union, known: Mapping[str, tuple[str, Query]]) -> Query:
        plain = self._plain(tree)
        plain.require_only(tree, "this", "expression", "distinct", "with_", "order", "limit")
        left, right = self.compile(tree.this, known), self.compile(tree.expression, known)
        types = [one.type for one in left.columns]
        if types != [other.type for other in right.columns]:
            raise plain.error(tree, "UNION query has different types of columns in its parts")
        names = [column.name for column in left.columns]
        fields = [Piece(f"o{number}", kind) for number, kind in enumerate(types)]
        columns = [Column(name, kind) for name, kind in zip(names, types, strict=True)]
        scope = Expressions(self._text, (), RULES, self._nowhere, self._now_ns)
        order = self._order(scope, tree, columns, fields)
        all_ = "" if tree.args.get("distinct") else " ALL"
        sql = f"SELECT * FROM (({left.sql}) UNION{all_} ({right.sql})){order}{self._limit(plain, tree)}"
        return Query(sql, columns)


class _Items:
    """What a SELECT selects."""

    def __init__(self, scope: Expressions, tree: exp.Select) -> None:
        self._scope = scope
        self._nodes: list[tuple[str | None, parsing.Node | Field]] = []
        for node in tree.expressions:
            match node:
                case exp.Star():
                    scope.require_only(node)
                    self._nodes += self._star(node, scope.relations)
                case exp.Column(this=exp.Star()):
                    wanted = node.table.lower()
                    self._nodes += self._star(node, [each for each in scope.relations if wanted in each.names])
                case exp.Alias():
                    scope.require_only(node, "this", "alias")
                    self._nodes.append((node.alias, node.this))
                case exp.Column():
                    self._nodes.append((node.name, node))
                case _:
                    self._nodes.append((None, node))

    def _star(self, node: parsing.Node, relations: Sequence[Relation]) -> list[tuple[str | None, Field]]:
        if not relations:
            raise self._scope.error(node, "SELECT * not allowed in queries without FROM clause")
        return [(field.name, field) for relation in relations for field in relation.fields]

    def group(self, group: parsing.Node | None) -> str:
        """The clause; from then on the scope knows what stands in it."""
        if group is None:
            if any(self._aggregates(node) for _, node in self._nodes):
                self._scope.keys = frozenset()
            return ""
        self._scope.require_only(group, "expressions")
        keys = [self._key(node).sql for node in group.expressions]
        self._scope.keys = frozenset(keys)
        return f" GROUP BY {', '.join(keys)}"

    def _key(self, node: parsing.Node) -> Piece:
        if isinstance(node, exp.Literal) and not node.args.get("is_string"):
            place = int(node.name) if node.name.isdigit() else 0
            if not 1 <= place <= len(self._nodes):
                raise self._scope.error(node, f"GROUP BY position {node.name} is not in select list")
            chosen = self._nodes[place - 1][1]
            if isinstance(chosen, Field):
                return Piece(chosen.sql, chosen.type)
            node = chosen
        return self._scope.row_by_row(node, "GROUP BY clause")

    def _aggregates(self, node: parsing.Node | Field) -> bool:
        if isinstance(node, Field):
            return False
        before = self._scope.aggregates
        try:
            self._scope.compile(node)
        except ServiceError:
            return False  # compiled once more, and told, when it is its turn
        found = self._scope.aggregates > before
        self._scope.aggregates = before
        return found

    def compiled(self) -> tuple[list[Column], list[Piece]]:
        columns: list[Column] = []
        pieces: list[Piece] = []
        for number, (name, node) in enumerate(self._nodes):
            if isinstance(node, Field):
                if self._scope.keys is not None and node.sql not in self._scope.keys:
                    message = f"'{node.name}' must be an aggregate expression or appear in GROUP BY clause"
                    raise self._scope.error(exp.Null(), message)
                piece = Piece(node.sql, node.type)
            else:
                piece = self._scope.compile(node)
            pieces.append(as_type(piece, piece.type))
            columns.append(Column(f"_col{number}" if name is None else name, piece.type))
        return columns, pieces


def _relation(name: str, names: set[str], query: Query) -> Relation:
    fields = [Field(column.name, column.type, f"{name}.o{number}") for number, column in enumerate(query.columns)]
    return Relation(frozenset(names - {""}), fields)


def _place(
    scope: Expressions, node: parsing.Node, columns: Sequence[Column], pieces: Sequence[Piece], *, distinct: bool
) -> str:
    """What to order by: a place in the answer, the name of one, or an expression, which `distinct` wants selected."""
    if isinstance(node, exp.Literal) and not node.args.get("is_string"):
        place = int(node.name) if node.name.isdigit() else 0
        if not 1 <= place <= len(columns):
            raise scope.error(node, f"ORDER BY position {node.name} is not in select list")
        return f"o{place - 1}"
    if isinstance(node, exp.Column) and not node.table:
        found = [number for number, column in enumerate(columns) if column.name.lower() == node.name.lower()]
        if len({pieces[number].sql for number in found}) == 1:
            return f"o{found[0]}"
        if found:
            raise scope.error(node, f"Column '{node.name}' is ambiguous")
    sql = scope.compile(node).sql
    if distinct and sql not in {piece.sql for piece in pieces}:
        raise scope.error(node, "For SELECT DISTINCT, ORDER BY expressions must appear in select list")
    return sql
