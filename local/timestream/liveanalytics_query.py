"""Query: compiles a text, runs it, and hands its answer out in pages that can be asked for again."""

import base64
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from local.timestream.catalog import Table
from local.timestream.connections import Cancel
from local.timestream.engine import Engine
from local.timestream.errors import InterruptedQueryError, MissingError, QueryError, TooLargeError
from local.timestream.liveanalytics_errors import ServiceError, invalid
from local.timestream.liveanalytics_records import MEASURE
from local.timestream.liveanalytics_statements import Statements
from local.timestream.liveanalytics_tables import PREFIX, Answer, Request, Retention, Tables
from local.timestream.presto import parsing
from local.timestream.presto.expressions import Field
from local.timestream.presto.queries import Compiler, Source
from local.timestream.presto.types import OF_KIND, SHOWN, Column, Type, datum

PAGE_BYTES = 1_000_000
WITHIN_S = 60.0
_KEPT_S = 900.0
_KEPT_ROWS = 2_000_000
_token = re.compile(r"([A-Z0-9]{52}):([0-9]{1,9})").fullmatch


class _Result(NamedTuple):
    text: str
    columns: Sequence[Column]
    rows: Sequence[tuple[Any, ...]]
    made: float


class Querier:
    def __init__(
        self,
        engine: Engine,
        tables: Tables,
        clock_ns: Callable[[], int] = time.time_ns,
        within_s: float = WITHIN_S,
    ) -> None:
        self._engine = engine
        self._tables = tables
        self._clock_ns = clock_ns
        self._within_s = within_s
        self._lock = threading.Lock()
        self._results: OrderedDict[str, _Result] = OrderedDict()
        self._running: dict[str, Cancel] = {}
        self._client_tokens: OrderedDict[str, tuple[str, object]] = OrderedDict()

    def query(self, request: Request) -> Answer:
        """Raises ServiceError."""
        text, most = request["QueryString"], request.get("MaxRows")
        token = request.get("NextToken")
        if token is not None:
            query_id, result, first = self._asked_again(token, text)
            return self._page(query_id, result, first, most)
        self._require_same(request.get("ClientToken"), text, most)
        query_id = base64.b32encode(secrets.token_bytes(32)).decode().rstrip("=")
        columns, rows = self._run(query_id, text)
        result = _Result(text, columns, rows, self._now())
        answer = self._page(query_id, result, 0, most)
        if "NextToken" in answer:
            self._keep(query_id, result)
        return answer

    def cancel(self, request: Request) -> Answer:
        query_id = request["QueryId"]
        with self._lock:
            running = self._running.get(query_id)
            known = self._results.pop(query_id, None) is not None or running is not None
        if running is not None:
            running.set()
        if not known:
            raise invalid(f"The query {query_id} is not running and has no pages left.")
        return {"CancellationMessage": f"The query {query_id} has been cancelled."}

    def _run(self, query_id: str, text: str) -> tuple[Sequence[Column], Sequence[tuple[Any, ...]]]:
        tree = parsing.parse(text)
        statements = Statements(self._engine, self._tables, text)
        if statements.are(tree):
            return statements.answer(tree)
        query = Compiler(text, self._source, self._clock_ns()).compile(tree)
        cancel = Cancel()
        with self._lock:
            self._running[query_id] = cancel
        timer = threading.Timer(self._within_s, cancel.set)
        timer.start()
        try:
            return query.columns, self._engine.query(query.sql, cancel=cancel)
        except InterruptedQueryError as exc:
            raise ServiceError("QueryExecutionException", "The query was cancelled or did not end in time.") from exc
        except TooLargeError as exc:
            raise ServiceError("QueryExecutionException", f"The query failed: {exc}.") from exc
        except QueryError as exc:
            raise _told(exc) from exc
        finally:
            timer.cancel()
            with self._lock:
                del self._running[query_id]

    def _source(self, database: str, name: str, error: Callable[[str], ServiceError]) -> Source:
        try:
            table = self._engine.table(PREFIX + database, name)
        except MissingError as exc:
            missing = (
                f"Requested table '{name}'" if database in self._databases() else f"Requested database '{database}'"
            )
            position = str(error("")).removeprefix("line ").removesuffix(": ")
            raise invalid(f"{missing} not found for identifier '{database}.{name}' at line {position}") from exc
        return source(table, Retention(table.properties).oldest(self._clock_ns()))

    def _databases(self) -> set[str]:
        return {name.removeprefix(PREFIX) for name in self._engine.databases() if name.startswith(PREFIX)}

    def _page(self, query_id: str, result: _Result, first: int, most: int | None) -> Answer:
        shown_by = [SHOWN[column.type] for column in result.columns]
        rows: list[Answer] = []
        size = 0
        for row in result.rows[first : first + most if most else None]:
            data = [datum(value, shown) for value, shown in zip(row, shown_by, strict=True)]
            bytes_ = sum(len(each.get("ScalarValue", "")) + 20 for each in data)
            if bytes_ > PAGE_BYTES:
                raise invalid("Query aborted as max page response size has been exceeded by the output result row")
            if size + bytes_ > PAGE_BYTES:
                break
            size += bytes_
            rows.append({"Data": data})
        behind = first + len(rows)
        more = {"NextToken": _sealed(query_id, behind)} if behind < len(result.rows) else {}
        return {
            "QueryId": query_id,
            "Rows": rows,
            "ColumnInfo": [{"Name": each.name, "Type": {"ScalarType": each.type.value}} for each in result.columns],
            "QueryStatus": {
                "ProgressPercentage": 100.0,
                "CumulativeBytesScanned": 0,
                "CumulativeBytesMetered": 0,
            },
            **more,
        }

    def _asked_again(self, token: str, text: str) -> tuple[str, _Result, int]:
        try:
            found = _token(base64.urlsafe_b64decode(token.encode()).decode())
        except ValueError:
            found = None
        with self._lock:
            self._forget_old()
            result = self._results.get(found[1]) if found else None
        if found is None or result is None or result.text != text:
            raise invalid("Invalid pagination token")
        return found[1], result, int(found[2])

    def _require_same(self, client_token: str | None, text: str, most: object) -> None:
        """A client's token stands for one request."""
        if client_token is None:
            return
        with self._lock:
            known = self._client_tokens.setdefault(client_token, (text, most))
            while len(self._client_tokens) > 1000:  # noqa: PLR2004 - far more than come in five minutes
                self._client_tokens.popitem(last=False)
        if known != (text, most):
            raise invalid("The client token was used before with other parameters.")

    def _keep(self, query_id: str, result: _Result) -> None:
        with self._lock:
            self._results[query_id] = result
            self._forget_old()

    def _forget_old(self) -> None:
        before = self._now() - _KEPT_S
        rows = sum(len(result.rows) for result in self._results.values())
        while self._results:
            oldest = next(iter(self._results.values()))
            if oldest.made >= before and (rows <= _KEPT_ROWS or len(self._results) == 1):
                return
            rows -= len(oldest.rows)
            self._results.popitem(last=False)

    def _now(self) -> float:
        return self._clock_ns() / 10**9


def source(table: Table, oldest_ns: int) -> Source:
    """A table as queries see it: dimensions, measure_name, time, measures; nothing older than its retention."""
    dimensions = [tag for tag in table.tags.values() if tag.name != MEASURE]
    measure = table.tags.get(MEASURE)
    fields = [
        *(Field(tag.name, Type.VARCHAR, tag.sql) for tag in dimensions),
        Field(MEASURE, Type.VARCHAR, measure.sql if measure else "m"),
        Field("time", Type.TIMESTAMP, "time"),
        *(Field(column.name, OF_KIND[column.kind], column.sql) for column in table.columns.values()),
    ]
    tags = "".join(f", s.{tag.sql}" for tag in table.tags.values())
    columns = "".join(f", d.{column.sql}" for column in table.columns.values())
    sql = (
        f"SELECT d.time{', NULL::VARCHAR AS m' if measure is None else ''}{tags}{columns} "
        f"FROM {table.data} d JOIN {table.dictionary} s ON s.sid = d.sid WHERE d.time >= {oldest_ns}"
    )
    return Source(sql, fields)


def _sealed(query_id: str, behind: int) -> str:
    return base64.urlsafe_b64encode(f"{query_id}:{behind}".encode()).decode()


def _told(exc: QueryError) -> ServiceError:
    """What went wrong with the values, without DuckDB's text of the statement."""
    first = str(exc).splitlines()[0]
    for prefix in ("Invalid Input Error: ", "Out of Range Error: ", "Conversion Error: ", "Binder Error: "):
        first = first.removeprefix(prefix)
    return invalid(first.split(" Use TRY", 1)[0])
