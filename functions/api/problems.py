"""Errors as RFC 9457 problem details: the one place where they become HTTP."""

import re
from typing import TYPE_CHECKING, Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoRouteError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from contract.errors import IdentityError
from functions.api.times import shown
from functions.errors import (
    AdapterError,
    ForbiddenError,
    NotFoundError,
    RequestError,
    UnauthorizedError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT_TYPE = "application/problem+json"

_PARAMETERS = {"thing": "id"}
"""What the contract calls by another name than the API."""
_PYDANTIC_WORDS = re.compile(r"^(?:Input should be |String should have )|, unable to .*$")


def install(app: APIGatewayRestResolver, logger: Logger) -> None:
    """Everything that a caller may have caused, and services that did not answer. Bugs are left to crash."""

    def wrong(exc: RequestError) -> Response[str]:
        return problem(app, 400, "Bad request", str(exc), field=exc.field, expected=exc.expected, got=exc.got)

    def misnamed(exc: IdentityError) -> Response[str]:
        return wrong(RequestError(_PARAMETERS.get(exc.field or "", exc.field or "id"), exc.expected, exc.got))

    def invalid(exc: RequestValidationError) -> Response[str]:
        return wrong(_first_of(exc))

    def told(status: int, title: str) -> "Callable[[Exception], Response[str]]":
        return lambda exc: problem(app, status, title, str(exc))

    def no_route(_: NoRouteError) -> Response[str]:
        event = app.current_event
        return problem(app, 404, "Not found", f"there is no {event.http_method} {shown(event.path)}")

    def unavailable(exc: AdapterError) -> Response[str]:
        # What exactly failed is for the log: it names tables.
        logger.error("a service did not answer", exc_info=exc)
        return problem(app, 503, "Service unavailable", "A service behind the API did not answer; try again shortly.")

    def unsupported(_: UnsupportedError) -> Response[str]:
        # Trying again does not help, so it is not told to.
        return problem(app, 501, "Not implemented", "The telemetry store of this deployment cannot do this.")

    handlers: dict[type[Exception], Callable[[Any], Response[str]]] = {
        RequestError: wrong,
        IdentityError: misnamed,
        RequestValidationError: invalid,
        UnauthorizedError: told(401, "Unauthorized"),
        ForbiddenError: told(403, "Forbidden"),
        NotFoundError: told(404, "Not found"),
        NoRouteError: no_route,
        UnsupportedError: unsupported,
        AdapterError: unavailable,
    }
    for kind, handle in handlers.items():
        app.exception_handler(kind)(handle)


def _first_of(exc: RequestValidationError) -> RequestError:
    first = exc.errors()[0]
    parameter = _parameter(first["loc"])
    if first["type"] == "missing":
        return RequestError(parameter, "a value", "nothing")
    return RequestError(parameter, _PYDANTIC_WORDS.sub("", str(first["msg"])), shown(str(first.get("input"))))


def _parameter(location: Any) -> str:
    """`("query", "metric", 0)` is the parameter `metric`."""
    names = [part for part in location if isinstance(part, str)]
    return names[-1] if names else "request"


def problem(app: APIGatewayRestResolver, status: int, title: str, detail: str, **more: Any) -> Response[str]:
    document = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        **more,
        "request_id": app.current_event.raw_event.get("requestContext", {}).get("requestId"),
    }
    headers = {"Retry-After": "1"} if status == 503 else {}  # noqa: PLR2004 - HTTP's own number
    return Response(status, content_type=CONTENT_TYPE, body=msgspec.json.encode(document).decode(), headers=headers)
