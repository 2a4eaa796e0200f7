"""Keeps web pages away from MiniStack's port, which any browser on this machine can reach.

MiniStack takes any Host, answers with `Access-Control-Allow-Origin: *`, and its root user has no secret: a page could
point a name of its own at 127.0.0.1, or just call the port, and own the cloud. A program sends none of what a browser
adds to the request of a page.

This runs in MiniStack's own environment, so it imports the standard library alone. Timestream's look-alike asks
`refusal` too.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

_OWN_NAMES = frozenset({"localhost", "127.0.0.1"})
# RFC 6761: names below it are this machine's too. Buckets and APIs are addressed so (`bucket.localhost`).
_OWN_DOMAIN = ".localhost"
_NOT_FROM_A_PAGE_ELSEWHERE = frozenset({"", "none", "same-origin"})
_ALLOW_ORIGIN = b"access-control-allow-origin"


def guard(app: App, origins: Collection[str]) -> App:
    """The application, for callers that name this machine and are no page but one of these origins."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await app(scope, receive, send)
            return
        refused = refusal(scope["headers"], origins)
        if refused is None:
            origin = _value(scope["headers"], b"origin")
            await app(scope, receive, _without_wildcard(send, origin))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1]})
        else:
            await _refuse(send, *refused)

    return guarded


def refusal(headers: Headers, origins: Collection[str]) -> tuple[int, str] | None:
    """Why a request with these headers is refused, with the status to answer; None when it is not."""
    host = _value(headers, b"host")
    name = (urlsplit(f"//{host}").hostname or "") if host else ""
    if name not in _OWN_NAMES and not name.endswith(_OWN_DOMAIN):
        return 421, f"expected localhost or 127.0.0.1 as the host, got {host!r}"
    origin = _value(headers, b"origin")
    if origin:
        return None if origin in origins else (403, f"pages of {origin} may not call the local AWS")
    site = _value(headers, b"sec-fetch-site")
    return None if site in _NOT_FROM_A_PAGE_ELSEWHERE else (403, "pages elsewhere may not call the local AWS")


def _without_wildcard(send: Send, origin: str) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            kept = [(name, value) for name, value in headers if name.lower() != _ALLOW_ORIGIN]
            if origin and len(kept) < len(headers):
                kept += [(_ALLOW_ORIGIN, origin.encode("latin-1")), (b"vary", b"Origin")]
            message["headers"] = kept
        await send(message)

    return answer


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"message": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _value(headers: Headers, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), "")
