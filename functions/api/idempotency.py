"""`Idempotency-Key`: a POST that creates something may be sent again, and creates it once.

Powertools' idempotency utility was looked at first. It keys by one hash, in a table without a sort key or below a
single partition; it keeps whatever the function returns, also a secret that is shown once; its time is the machine's;
and it adds some 30 ms to a cold start. What is needed here is one conditional write before and one after.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

from functions.api.app import Middleware
from functions.api.request import Request, caller
from functions.api.times import shown
from functions.domain.idempotency import MAX_ANSWER_BYTES, Begun, KeptAnswer, KeyedRequest, Standing, digest_of
from functions.errors import ConflictError, IdempotencyError, InProgressError, RequestError, ReusedKeyError
from functions.ports.clock import Clock
from functions.ports.requests import RequestMemory
from functions.routes import Route

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_SUCCESS = range(200, 300)


class Once:
    """Makes the middleware of a route, which stands behind the route's permission. `token` marks each attempt."""

    def __init__(
        self, request: Request, memory: RequestMemory, clock: Clock, token: Callable[[], str], logger: Logger
    ) -> None:
        self._request = request
        self._memory = memory
        self._clock = clock
        self._token = token
        self._logger = logger

    def __call__(self, route: Route) -> tuple[Middleware, ...]:
        def once(app: APIGatewayRestResolver, proceed: NextMiddleware) -> Response[Any]:
            key = self._request.header(HEADER)
            if key is None:
                return proceed(app)
            if not _KEY.fullmatch(key):
                raise RequestError(HEADER, "1 to 255 visible ASCII characters", shown(key))
            asked = digest_of(route.method.encode(), _address(app), self._request.body)
            keyed = KeyedRequest(caller(app).id, key, asked)
            owner = self._token()
            begun = self._memory.begin(keyed, owner, self._clock.now_ms())
            if begun.standing is not Standing.MINE:
                return _earlier(begun)
            try:
                response = proceed(app)
            except Exception:
                self._end(keyed, owner, None, done=False)
                raise
            kept = None if route.shown_once else _kept(response)
            self._end(keyed, owner, kept, done=response.status_code in _SUCCESS)
            return response

        return (once,) if route.creates else ()

    def _end(self, keyed: KeyedRequest, owner: str, kept: KeptAnswer | None, *, done: bool) -> None:
        """What was done is done: that it could not be remembered is no reason to answer otherwise."""
        try:
            if done:
                self._memory.finish(keyed, owner, kept, self._clock.now_ms())
            else:
                self._memory.abandon(keyed, owner)
        except IdempotencyError:
            self._logger.exception("an idempotency key was not brought to its end")


def _address(app: APIGatewayRestResolver) -> bytes:
    event = app.current_event
    query = event.raw_event.get("multiValueQueryStringParameters") or {}
    return event.path.encode() + b"?" + msgspec.json.encode(query, order="deterministic")


def _earlier(begun: Begun) -> Response[Any]:
    match begun.standing:
        case Standing.OTHER_REQUEST:
            raise ReusedKeyError(
                f"{HEADER}: expected a key that was not used yet, got one that came with another request before"
            )
        case Standing.RUNNING:
            raise InProgressError(
                f"the first request with this {HEADER} is still being answered", max(1, -(-begun.wait_ms // 1000))
            )
    if begun.answer is None:
        raise ConflictError(
            f"the request with this {HEADER} was answered before, with a secret that is shown only once or with more "
            "than is kept; look at what it created, revoke it if the answer was lost, and ask again with another key"
        )
    kept = begun.answer
    headers: dict[str, str | list[str]] = {**kept.headers, REPLAYED: "true"}
    return Response(kept.status, body=kept.body, headers=headers)


def _kept(response: Response[Any]) -> KeptAnswer | None:
    headers = {
        name: value if isinstance(value, str) else ", ".join(value) for name, value in (response.headers or {}).items()
    }
    body = response.body if isinstance(response.body, str) else ""
    return None if len(body.encode()) > MAX_ANSWER_BYTES else KeptAnswer(response.status_code, headers, body)
