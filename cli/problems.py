"""Turns an error answer (RFC 9457, or what API Gateway itself says) into one of our errors."""

import json
from typing import Any

from cli.errors import (
    BusyError,
    CliError,
    ConflictError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    ServerFaultError,
)

_BY_STATUS: dict[int, type[CliError]] = {
    401: NotSignedInError,
    403: NotAllowedError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    429: BusyError,
}
_FALLBACK = {
    401: "The API did not accept the session: run `fieldline login` again.",
    403: "Your role does not allow this.",
    404: "The API knows nothing at this address.",
    429: "The API is throttling: too many requests; try again in a moment.",
}
_SERVER_ERRORS = 500


def error_for(status: int, body: bytes, request_id: str | None = None) -> CliError:
    """The error for an answer that is not a success: its kind by status, its words by the problem document."""
    problem = json_object(body) or {}
    kind = _BY_STATUS.get(status, ServerFaultError if status >= _SERVER_ERRORS else CliError)
    words = _words(problem) or _FALLBACK.get(status) or f"The API answered with status {status}."
    if status == 401 and "fieldline login" not in words:  # noqa: PLR2004 - HTTP's own number
        words = f"{words} Run `fieldline login` again."
    identifier = _text(problem, "request_id") or request_id
    return kind(f"{words} (request {identifier})" if identifier else words)


def json_object(body: bytes) -> dict[str, Any] | None:
    """The decoded object, or nothing where the bytes are no JSON or another value."""
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None


def _words(problem: dict[str, Any]) -> str:
    """What the problem says, with the field and what was expected of it unless that is said already."""
    said = _text(problem, "detail") or _text(problem, "title")
    if not said:
        return ""
    field, expected, got = (_text(problem, key) for key in ("field", "expected", "got"))
    said = said if said.endswith((".", "!", "?")) else f"{said}."
    if not expected or expected in said:
        return said
    about = f"{field}: " if field else ""
    return f"{said} {about}expected {expected}{f', got {got}' if got else ''}."


def _text(problem: dict[str, Any], key: str) -> str:
    value = problem.get(key)
    return "" if value is None else str(value).strip()
