"""SHOW DATABASES, SHOW TABLES, SHOW MEASURES and DESCRIBE."""

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlglot import exp

from local.timestream.catalog import Table
from local.timestream.engine import Engine
from local.timestream.liveanalytics_errors import ServiceError, invalid
from local.timestream.liveanalytics_records import MEASURE
from local.timestream.liveanalytics_tables import PREFIX, Tables
from local.timestream.presto import parsing
from local.timestream.presto.types import OF_KIND, Column, Type

Rows: TypeAlias = tuple[Sequence[Column], list[tuple[Any, ...]]]

_NAME = r'(?:"((?:[^"]|"")+)"|([A-Za-z0-9_]+))'
_LIKE = r"(?:\s+LIKE\s+'((?:[^']|'')*)')?"
_show = re.compile(
    rf"\s*SHOW\s+(?:(DATABASES)|(TABLES)\s+(?:FROM|IN)\s+{_NAME}|(MEASURES)\s+(?:FROM|IN)\s+{_NAME}\s*\.\s*{_NAME})"
    rf"{_LIKE}\s*;?\s*",
    re.IGNORECASE,
).fullmatch


class Statements:
    """Of one text. Raises ServiceError."""

    def __init__(self, engine: Engine, tables: Tables, text: str) -> None:
        self._engine = engine
        self._tables = tables
        self._text = text

    def are(self, tree: parsing.Node) -> bool:
        return isinstance(tree, exp.Describe | exp.Command)

    def answer(self, tree: parsing.Node) -> Rows:
        if isinstance(tree, exp.Describe):
            return self._describe(tree)
        found = _show(self._text)
        if found is None:
            raise invalid("line 1:1: The query syntax is not supported: expected SELECT, SHOW or DESCRIBE")
        groups = [group.replace('""', '"') if group else group for group in found.groups()]
        databases, tables, database, plain_database, _, owner, plain_owner, name, plain_name, like = groups
        if databases:
            names = [name.removeprefix(PREFIX) for name in self._engine.databases() if name.startswith(PREFIX)]
            return _column("Database", names, like)
        if tables:
            wanted = database or plain_database or ""
            listed = [table.name for table in self._tables.all() if table.database == PREFIX + wanted]
            if not listed:
                self._tables.describe_database({"DatabaseName": wanted})
            return _column("Table", listed, like)
        table = self._table(owner or plain_owner or "", name or plain_name or "")
        return _measures(table, self._engine, like)

    def _table(self, database: str, name: str) -> Table:
        try:
            return self._tables.find(database, name)
        except ServiceError as exc:
            raise invalid(str(exc)) from exc

    def _describe(self, tree: exp.Describe) -> Rows:
        named = tree.this
        if not isinstance(named, exp.Table) or not named.db or tree.args.get("style") or tree.args.get("kind"):
            raise invalid('line 1:1: expected DESCRIBE "database"."table"')
        table = self._table(named.db, named.name)
        kinds = ("Column", "Type", "Timestream attribute type")
        rows = [
            *((tag.name, "varchar", "DIMENSION") for tag in table.tags.values() if tag.name != MEASURE),
            (MEASURE, "varchar", "MEASURE_NAME"),
            ("time", "timestamp", "TIMESTAMP"),
            *(
                (
                    column.name,
                    OF_KIND[column.kind].shown,
                    "MEASURE_VALUE" if column.name.startswith("measure_value::") else "MULTI",
                )
                for column in table.columns.values()
            ),
        ]
        return [Column(kind, Type.VARCHAR) for kind in kinds], rows


def _measures(table: Table, engine: Engine, like: str | None) -> Rows:
    """Each measure's name with the types of its values."""
    measure = table.tags.get(MEASURE)
    columns = [Column(name, Type.VARCHAR) for name in ("measure_name", "data_type")]
    if measure is None:
        return columns, []
    single = [column for column in table.columns.values() if column.name.startswith("measure_value::")]
    counts = "".join(f", count({column.sql}) > 0" for column in single)
    rows: list[tuple[Any, ...]] = []
    sql = f"SELECT {measure.sql}, count(*){counts} FROM {table.data} JOIN {table.dictionary} USING (sid) GROUP BY 1"
    for name, _, *has in sorted(engine.query(sql)):
        kinds = [column.kind.value.lower() for column, there in zip(single, has, strict=True) if there] or ["multi"]
        rows += [(name, kind) for kind in kinds if _is_like(name, like)]
    return columns, rows


def _column(name: str, values: Sequence[str], like: str | None) -> Rows:
    return [Column(name, Type.VARCHAR)], [(value,) for value in values if _is_like(value, like)]


def _is_like(value: str, pattern: str | None) -> bool:
    if pattern is None:
        return True
    parts = (".*" if char == "%" else "." if char == "_" else re.escape(char) for char in pattern.replace("''", "'"))
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None
