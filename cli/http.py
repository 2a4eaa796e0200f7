"""One HTTP exchange: what it raises is `UnreachableError` and nothing of the library beneath."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from cli.errors import UnreachableError
from cli.urls import is_loopback
from contract import __version__

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT_S = 5.0
_RETRIES = 2
_WORTH_A_RETRY = {429, 502, 503, 504}
_LONGEST_WAIT_S = 5.0
_FIRST_WAIT_S = 0.3


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    request_id: str | None = None
    etag: str | None = None


class Http:
    """Keeps connections open between exchanges; use as a context manager. Redirects are never followed."""

    def __init__(self, timeout_s: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._clients: dict[bool, httpx.Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        for client in self._clients.values():
            client.close()

    def get(self, url: str, params: Sequence[tuple[str, str]] = (), headers: Mapping[str, str] | None = None) -> Answer:
        return self.send("GET", url, params=params, headers=headers or {})

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> Answer:
        """Asked again after 429 and 502 to 504, as `Retry-After` says, a bounded number of times and seconds.

        For what may be asked twice: it changes nothing, or the API knows it again.
        """
        wait_s = _FIRST_WAIT_S
        for _ in range(_RETRIES):
            answer, asked_s = self._exchange(method, url, params, headers, body)
            pause_s = wait_s if asked_s is None else asked_s
            if answer.status not in _WORTH_A_RETRY or pause_s > _LONGEST_WAIT_S:
                return answer
            self._sleep(pause_s)
            wait_s *= 2
        return self._exchange(method, url, params, headers, body)[0]

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Sent once: whoever calls knows whether a second time would be harmless."""
        return self._exchange("POST", url, (), headers, body)[0]

    def _exchange(
        self, method: str, url: str, params: Sequence[tuple[str, str]], headers: Mapping[str, str], body: bytes | None
    ) -> tuple[Answer, float | None]:
        import httpx

        host = urlsplit(url).netloc
        try:
            response = self._client(url).request(
                method, url, params=list(params) or None, headers=dict(headers), content=body
            )
        except httpx.ConnectTimeout as exc:
            raise UnreachableError(f"{host} did not answer within {CONNECT_TIMEOUT_S:g} s.") from exc
        except httpx.TimeoutException as exc:
            raise UnreachableError(
                f"{host} took longer than {self._timeout_s:g} s (FIELDLINE_TIMEOUT_S sets how long to wait)."
            ) from exc
        except httpx.ConnectError as exc:
            raise UnreachableError(f"Cannot reach {host}: {exc}. Is the address right, and is it running?") from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise UnreachableError(f"The connection to {host} failed: {str(exc) or type(exc).__name__}.") from exc
        identifier = response.headers.get("x-amzn-requestid") or response.headers.get("x-amz-apigw-id")
        answer = Answer(response.status_code, response.content, identifier, response.headers.get("etag"))
        return answer, _seconds(response.headers.get("retry-after"))

    def _client(self, url: str) -> "httpx.Client":
        import httpx

        # A proxy from the environment serves the network; the laptop's own address is not behind it.
        direct = is_loopback(urlsplit(url).hostname or "")
        if direct not in self._clients:
            self._clients[direct] = httpx.Client(
                timeout=httpx.Timeout(self._timeout_s, connect=min(CONNECT_TIMEOUT_S, self._timeout_s)),
                headers={"user-agent": f"fieldline-cli/{__version__}", "accept": "application/json"},
                trust_env=not direct,
            )
        return self._clients[direct]


def _seconds(header: str | None) -> float | None:
    """The delay of a Retry-After header; its date form is rare from an API, and our own pace does as well."""
    return float(header) if header and header.isascii() and header.isdigit() else None
