"""Who is asking: a token, or a person who signed in."""

import secrets
import threading
from collections.abc import Callable
from typing import Final

from local.timestream.influx_accounts import Accounts, Authorization, User, all_permissions
from local.timestream.influx_requests import Reply, Request, RequestError

COOKIE: Final = "influxdb-oss-session"
_LASTS_NS: Final = 3600 * 10**9


class Sessions:
    """They do not outlive the process, and end an hour after their last use."""

    def __init__(self, accounts: Accounts, now: Callable[[], int]) -> None:
        self._accounts = accounts
        self._now = now
        self._lock = threading.Lock()
        self._users: dict[str, tuple[User, int]] = {}

    def sign_in(self, request: Request) -> Reply:
        credentials = request.basic()
        user = self._accounts.with_password(*credentials) if credentials else None
        if user is None:
            raise RequestError("unauthorized", "unauthorized access")
        key = secrets.token_urlsafe(64)
        with self._lock:
            now = self._now()
            self._users = {each: found for each, found in self._users.items() if found[1] > now}
            self._users[key] = (user, now + _LASTS_NS)
        cookie = f"{COOKIE}={key}; Path=/api/; HttpOnly; SameSite=Strict"
        return Reply(204, headers={"Set-Cookie": cookie})

    def sign_out(self, request: Request) -> Reply:
        with self._lock:
            found = self._users.pop(request.cookie(COOKIE) or "", None)
        if found is None:
            raise RequestError("unauthorized", "unauthorized access")
        return Reply(204)

    def authorization(self, request: Request) -> Authorization:
        """What the asker may do. Raises RequestError where nobody is known."""
        token = request.token()
        found = self._accounts.with_token(token) if token is not None else self._of_session(request)
        if found is None:
            raise RequestError("unauthorized", "unauthorized access")
        return found

    def _of_session(self, request: Request) -> Authorization | None:
        key = request.cookie(COOKIE)
        with self._lock:
            user, until = self._users.get(key or "", (None, 0))
            if key is None or user is None or until <= self._now():
                return None
            self._users[key] = (user, self._now() + _LASTS_NS)
        organization = next(iter(self._accounts.state.organizations), "")
        return Authorization("", "", organization, user.id, "", active=True, permissions=all_permissions(), made=0)
