"""InfluxDB's HTTP on the engine: 1.x without authentication at first, 2.x from onboarding on."""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from local.timestream.engine import Engine
from local.timestream.influx_accounts import Accounts
from local.timestream.influx_buckets import Buckets
from local.timestream.influx_data import Data, engine_errors
from local.timestream.influx_management import Management
from local.timestream.influx_requests import V1, V2, Reply, Request, RequestError, encoded
from local.timestream.influx_sessions import Sessions
from local.timestream.influxql import parse

log = logging.getLogger(__name__)

_MANAGEMENT: Final = "/api/v2"


@dataclass(frozen=True, slots=True)
class _Endpoint:
    path: re.Pattern[str]
    methods: dict[str, Callable[..., Reply]]


class Front:
    """Answers requests, each in a thread of the caller's; `now` gives ns since the Unix epoch."""

    def __init__(self, engine: Engine, now: Callable[[], int] = time.time_ns) -> None:
        self._accounts = Accounts(engine)
        sessions = Sessions(self._accounts, now)
        data = Data(engine, self._accounts, sessions, now)
        management = Management(self._accounts, sessions, now)
        buckets = Buckets(self._accounts, sessions, now)
        collections: dict[str, dict[str, Callable[..., Reply]]] = {
            "setup": {"GET": management.may_onboard, "POST": management.onboard},
            "signin": {"POST": sessions.sign_in},
            "signout": {"POST": sessions.sign_out},
            "orgs": {"GET": management.organizations},
            "buckets": {"GET": buckets.buckets, "POST": buckets.make_bucket},
            "dbrps": {"GET": buckets.mappings, "POST": buckets.make_mapping},
            "authorizations": {"GET": management.authorizations, "POST": management.authorize},
            "write": {"POST": data.write_to_bucket},
            "delete": {"POST": data.delete},
        }
        members: dict[str, dict[str, Callable[..., Reply]]] = {
            "buckets": {
                "GET": buckets.bucket,
                "PATCH": buckets.change_bucket,
                "DELETE": buckets.remove_bucket,
            },
            "dbrps": {
                "GET": buckets.mapping,
                "PATCH": buckets.change_mapping,
                "DELETE": buckets.remove_mapping,
            },
            "authorizations": {
                "GET": management.authorization,
                "PATCH": management.change_authorization,
                "DELETE": management.revoke,
            },
        }
        self._endpoints = [
            _Endpoint(re.compile("/ping"), {"GET": self._ping, "HEAD": self._ping}),
            _Endpoint(re.compile("/health"), {"GET": self._health}),
            _Endpoint(re.compile("/query"), {"GET": data.query, "POST": data.query}),
            _Endpoint(re.compile("/write"), {"POST": data.write}),
            *(_Endpoint(re.compile(f"{_MANAGEMENT}/{name}"), methods) for name, methods in collections.items()),
            *(_Endpoint(re.compile(f"{_MANAGEMENT}/{name}/([^/]+)"), methods) for name, methods in members.items()),
        ]

    @property
    def version(self) -> str:
        return V2 if self._accounts.is_onboarded else V1

    def answer(self, request: Request) -> Reply:
        """Never raises for what a client can do wrong, nor for what the engine cannot do now."""
        try:
            with engine_errors(v1=not self._accounts.is_onboarded and not request.path.startswith(_MANAGEMENT)):
                return self._found(request)
        except RequestError as exc:
            return exc.reply()

    def _found(self, request: Request) -> Reply:
        for endpoint in self._endpoints:
            match = endpoint.path.fullmatch(request.path.rstrip("/") or "/")
            if match is not None:
                handler = endpoint.methods.get(request.method)
                if handler is None:
                    return Reply(405, b"Method Not Allowed\n", {"Allow": ", ".join(endpoint.methods)}, "text/plain")
                return handler(request, *match.groups())
        if request.path.startswith(_MANAGEMENT):
            raise RequestError("not found", "path not found")
        return Reply(404, b"404 page not found\n", content_type="text/plain")

    @staticmethod
    def _ping(_request: Request) -> Reply:
        return Reply(204)

    def _health(self, _request: Request) -> Reply:
        document = {
            "name": "influxdb",
            "message": "ready for queries and writes",
            "status": "pass",
            "checks": [],
            "version": self.version,
            "commit": "",
        }
        return Reply(200, encoded(document))


def routes(
    engine: Engine, _directory: Path | None = None, now: Callable[[], int] = time.time_ns
) -> Sequence[web.AbstractRouteDef]:
    """For the server that both protocols share."""
    front = Front(engine, now)
    # The grammar takes most of a second to prepare: not while the first one waits who asks.
    threading.Thread(target=parse, args=("SHOW DATABASES",), name="grammar", daemon=True).start()
    handler = _handler(front)
    paths = ("/ping", "/health", "/query", "/write", f"{_MANAGEMENT}/{{rest:.*}}")
    return [web.route("*", path, handler) for path in paths]


def _handler(front: Front) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        # Of a value that comes twice the first counts, as in Go.
        query: dict[str, str] = {}
        for key, value in request.query.items():
            query.setdefault(key, value)
        headers = {key.lower(): value for key, value in request.headers.items()}
        asked = Request(request.method, request.path, query, headers, body)
        reply = await asyncio.to_thread(_answered, front, asked)
        answer: dict[str, Any] = {**reply.headers, "X-Influxdb-Build": "OSS", "X-Influxdb-Version": front.version}
        if reply.status != 204:  # noqa: PLR2004 - HTTP's answer without a body
            answer["Content-Type"] = reply.content_type
        return web.Response(status=reply.status, body=reply.body or None, headers=answer)

    return handle


def _answered(front: Front, request: Request) -> Reply:
    try:
        return front.answer(request)
    except Exception:
        log.exception("%s %s failed", request.method, request.path)  # a mistake of this server's, not of the client
        return RequestError("internal error", "internal error; see the log").reply()
