"""The ways in and out of InfluxDB: /write, /query, /api/v2/write and /api/v2/delete."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from local.timestream.engine import Engine
from local.timestream.errors import EngineError, MissingError, OverloadedError, StorageFullError
from local.timestream.influx_accounts import Accounts, Authorization, Bucket, Organization
from local.timestream.influx_ast import Binary, Expression, Ref
from local.timestream.influx_errors import ParseError, StatementError
from local.timestream.influx_json import InfiniteError, encode
from local.timestream.influx_lines import MAX_TIME, MIN_TIME, PRECISIONS, LineParser
from local.timestream.influx_namespace import Asking
from local.timestream.influx_requests import Reply, Request, RequestError, TooLargeError, inflated
from local.timestream.influx_sessions import Sessions
from local.timestream.influx_statements import Executor, delete_rows
from local.timestream.influx_times import TimeRange
from local.timestream.influx_writes import Dropped, store
from local.timestream.influxql import parse

_EXPIRE_NS: Final = 3600 * 10**9
_V2_PRECISIONS: Final = frozenset({"ns", "us", "ms", "s"})
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_CLAUSE: Final = re.compile(
    r"\s*([A-Za-z_][\w.-]*|\"(?:[^\"\\]|\\.)+\")\s*(=|!=)\s*(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')\s*"
)
_AND: Final = re.compile(r"and\b", re.IGNORECASE)


class _Deletion(msgspec.Struct):
    start: str = ""
    stop: str = ""
    predicate: str = ""


class Data:
    """`now` gives ns since the Unix epoch."""

    def __init__(self, engine: Engine, accounts: Accounts, sessions: Sessions, now: Callable[[], int]) -> None:
        self._engine = engine
        self._accounts = accounts
        self._sessions = sessions
        self._now = now
        self._executor = Executor(engine, accounts, now)
        self._parser = LineParser()
        self._expired: dict[str, int] = {}

    # /query

    def query(self, request: Request) -> Reply:
        authorization = self._sessions.authorization(request) if self._accounts.is_onboarded else None
        form = request.form()
        text = form.get("q", "").strip()
        if not text and authorization is None:
            raise RequestError("invalid", 'missing required parameter "q"', v1_status=400)
        try:
            statements = parse(text)
        except ParseError as exc:
            if authorization is None:
                raise RequestError("invalid", f"error parsing query: {exc}", v1_status=400) from None
            raise RequestError("invalid", f"failed to parse query: {exc}") from None
        asking = Asking(form.get("db", ""), form.get("rp", ""), authorization)
        results = self._executor.execute(statements, asking, posted=request.method == "POST")
        try:
            return Reply(200, (encode(results, form.get("epoch", "")) + "\n").encode())
        except InfiniteError as exc:
            return Reply(200, str(exc).encode())

    # /write

    def write(self, request: Request) -> Reply:
        return self._write_v2(request) if self._accounts.is_onboarded else self._write_v1(request)

    def _write_v1(self, request: Request) -> Reply:
        database, policy = request.query.get("db", ""), request.query.get("rp", "")
        if not database:
            raise RequestError("invalid", "database is required", v1_status=400)
        if not any(each.database == database for each in self._accounts.mappings("")):
            raise RequestError("not found", f'database not found: "{database}"', v1_status=404)
        mapping = self._accounts.mapping("", database, policy or None)
        if mapping is None:
            raise RequestError("not found", f"retention policy not found: {policy}", v1_status=500)
        try:
            body = inflated(request)
        except TooLargeError:
            raise RequestError("request too large", "Request Entity Too Large", v1_status=413) from None
        except ValueError as exc:
            raise RequestError("invalid", str(exc), v1_status=400) from exc
        unit = PRECISIONS.get(request.query.get("precision", ""), 1)
        errors, dropped = self._store(self._accounts.state.buckets[mapping.bucket], body, unit, partly=True)
        if dropped is not None:
            raise RequestError("invalid", str(dropped), v1_status=400)
        if errors:
            raise RequestError("invalid", errors, v1_status=400)
        return Reply(204)

    def _write_v2(self, request: Request) -> Reply:
        authorization = self._sessions.authorization(request)
        database = request.query.get("db", "")
        if not database:
            raise RequestError("invalid", "missing db")
        body = self._body(request)
        mapping = self._accounts.mapping(authorization.organization, database, request.query.get("rp") or None)
        if mapping is None or not any(
            authorization.allows(action, "buckets", mapping.bucket, mapping.organization)
            for action in ("read", "write")
        ):
            raise RequestError("not found", "no dbrp mapping found")
        unit = PRECISIONS.get(request.query.get("precision", ""), 1)
        return self._write_to(self._accounts.state.buckets[mapping.bucket], authorization, body, unit)

    def write_to_bucket(self, request: Request) -> Reply:
        """/api/v2/write."""
        authorization = self._sessions.authorization(request)
        precision = request.query.get("precision", "ns")
        if precision not in _V2_PRECISIONS:
            raise RequestError("invalid", "invalid precision; valid precision units are ns, us, ms, and s")
        bucket = self._named_bucket(request)
        return self._write_to(bucket, authorization, self._body(request), PRECISIONS[precision])

    def _write_to(self, bucket: Bucket, authorization: Authorization, body: bytes, unit: int) -> Reply:
        if not authorization.allows("write", "buckets", bucket.id, bucket.organization):
            raise RequestError("forbidden", "insufficient permissions for write")
        if not body:
            raise RequestError("invalid", "writing requires points")
        errors, dropped = self._store(bucket, body, unit, partly=False)
        if errors:
            raise RequestError("invalid", errors)
        if dropped is not None:
            raise RequestError("unprocessable entity", f"failure writing points to database: {dropped}")
        return Reply(204)

    @staticmethod
    def _body(request: Request) -> bytes:
        try:
            return inflated(request)
        except TooLargeError as exc:
            raise RequestError("request too large", f"unable to read data: {exc}") from None
        except ValueError as exc:
            raise RequestError("invalid", f"unable to read data: {exc}") from exc

    def _store(self, bucket: Bucket, body: bytes, unit: int, *, partly: bool) -> tuple[str, Dropped | None]:
        """What was wrong with lines, and with points. 1.x stores the other lines (`partly`), 2.x then none."""
        now = self._now()
        parsed = self._parser.parse(body.decode(errors="replace"), now, unit)
        errors = "\n".join(parsed.errors)
        if not parsed.lines or (errors and not partly):
            return errors, None
        self._expire(bucket, now)
        dropped = store(self._engine, bucket, parsed.lines, now)
        return f"partial write: {errors} dropped=0" if errors else "", dropped

    def _expire(self, bucket: Bucket, now: int) -> None:
        """Removes what retention does not keep, now and then: nobody sees it any more."""
        oldest = bucket.oldest(now)
        if oldest is None or now < self._expired.get(bucket.id, 0) + _EXPIRE_NS:
            return
        self._expired[bucket.id] = now
        for name in self._engine.tables(bucket.database):
            table = self._engine.table(bucket.database, name)
            if self._engine.query(f"SELECT 1 FROM {table.data} WHERE time < {oldest} LIMIT 1"):
                delete_rows(self._engine, table, None, TimeRange(last=oldest - 1))

    # /api/v2/delete

    def delete(self, request: Request) -> Reply:
        authorization = self._sessions.authorization(request)
        try:
            asked = msgspec.json.decode(request.body, type=_Deletion)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise RequestError("invalid", f"invalid request; error parsing request json: {exc}") from exc
        span = TimeRange(_moment("start", asked.start), _moment("stop", asked.stop))
        measurement, condition = _predicate(asked.predicate)
        bucket = self._named_bucket(request)
        if not authorization.allows("write", "buckets", bucket.id, bucket.organization):
            raise RequestError("forbidden", "insufficient permissions to delete")
        for name in self._engine.tables(bucket.database):
            if measurement is None or name == measurement:
                try:
                    delete_rows(self._engine, self._engine.table(bucket.database, name), condition, span)
                except StatementError as exc:
                    raise RequestError("internal error", f"unable to delete: {exc}") from exc
        return Reply(204)

    def _named_bucket(self, request: Request) -> Bucket:
        organization = named_organization(self._accounts, request)
        name = request.query.get("bucketID") or request.query.get("bucket")
        if not name:
            raise RequestError("invalid", "Please provide either bucketID or bucket")
        for bucket in self._accounts.state.buckets.values():
            if bucket.organization == organization.id and name in {bucket.id, bucket.name}:
                return bucket
        raise RequestError("not found", f'bucket "{name}" not found')


def named_organization(accounts: Accounts, request: Request) -> Organization:
    """Raises RequestError."""
    name = request.query.get("orgID") or request.query.get("org")
    if not name:
        raise RequestError("invalid", "Please provide either orgID or org")
    for organization in accounts.state.organizations.values():
        if name in {organization.id, organization.name}:
            return organization
    raise RequestError("not found", f'organization name "{name}" not found')


@contextmanager
def engine_errors(*, v1: bool) -> Iterator[None]:
    """The engine's errors as what a client of InfluxDB meets when its server cannot."""
    try:
        yield
    except OverloadedError as exc:
        raise RequestError("unavailable", f"timeout: {exc}", v1_status=503 if v1 else None) from exc
    except StorageFullError as exc:
        message = f"engine: cannot write: no space left on device: {exc}"
        raise RequestError("internal error", message, v1_status=500 if v1 else None) from exc
    except MissingError as exc:
        raise RequestError("not found", str(exc), v1_status=404 if v1 else None) from exc
    except EngineError as exc:
        message = f"unexpected error writing points to database: {exc}"
        raise RequestError("internal error", message, v1_status=500 if v1 else None) from exc


def _moment(name: str, text: str) -> int:
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise RequestError(
            "invalid",
            f"invalid request; error parsing request json: invalid RFC3339Nano for field {name}, please format your "
            "time with RFC3339Nano format, example: 2009-01-02T23:00:00Z",
        )
    try:
        whole = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
    except ValueError as exc:
        raise RequestError("invalid", f"invalid RFC3339Nano for field {name}: {exc}") from exc
    seconds = (whole - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    moment = seconds * 10**9 + int(f"{match[2] or '':0<9}")
    return min(max(moment, MIN_TIME), MAX_TIME)


def _predicate(text: str) -> tuple[str | None, Expression | None]:
    """The measurement, and the condition on tags: comparisons joined by AND, which is all that InfluxDB takes."""
    measurement: str | None = None
    condition: Expression | None = None
    at = 0
    while text.strip():
        match = _CLAUSE.match(text, at)
        if match is None:
            raise RequestError("invalid", f"invalid request; error parsing predicate: bad expression at position {at}")
        name, operator, value = match.groups()
        name, value = _unquoted(name), _unquoted(value)
        if name == "_measurement" and operator == "=":
            measurement = value
        elif name in {"_measurement", "_field", "_time", "_value"} or operator != "=":
            raise RequestError(
                "invalid", f"invalid request; error parsing predicate: {name} {operator} is not supported"
            )
        else:
            clause = Binary("=", Ref(name, "tag"), value)
            condition = clause if condition is None else Binary("AND", condition, clause)
        at = match.end()
        if at == len(text):
            break
        joint = _AND.match(text, at)
        if joint is None:
            raise RequestError("invalid", f"invalid request; error parsing predicate: expected AND at position {at}")
        at = joint.end()
    return measurement, condition


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "\"'" else text
