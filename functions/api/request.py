"""What operations ask of the request that is being answered."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import msgspec
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from functions.api.times import shown
from functions.domain.access import Principal
from functions.domain.audit import Actor
from functions.errors import PreconditionRequiredError, RequestError, UnauthorizedError

_principal = msgspec.json.Decoder(Principal)


class Request:
    """The current request of the resolver `app`; it is another one in each invocation."""

    def __init__(self, app: APIGatewayRestResolver) -> None:
        self._app = app

    @property
    def who(self) -> Principal:
        """Whom the authorizer admitted; raises UnauthorizedError when it was not asked."""
        return caller(self._app)

    @property
    def actor(self) -> Actor:
        context = self._context
        source = (context.get("identity") or {}).get("sourceIp") or "unknown"
        return Actor(self.who, str(context.get("requestId") or "unknown"), str(source))

    @property
    def body(self) -> bytes:
        """As it came."""
        event = self._app.current_event
        text: str = event.raw_event.get("body") or ""
        return b64decode(text) if event.is_base64_encoded else text.encode()

    def header(self, name: str) -> str | None:
        return next((value for key, value in self._headers.items() if key.lower() == name.lower()), None)

    @property
    def prefers_csv(self) -> bool:
        """Whether `Accept` names CSV and not JSON."""
        accepted = (self.header("Accept") or "").lower()
        return "text/csv" in accepted and "application/json" not in accepted

    def if_match(self, *, required: bool = False) -> int | None:
        """The version that the change is meant for; None where the caller does not say, or says `*`.

        Raises RequestError for anything but an ETag of ours, PreconditionRequiredError where it is `required`.
        """
        text = self.header("If-Match")
        if text is None:
            if required:
                raise PreconditionRequiredError("If-Match: expected the ETag of what is to be replaced, got nothing")
            return None
        if text.strip() == "*" and not required:
            return None
        digits = text.strip().removeprefix('"').removesuffix('"')
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 15 and text.strip() == f'"{digits}"'):  # noqa: PLR2004 - of 2**53 and less
            raise RequestError("If-Match", 'the ETag of an earlier answer, such as "7"', shown(text))
        return int(digits)

    @property
    def _context(self) -> Mapping[str, Any]:
        context: Mapping[str, Any] = self._app.current_event.raw_event.get("requestContext") or {}
        return context

    @property
    def _headers(self) -> Mapping[str, str]:
        headers: Mapping[str, str] = self._app.current_event.raw_event.get("headers") or {}
        return headers


def caller(app: APIGatewayRestResolver) -> Principal:
    authorizer = app.current_event.raw_event.get("requestContext", {}).get("authorizer") or {}
    try:
        return _principal.decode(authorizer["principal"])
    except (KeyError, TypeError, msgspec.DecodeError) as exc:
        raise UnauthorizedError("the request came past the authorizer") from exc
