"""Calls of Timestream that may fail for a while: which failures pass, and trying again within a time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from functions.adapters.aws import error_code
from functions.adapters.backoff import Backoff

_Answer = TypeVar("_Answer")

FAILURES = (BotoCoreError, ClientError, ResponseParserError)
_SERVER_ERROR = 500
_PASSING = frozenset({"ThrottlingException", "InternalServerException", "InvalidEndpointException"})


class GarbledError(Exception):
    """An answer that lacks what the service's answers have."""


class Deadline:
    """The end of the time that one use of the store may take, on the clock of `backoff`."""

    def __init__(self, within_s: float, backoff: Backoff) -> None:
        self._backoff = backoff
        self._end = backoff.monotonic() + within_s

    @property
    def passed(self) -> bool:
        return self._backoff.monotonic() >= self._end

    def turns(self) -> Iterator[int]:
        """Attempts with waits between them, none of which begins or ends too late; but always one."""
        return iter(replace(self._backoff, within_s=self._end - self._backoff.monotonic()))


def passes(exc: Exception) -> bool:
    """Whether the same call may succeed later."""
    if isinstance(exc, ClientError):
        response: Any = exc.response
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error_code(exc) in _PASSING or status >= _SERVER_ERROR
    return not isinstance(exc, ParamValidationError)


def patiently(call: Callable[[], _Answer], deadline: Deadline) -> _Answer:
    """The answer, after some attempts if need be; raises what the last of them raised: FAILURES or GarbledError."""
    failure: Exception = GarbledError("no attempt was allowed")
    for _ in deadline.turns():
        try:
            return _heard(call)
        except (*FAILURES, GarbledError) as exc:
            if not passes(exc):
                raise
            failure = exc
    raise failure


def _heard(call: Callable[[], _Answer]) -> _Answer:
    try:
        return call()
    except FAILURES:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as exc:
        # What botocore's parser stumbles with over an answer of another form than the model's.
        raise GarbledError(f"an answer that is none of the service's: {exc!r}") from exc
