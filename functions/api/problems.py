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
    ConflictError,
    ForbiddenError,
    InProgressError,
    InvalidDocumentError,
    MediaTypeError,
    NotFoundError,
    PreconditionError,
    PreconditionRequiredError,
    RateLimitError,
    RequestError,
    ReusedKeyError,
    TooLargeError,
    UnauthorizedError,
    UnsupportedError,
)
from functions.problem_types import CONTENT_TYPE, PREFIX, PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Callable

_PARAMETERS = {"thing": "id"}
"""What the contract calls by another name than the API."""
_NO_OBJECT = frozenset({"model_attributes_type", "model_type", "dict_type"})
_PYDANTIC_WORDS = re.compile(r"^(?:Input should be |String should have )|, unable to .*$")


def install(app: APIGatewayRestResolver, logger: Logger) -> None:
    """Everything that a caller may have caused, and services that did not answer. Bugs are left to crash."""

    def wrong(exc: RequestError) -> Response[str]:
        return problem(app, "invalid-request", str(exc), **_told(exc))

    def misnamed(exc: IdentityError) -> Response[str]:
        return wrong(RequestError(_PARAMETERS.get(exc.field or "", exc.field or "id"), exc.expected, exc.got))

    def invalid(exc: RequestValidationError) -> Response[str]:
        return wrong(_first_of(exc))

    def told(kind: str) -> "Callable[[Exception], Response[str]]":
        return lambda exc: problem(app, kind, str(exc))

    def later(kind: str) -> "Callable[[RateLimitError | InProgressError], Response[str]]":
        return lambda exc: problem(app, kind, str(exc), retry_after=exc.retry_after)

    def no_route(_: NoRouteError) -> Response[str]:
        event = app.current_event
        return problem(app, "not-found", f"there is no {event.http_method} {shown(event.path)}")

    def unavailable(exc: AdapterError) -> Response[str]:
        # What exactly failed is for the log: it names tables.
        logger.error("a service did not answer", exc_info=exc)
        detail = "A service behind the API did not answer; try again shortly."
        return problem(app, "unavailable", detail, retry_after=1)

    def unsupported(_: UnsupportedError) -> Response[str]:
        # Trying again does not help, so it is not told to.
        return problem(app, "unsupported", "The telemetry store of this deployment cannot do this.")

    handlers: dict[type[Exception], Callable[[Any], Response[str]]] = {
        RequestError: wrong,
        IdentityError: misnamed,
        RequestValidationError: invalid,
        UnauthorizedError: told("unauthorized"),
        ForbiddenError: told("forbidden"),
        NotFoundError: told("not-found"),
        InProgressError: later("idempotency-in-progress"),
        ConflictError: told("conflict"),
        PreconditionError: told("changed-meanwhile"),
        TooLargeError: told("too-large"),
        MediaTypeError: told("unsupported-media-type"),
        ReusedKeyError: told("idempotency-key-reused"),
        PreconditionRequiredError: told("if-match-required"),
        RateLimitError: later("too-many-requests"),
        NoRouteError: no_route,
        UnsupportedError: unsupported,
        AdapterError: unavailable,
    }
    for kind, handle in handlers.items():
        app.exception_handler(kind)(handle)


def _told(exc: RequestError) -> dict[str, Any]:
    names = ("field", "expected", "got")
    told: dict[str, Any] = {name: getattr(exc, name) for name in names}
    if isinstance(exc, InvalidDocumentError):
        told["problems"] = [dict(zip(names, one, strict=True)) for one in exc.problems]
    return told


def _first_of(exc: RequestValidationError) -> RequestError:
    first = exc.errors()[0]
    parameter = _parameter(first["loc"])
    if first["type"] == "missing":
        return RequestError(parameter, "a value", "nothing")
    if first["type"] == "extra_forbidden":
        return RequestError(parameter, "no field of this name", shown(str(first.get("input"))))
    expected = "an object" if first["type"] in _NO_OBJECT else _PYDANTIC_WORDS.sub("", str(first["msg"]))
    return RequestError(parameter, expected, shown(str(first.get("input"))))


def _parameter(location: Any) -> str:
    """`("query", "metric", 0)` is the parameter `metric`."""
    names = [part for part in location if isinstance(part, str)]
    return names[-1] if names else "request"


def problem(
    app: APIGatewayRestResolver, kind: str, detail: str, *, retry_after: int | None = None, **more: Any
) -> Response[str]:
    """`kind` is a name of PROBLEMS, `retry_after` the seconds after which asking again makes sense."""
    status, title = PROBLEMS[kind]
    document = {
        "type": PREFIX + kind,
        "title": title,
        "status": status,
        "detail": detail,
        **more,
        "request_id": app.current_event.raw_event.get("requestContext", {}).get("requestId"),
    }
    headers = {"Cache-Control": "no-store", **({} if retry_after is None else {"Retry-After": str(retry_after)})}
    return Response(status, content_type=CONTENT_TYPE, body=msgspec.json.encode(document).decode(), headers=headers)
