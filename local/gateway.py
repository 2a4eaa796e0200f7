"""One origin on loopback, as CloudFront's on AWS: `/v1/*` is the API, `/ws` its WebSocket, the rest the dashboard.

It passes requests through as they come, streamed, and decides nothing: who may do what is the API's own business.
`/_local` says what is where on this machine.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, closing, suppress
from html import escape
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict
from yarl import URL

from functions.problem_types import CONTENT_TYPE, GATEWAY_PROBLEMS, OTHER, PREFIX, PROBLEMS
from infra.web_assets import DIST
from local.site import HEADERS, Site

# RFC 9110, 7.6.1: these speak of one connection, not of the message.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# A client must not tell the API where it came from.
_FORWARDING = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"})
# What a browser says of the page is about this origin; behind it stands another.
_PAGE = frozenset({"origin", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user"})
# The server writes its own.
_ORIGIN_ONLY = frozenset({"server", "date"})
_KINDS = {status: kind for kind, (status, _) in {**PROBLEMS, **GATEWAY_PROBLEMS}.items()}
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1"})
_ANY = r"[\s\S]*"  # also a line feed: the API says what it thinks of one in a path
MAX_BODY = 10 * 1024 * 1024  # as API Gateway
_CHUNK = 64 * 1024
MAX_FRAME = 128 * 1024  # as API Gateway takes of a client at once
_OPENING_S = 35.0
"""Longer than API Gateway lets the function of $connect take."""
_CLOSING_S = 2.0
_UPGRADE_REQUIRED = 426
_TOO_MANY = 429

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Upstream = Callable[[], str | None]
Index = Callable[[], Mapping[str, str]]
_Side = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


class Gateway:
    """`upstream` gives the address of stage v1, or None while there is none; `index` what `/_local` lists.

    `live` gives that of the WebSocket's stage, and `origins` are those whose pages may open it. `dist` is where the
    dashboard is built to.
    """

    def __init__(
        self,
        upstream: Upstream,
        index: Index,
        live: Upstream = lambda: None,
        origins: Collection[str] = (),
        dist: Path = DIST,
    ) -> None:
        self._upstream = upstream
        self._index = index
        self._live = live
        self._origins = frozenset(origins)
        self._site = Site(dist)
        self._session: aiohttp.ClientSession | None = None

    def app(self) -> web.Application:
        app = web.Application(middlewares=[_only_local_names])
        app.router.add_get("/_local", self._front_page)
        app.router.add_route("*", "/v1", self._proxy)
        app.router.add_route("*", "/v1/{path:" + _ANY + "}", self._proxy)
        app.router.add_get("/ws", self._websocket)
        app.router.add_get("/{path:" + _ANY + "}", self._file)
        app.router.add_route("*", "/{path:" + _ANY + "}", _not_found)
        app.cleanup_ctx.append(self._client)
        return app

    async def _client(self, _app: web.Application) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=None, connect=2, sock_read=60)
        self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        yield
        await self._session.close()

    async def _front_page(self, _request: web.Request) -> web.Response:
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{_linked(value)}</dd>" for name, value in self._index().items())
        page = f"<!doctype html><html lang=en><title>Fieldline</title><h1>Fieldline on this machine</h1><dl>{rows}</dl>"
        headers = {"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff"}
        return web.Response(text=page, content_type="text/html", headers=headers)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return await self._site.answer(request) or await _not_found(request)

    async def _proxy(self, request: web.Request) -> web.StreamResponse:
        base = self._upstream()
        if base is None:
            return problem(503, "The cloud is not up", "It is starting or stopping; see `fieldline local status`.")
        if request.path.startswith("/v1/auth/") and not _from_own_page(request):
            return problem(403, "Forbidden", "Pages of another origin may not sign in or out here.")
        if (request.content_length or 0) > MAX_BODY:
            return problem(413, "Too large", f"A request may be {MAX_BODY} bytes at most, this one says more.")
        # The raw path: decoding and encoding again would change what the client signed or meant.
        target = URL(base + request.raw_path.removeprefix("/v1"), encoded=True)
        assert self._session is not None  # noqa: S101 - set by the app's start
        body = request.content if request.can_read_body else None
        try:
            answer = await self._session.request(
                request.method, target, headers=_request_headers(request), data=body, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError) as exc:
            return problem(503, "The cloud is not up", f"The local AWS does not answer ({type(exc).__name__}).")
        async with answer:
            if answer.status == _TOO_MANY and answer.content_type != CONTENT_TYPE:
                # Not the API's word on who asks too often: Lambda's own, which API Gateway does not pass on.
                return problem(503, "The cloud is busy", "The local AWS runs no more functions at once.")
            response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=_answer_headers(answer))
            await response.prepare(request)
            async for chunk in answer.content.iter_chunked(_CHUNK):
                await response.write(chunk)
            await response.write_eof()
            return response

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        """Frames pass both ways until either side ends; nothing of them is kept, and the ticket is written nowhere."""
        base = self._live()
        if base is None:
            return problem(503, "The cloud is not up", "It is starting or stopping; see `fieldline local status`.")
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self._origins:
            return problem(403, "Not from this page", "Pages elsewhere may not open the WebSocket.")
        client = web.WebSocketResponse(max_msg_size=MAX_FRAME, timeout=_CLOSING_S)
        if not client.can_prepare(request):
            return problem(_UPGRADE_REQUIRED, "A WebSocket", "Open this address as a WebSocket; see docs/live.md.")
        assert self._session is not None  # noqa: S101 - set by the app's start
        try:
            cloud = await asyncio.wait_for(
                self._session.ws_connect(
                    URL(base + request.raw_path.removeprefix("/ws"), encoded=True),
                    headers={"Origin": origin} if origin else None,
                    max_msg_size=MAX_FRAME,
                    timeout=aiohttp.ClientWSTimeout(ws_receive=None, ws_close=_CLOSING_S),
                ),
                _OPENING_S,
            )
        except aiohttp.WSServerHandshakeError as exc:
            return problem(exc.status, "Refused", "The API refused the WebSocket: is the ticket new, and unused?")
        except (aiohttp.ClientError, TimeoutError) as exc:
            return problem(503, "The cloud is not up", f"The local AWS does not answer ({type(exc).__name__}).")
        async with cloud:
            await client.prepare(request)
            await _joined(client, cloud)
        return client


async def _joined(client: web.WebSocketResponse, cloud: aiohttp.ClientWebSocketResponse) -> None:
    """Until either side ends, or sends what is no text; then the other is told how it ended."""
    ways = [asyncio.ensure_future(_passed(client, cloud)), asyncio.ensure_future(_passed(cloud, client))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await client.close(code=_told(cloud.close_code))
        await cloud.close(code=_told(client.close_code))


async def _passed(source: "_Side", target: "_Side") -> None:
    """A side that does not read holds up the other: no more than a frame is ever kept here."""
    with suppress(ConnectionError):
        async for message in source:
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            await target.send_str(message.data)


def _told(code: int | None) -> int:
    """What the other side may be told; 1005 and 1006 say that nothing was, and cannot be sent."""
    silent = {None, aiohttp.WSCloseCode.ABNORMAL_CLOSURE, 1005}
    return aiohttp.WSCloseCode.GOING_AWAY if code in silent else int(code or 0)


@asynccontextmanager
async def listening(front: Gateway, host: str, port: int) -> AsyncIterator[int]:
    """The gateway serves at that address meanwhile; gives its port, which port 0 leaves to the system."""
    runner = web.AppRunner(front.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    server, loop = runner.server, asyncio.get_running_loop()
    assert server is not None  # noqa: S101 - set up just now

    def connection() -> _Connection:
        # No access log; and a body stays as packed as it came, as the headers that pass with it say.
        return _Connection(server, loop=loop, access_log=None, auto_decompress=False)  # type: ignore[arg-type]

    try:
        with closing(await loop.create_server(connection, host, port)) as listener:  # a TCPSite makes aiohttp's own
            yield listener.sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()


class _Connection(web.RequestHandler):
    """aiohttp answers what it cannot read with a part of it, and logs it: that may be a token."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        answer = problem(400, "Not HTTP", "The request line or the headers are malformed or too large.")
        answer.force_close()
        return answer


def problem(status: int, title: str, detail: str) -> web.Response:
    """RFC 9457, as the API itself answers."""
    kind = PREFIX + _KINDS.get(status, OTHER)
    body = {"type": kind, "title": title, "status": status, "detail": detail, "request_id": None}
    headers = {"Retry-After": "2"} if status == 503 else None  # noqa: PLR2004 - Service Unavailable
    return web.json_response(body, status=status, content_type="application/problem+json", headers=headers)


@web.middleware
async def _only_local_names(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A web page elsewhere could point its own name at 127.0.0.1 and read answers as its own."""
    if request.url.host not in _LOCAL_NAMES:
        return problem(421, "Not this host", f"expected localhost or 127.0.0.1 as the host, got {request.host!r}")
    return await handler(request)


def _from_own_page(request: web.Request) -> bool:
    """What the API asks of a sign-in itself, and cannot here: it is not told of the page. Programs say nothing."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site in {"same-origin", "none"}
    return origin is None or origin == f"http://{request.host}"


async def _not_found(request: web.Request) -> web.Response:
    detail = f"{request.path} is no file of the dashboard; /v1 is the API, /_local lists what is where."
    answer = problem(404, "Nothing here", detail)
    answer.headers.update(HEADERS)
    return answer


def _kept(headers: "Mapping[str, str]", dropped: frozenset[str]) -> CIMultiDict[str]:
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in dropped | _HOP_BY_HOP | named
    )


def _request_headers(request: web.Request) -> CIMultiDict[str]:
    headers = _kept(request.headers, _FORWARDING | _PAGE | {"host", "expect"})
    headers["X-Forwarded-For"] = request.remote or ""
    headers["X-Forwarded-Proto"] = "http"
    headers["X-Forwarded-Host"] = request.host
    return headers


def _answer_headers(answer: aiohttp.ClientResponse) -> CIMultiDict[str]:
    return _kept(answer.headers, _ORIGIN_ONLY)


def _linked(value: str) -> str:
    text = escape(value)
    return f'<a href="{text}">{text}</a>' if value.startswith("http") else text
