"""The one request that enrolment makes, with the standard library alone: an agent needs HTTP for nothing else."""

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit
from uuid import uuid4

from device_agent.errors import EnrolmentError

BASE: Final = "/v1"
TIMEOUT_S: Final = 30.0
ATTEMPTS: Final = 4
MAX_ANSWER_BYTES: Final = 1024 * 1024
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_CONFLICT: Final = 409
_BUSY: Final = "urn:fieldline:problem:idempotency-in-progress"


def parse_api(text: str) -> str:
    """The API's address without a slash at its end; its origin alone stands for that and `/v1`.

    Raises ValueError for what is no HTTPS: without it, anybody on the way could take the key. A machine may speak
    HTTP with itself.
    """
    expected = f"expected https://HOST{BASE} (http:// only for this very machine), got {text!r}"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(expected) from None
    if not host or parts.username is not None or parts.query or parts.fragment:
        raise ValueError(expected)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError(expected)
    path = parts.path.rstrip("/") or BASE
    return f"{parts.scheme}://{parts.netloc}{path}"


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Api:
    """Attempts are repeated with pauses of `sleep`; the cloud acts on them once."""

    def __init__(self, address: str, key: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._address = address
        self._key = key
        self._sleep = sleep
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
        if is_loopback(urlsplit(address).hostname or ""):
            handlers.append(urllib.request.ProxyHandler({}))
        else:
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context()))
        self._opener = urllib.request.build_opener(*handlers)

    def certificate(self, thing: str, csr: str, sensors: str) -> Mapping[str, Any]:
        """What the cloud answers to a device that asks for a certificate. Raises EnrolmentError."""
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            f"{self._address}/devices/{thing}/certificates?sensors={sensors}",
            data=json.dumps({"csr": csr}).encode(),
            method="POST",
            headers={
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": "fieldline-agent",
                "Idempotency-Key": uuid4().hex,
            },
        )
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                    return _document(answer.read(MAX_ANSWER_BYTES))
            except urllib.error.HTTPError as error:
                problem = _problem(error)
                busy = error.code in _AGAIN or (error.code == _CONFLICT and problem.get("type") == _BUSY)
                if attempt == ATTEMPTS or not busy:
                    self._refused(thing, error.code, problem)
            except (OSError, ValueError) as error:  # ValueError: what came is no HTTP
                if attempt == ATTEMPTS or _is_untrusted(error):
                    self._unreached(error)
            self._sleep(2.0 ** (attempt - 1))
        raise AssertionError("the last attempt returns or raises")

    def _unreached(self, error: Exception) -> NoReturn:
        reason = getattr(error, "reason", error)
        raise EnrolmentError(f"{self._address} cannot be reached: {_line(reason)}") from error

    def _refused(self, thing: str, status: int, problem: Mapping[str, Any]) -> NoReturn:
        said = _line(problem.get("detail") or problem.get("title") or "it does not say why")
        told = {
            401: "the key is not accepted: it has ended, was revoked, or is of another cloud; have a new one made",
            404: f"there is no device {thing!r} of which this is the key",
        }.get(status, said)
        request = problem.get("request_id")
        end = f", request {_line(request)}" if request else ""
        raise EnrolmentError(f"{self._address} gives {thing} no certificate: {told} ({status}{end})")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The key goes where it was meant to, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise EnrolmentError("the answer is not that of Fieldline's API: is the address right?")
    return document


def _problem(error: urllib.error.HTTPError) -> Mapping[str, Any]:
    try:
        document = json.loads(error.read(MAX_ANSWER_BYTES))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_untrusted(error: Exception) -> bool:
    return isinstance(getattr(error, "reason", error), ssl.SSLCertVerificationError)


def _line(text: object) -> str:
    return " ".join(str(text).split())[:500]
