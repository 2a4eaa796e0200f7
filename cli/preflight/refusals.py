"""Why AWS did not answer a question, in plain words. None of it stops a deployment: who only reads sees less."""

import re
from typing import Any

from cli.preflight.findings import Finding, Status

DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException", "AuthorizationError"}
)
THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_ACTION = re.compile(r"not authorized to perform:?\s+([a-z0-9-]+:[A-Za-z]+)")


def troubles() -> tuple[type[Exception], ...]:
    """What a question may raise: errors of AWS, of the way there, and of answers that AWS never gave."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    return (BotoCoreError, ClientError, ResponseParserError, ValueError, LookupError, TypeError, AttributeError)


def unanswered(name: str, exc: Exception, action: str) -> Finding:
    """`action` is the permission that the question needs, where AWS does not name one itself."""
    from botocore import exceptions

    if isinstance(exc, exceptions.ClientError):
        code, said = code_of(exc), message_of(exc)
        if code in DENIED:
            named = _ACTION.search(said)
            needed = named[1] if named else action
            return Finding(
                name,
                Status.UNKNOWN,
                f"Not checked: these credentials may not ask ({needed} is denied).",
                f"Allow {needed} to know before the deployment.",
                {"permission": needed},
            )
        if code in THROTTLED:
            return Finding(
                name, Status.UNKNOWN, "Not checked: AWS is throttling this account's requests.", "Try again."
            )
        return Finding(name, Status.UNKNOWN, f"Not checked: AWS answered {code}: {said}")
    if is_unreachable(exc):
        return Finding(name, Status.UNKNOWN, f"Not checked: {exc}", "Try again; see the network, proxy and endpoint.")
    if isinstance(exc, exceptions.BotoCoreError):
        return Finding(name, Status.UNKNOWN, f"Not checked: {exc}")
    return Finding(
        name,
        Status.UNKNOWN,
        f"Not checked: the answer is none that AWS gives ({type(exc).__name__}: {exc}).",
        "See the proxy and the endpoint: something else may be answering.",
    )


def code_of(exc: Exception) -> str:
    """The service's own error code; empty for what is no service's answer."""
    return str(_error(exc).get("Code", ""))


def message_of(exc: Exception) -> str:
    return str(_error(exc).get("Message", "") or code_of(exc))


def is_iam_refusal(exc: Exception) -> bool:
    """The caller's own permissions refuse, not the service."""
    return code_of(exc) in DENIED and (
        "not authorized to perform" in message_of(exc) or "explicit deny" in message_of(exc)
    )


def is_unreachable(exc: Exception) -> bool:
    from botocore import exceptions

    return isinstance(exc, (exceptions.HTTPClientError, exceptions.ConnectionError))


def has_no_address(exc: Exception) -> bool:
    """The service's name does not resolve: where others do, the region has no such service."""
    from botocore import exceptions
    from urllib3.exceptions import NameResolutionError

    return isinstance(exc, exceptions.EndpointConnectionError) and isinstance(
        exc.kwargs.get("error"), NameResolutionError
    )


def _error(exc: Exception) -> dict[str, Any]:
    response = getattr(exc, "response", None)
    found = response.get("Error") if isinstance(response, dict) else None
    return found if isinstance(found, dict) else {}
