"""Asking another function of the deployment by Lambda's Invoke; every way in which that fails becomes one error."""

from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code
from functions.adapters.backoff import Backoff
from functions.errors import AdapterError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

BUSY = frozenset(
    {"TooManyRequestsException", "EC2ThrottledException", "ServiceException", "ServiceUnavailableException"}
)
"""Answers that say nothing about the function: it was not even called."""
_SHOWN_CHARS = 500


class _Failure(msgspec.Struct, rename="camel"):
    error_type: str = ""
    error_message: str = ""


def invoke(
    client: "LambdaClient",
    function: str,
    request: bytes,
    *,
    error: type[AdapterError],
    backoff: Backoff,
    again: frozenset[str] = BUSY,
) -> bytes:
    """What the function returned, as JSON. Raises `error`.

    Asks again where Lambda answers one of `again`, and never where the function may have been called.
    """
    problem = ""
    for _ in backoff:
        try:
            answer = client.invoke(FunctionName=function, Payload=request)
            text = answer["Payload"].read()
        except ClientError as exc:
            problem = str(exc)
            if error_code(exc) not in again:
                break
        except BotoCoreError as exc:
            raise error(f"the function {function} did not answer: {exc}") from exc
        else:
            if answer.get("FunctionError"):
                raise error(f"the function {function} failed: {_said(text)}")
            return text
    raise error(f"the function {function} could not be called: {problem}")


def _said(text: bytes) -> str:
    """Such as `Sandbox.Timedout: … Task timed out after 25.00 seconds`."""
    try:
        failure = msgspec.json.decode(text, type=_Failure)
    except msgspec.DecodeError:
        return text[:_SHOWN_CHARS].decode(errors="replace")
    return ": ".join(part for part in (failure.error_type, failure.error_message) if part)[:_SHOWN_CHARS]
