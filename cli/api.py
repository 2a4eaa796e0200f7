"""Fieldline's REST API: typed enough to call, and otherwise its JSON as it came."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec

from cli.errors import ServerFaultError
from cli.http import Answer, Http
from cli.problems import error_for, json_object
from cli.profiles import SignIn
from cli.session import Session

Params = Sequence[tuple[str, str]]
Page = dict[str, Any]

_SUCCESS = 200
_NOTHING = 204
_UNAUTHORIZED = 401
_LARGEST_PAGE = 1000
_MOST_EMPTY_PAGES = 1000


class Api:
    """Asks as the session's user; a token that the API refuses is renewed once."""

    def __init__(self, http: Http, session: Session) -> None:
        self._http = http
        self._session = session
        self.url = session.profile.api

    def me(self) -> dict[str, Any]:
        return self.get("/me")

    def device(self, thing: str) -> dict[str, Any]:
        return self.get(f"/devices/{quote(thing, safe='')}")

    def devices(self, filters: Params, limit: int) -> Iterator[Page]:
        return self.pages("/devices", filters, limit)

    def telemetry(self, thing: str, query: Params, limit: int) -> Iterator[Page]:
        return self.pages(f"/devices/{quote(thing, safe='')}/telemetry", query, limit)

    def get(self, path: str, params: Params = ()) -> dict[str, Any]:
        return _object(self._asked("GET", path, params), f"GET {path}")

    def tagged(self, path: str) -> tuple[dict[str, Any], str | None]:
        """A document with its ETag."""
        answer = self._asked("GET", path)
        return _object(answer, f"GET {path}"), answer.etag

    def create(self, path: str, document: Any, params: Params = ()) -> dict[str, Any]:
        """POST that may be sent again: its `Idempotency-Key` has the API do it once."""
        headers = {"idempotency-key": str(uuid4())}
        return _object(self._asked("POST", path, params, document, headers), f"POST {path}")

    def change(
        self, method: str, path: str, document: Any = None, *, if_match: str | None = None, params: Params = ()
    ) -> dict[str, Any]:
        """PATCH, PUT, DELETE, or a POST that does the same when it is done twice; empty where nothing is answered."""
        headers = {"if-match": if_match} if if_match else {}
        answer = self._asked(method, path, params, document, headers)
        return {} if answer.status == _NOTHING else _object(answer, f"{method} {path}")

    def pages(self, path: str, params: Params, limit: int, *, largest: int = _LARGEST_PAGE) -> Iterator[Page]:
        """Pages until the last one or `limit` items; raises ServerFaultError for pages that would never end."""
        seen: set[str] = set()
        cursor: str | None = None
        left = limit
        empty = 0
        while left > 0:
            more = [("limit", str(min(left, largest))), *([("cursor", cursor)] if cursor else [])]
            page = self.get(path, [*params, *more])
            items = page.get("items")
            cursor = page.get("cursor")
            whole = isinstance(items, list) and all(isinstance(item, dict) for item in items)
            if not isinstance(items, list) or not whole or not (cursor is None or isinstance(cursor, str)):
                raise ServerFaultError(f"GET {path} answered a page without a list of items and a cursor.")
            page["items"] = items[:left]
            left -= len(items)
            empty = 0 if items else empty + 1
            yield page
            if not cursor:
                return
            if cursor in seen or empty > _MOST_EMPTY_PAGES:
                raise ServerFaultError(f"GET {path} pages run in a circle: its cursor repeats or leads nowhere.")
            seen.add(cursor)

    def _asked(
        self,
        method: str,
        path: str,
        params: Params = (),
        document: Any = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        answer = self._ask(method, path, params, document, headers)
        if answer.status == _UNAUTHORIZED:
            self._session.renew()
            answer = self._ask(method, path, params, document, headers)
        return answer

    def _ask(self, method: str, path: str, params: Params, document: Any, headers: Mapping[str, str]) -> Answer:
        body = None if document is None else msgspec.json.encode(document)
        sent = {
            "authorization": f"Bearer {self._session.access_token()}",
            **({} if body is None else {"content-type": "application/json"}),
            **headers,
        }
        return self._http.send(method, f"{self.url}{path}", params=params, headers=sent, body=body)


def sign_in_of(http: Http, api: str) -> SignIn:
    """What a deployment says of where and how to sign in; asked without a token."""
    document = _object(http.get(f"{api}/sign-in"), f"GET {api}/sign-in")
    try:
        return msgspec.convert(document, SignIn)
    except msgspec.ValidationError as exc:
        raise ServerFaultError(
            f"{api} answers, but not as a Fieldline API: its sign-in document is wrong ({exc})."
        ) from exc


def _object(answer: Answer, what: str) -> dict[str, Any]:
    if not _SUCCESS <= answer.status < _SUCCESS + 100:
        raise error_for(answer.status, answer.body, answer.request_id)
    decoded = json_object(answer.body)
    if decoded is None:
        raise ServerFaultError(f"{what} answered no JSON object; is this the address of a Fieldline API?")
    return decoded
