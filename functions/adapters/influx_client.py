"""What InfluxDB 1.x and 2.x have in common: `/write` and `/query`.

https://docs.influxdata.com/influxdb/v1/tools/api/, https://docs.influxdata.com/influxdb/v2/reference/api/influxdb-1x/
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_plus, urlencode

import msgspec

from functions.adapters.backoff import Backoff
from functions.adapters.influx_answers import Series, Statement, reason, series_of, told
from functions.adapters.influx_auth import Authorization
from functions.adapters.influx_http import Deadline, Reply, Server, UnansweredError
from functions.errors import StoreError

_PASSING = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_MAX_RETRY_AFTER_S = 5.0
_GZIP = 16 + zlib.MAX_WBITS


class UnavailableError(StoreError):
    """Nobody answers, or whatever is sent is not taken now."""


class RefusedError(Exception):
    """The server answered that it does not take these lines; `reason` is empty where the words are not its own."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class InfluxClient:
    """`url` is `https://host:port`; on 2.x `database` is mapped to a bucket."""

    def __init__(self, url: str, database: str, backoff: Backoff) -> None:
        self._server = Server(url)
        self._url = url
        self._backoff = backoff
        self._write_path = "/write?" + urlencode({"db": database, "precision": "ns"})
        self._query_path = "/query?" + urlencode({"db": database, "epoch": "ns"})

    def write(self, lines: bytes, auth: Authorization, deadline: Deadline) -> None:
        """Raises RefusedError for an answer to these very lines, UnavailableError where others would fare no better."""
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"}
        body = zlib.compress(lines, level=1, wbits=_GZIP)
        reply = self._post("writing telemetry", self._write_path, body, headers, auth, deadline)
        match reply.status:
            case HTTPStatus.NO_CONTENT:
                return
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN | HTTPStatus.NOT_FOUND:
                raise UnavailableError(f"writing telemetry: {told(reply)}")
        raise RefusedError(reply.status, reason(reply), f"writing telemetry: {told(reply)}")

    def query(
        self, doing: str, statements: Sequence[Statement], auth: Authorization, deadline: Deadline
    ) -> list[list[Series[Any]]]:
        """The series that answer each statement, in one request. Raises StoreError."""
        text = ";".join(statement.text for statement in statements)
        body = f"q={quote_plus(text)}".encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        reply = self._post(doing, self._query_path, body, headers, auth, deadline)
        if reply.status != HTTPStatus.OK:
            raise StoreError(f"{doing}: {told(reply)}")
        return series_of(doing, statements, reply.body)

    def call(self, doing: str, path: str, document: object, auth: Authorization, deadline: Deadline) -> None:
        """Ask for something that is done without an answer. Raises StoreError."""
        headers = {"Content-Type": "application/json"}
        reply = self._post(doing, path, msgspec.json.encode(document), headers, auth, deadline)
        if reply.status != HTTPStatus.NO_CONTENT:
            raise StoreError(f"{doing}: {told(reply)}")

    def _post(
        self, doing: str, path: str, body: bytes, headers: dict[str, str], auth: Authorization, deadline: Deadline
    ) -> Reply:
        """Whatever is sent may be sent again: it says what shall be, or only asks. Raises StoreError."""

        def post(authorization: str) -> Reply:
            return self._server.post(path, body, {**headers, "Authorization": authorization}, within_s=deadline.left_s)

        problem = "no time is left to ask"
        for _ in replace(self._backoff, within_s=max(0.0, deadline.left_s)):
            try:
                reply = _signed_in(auth, post)
            except UnansweredError as exc:
                problem = f"{self._url} does not answer: {exc}"
                if not exc.again:
                    break
                continue
            if reply.status not in _PASSING:
                return reply
            problem = told(reply)
            wait = _retry_after_s(reply.retry_after)
            if wait >= deadline.left_s:
                break
            if wait:
                self._backoff.sleep(wait)
        raise UnavailableError(f"{doing}: {problem}")


def _signed_in(auth: Authorization, post: Callable[[str], Reply]) -> Reply:
    header = auth.header()
    reply = post(header)
    if reply.status != HTTPStatus.UNAUTHORIZED:
        return reply
    # Tokens are replaced while functions run.
    other = auth.other_header(header)
    return reply if other == header else post(other)


def _retry_after_s(header: str) -> float:
    """At most what a caller can wait. A date is left to the backoff: clocks differ."""
    return min(float(header), _MAX_RETRY_AFTER_S) if header.isascii() and header.isdigit() else 0.0
