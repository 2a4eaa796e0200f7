"""Fieldline's REST API: typed enough to call, and otherwise its JSON as it came."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from cli.errors import ServerFaultError
from cli.http import Answer, Http
from cli.problems import error_for, json_object
from cli.profiles import SignIn
from cli.session import Session

Params = Sequence[tuple[str, str]]
Page = dict[str, Any]

_SUCCESS = 200
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
        return self._get("/me")

    def device(self, thing: str) -> dict[str, Any]:
        return self._get(f"/devices/{quote(thing, safe='')}")

    def devices(self, filters: Params, limit: int) -> Iterator[Page]:
        return self._pages("/devices", filters, limit)

    def telemetry(self, thing: str, query: Params, limit: int) -> Iterator[Page]:
        return self._pages(f"/devices/{quote(thing, safe='')}/telemetry", query, limit)

    def _pages(self, path: str, params: Params, limit: int) -> Iterator[Page]:
        """Pages until the last one or `limit` items; raises ServerFaultError for pages that would never end."""
        seen: set[str] = set()
        cursor: str | None = None
        left = limit
        empty = 0
        while left > 0:
            more = [("limit", str(min(left, _LARGEST_PAGE))), *([("cursor", cursor)] if cursor else [])]
            page = self._get(path, [*params, *more])
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

    def _get(self, path: str, params: Params = ()) -> dict[str, Any]:
        answer = self._ask(path, params)
        if answer.status == _UNAUTHORIZED:
            self._session.renew()
            answer = self._ask(path, params)
        return _object(answer, f"GET {path}")

    def _ask(self, path: str, params: Params) -> Answer:
        headers = {"authorization": f"Bearer {self._session.access_token()}"}
        return self._http.get(f"{self.url}{path}", params, headers)


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
    if answer.status != _SUCCESS:
        raise error_for(answer.status, answer.body, answer.request_id)
    decoded = json_object(answer.body)
    if decoded is None:
        raise ServerFaultError(f"{what} answered no JSON object; is this the address of a Fieldline API?")
    return decoded
