"""The function that moves history: where it is, and one question to it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cli import stacks
from cli.aws import plain_errors
from cli.errors import BusyError, CliError, InputError, NotFoundError, ServerFaultError, UnreachableError
from cli.local_instance import find_cloud
from cli.stacks import Place
from contract.backfill import Answer, Refused, Request, Unavailable, read_answer, write
from contract.errors import DocumentError

if TYPE_CHECKING:
    from mypy_boto3_lambda.client import LambdaClient

OUTPUT = "BackfillFunctionName"
ANSWER_S = 920
"""Longer than the function may take: who gives up earlier asks for the same work twice."""

_NEEDED = "History is moved with AWS credentials that may invoke the function (lambda:InvokeFunction)."
_THROTTLED = {"TooManyRequestsException", "ThrottlingException", "Throttling", "EC2ThrottledException"}
_SERVER_ERRORS = 500


class AgainError(CliError):
    """Asking again may help; `smaller` where it had better be for less. `cause` is what to say if it does not."""

    def __init__(self, cause: CliError, *, smaller: bool = False) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.smaller = smaller


class BackfillFunction:
    def __init__(self, client: "LambdaClient", name: str) -> None:
        self._client = client
        self.name = name

    def ask(self, request: Request) -> Answer:
        """Raises AgainError, or another CliError where asking again would not help. Safe for threads."""
        answer = self._invoked(msgspec.json.encode(write(request)))
        if isinstance(answer, Refused):
            raise InputError(f"--{answer.field}: expected {answer.expected}; got {answer.got}.")
        if isinstance(answer, Unavailable):
            raise AgainError(ServerFaultError(f"The function could not do it now: {answer.message}"))
        return answer

    def _invoked(self, payload: bytes) -> Answer:
        try:
            with plain_errors(_NEEDED, self._known):
                response = self._client.invoke(FunctionName=self.name, Payload=payload)
                body = response["Payload"].read()
        except UnreachableError as exc:
            raise AgainError(exc) from exc
        except CliError as exc:
            if isinstance(exc, BusyError) or _is_servers(exc.__cause__):
                raise AgainError(exc) from exc
            raise
        if "FunctionError" in response:
            raise AgainError(ServerFaultError(f"The function {self.name} failed: {_failure(body)}"), smaller=True)
        return self._read(body)

    def _read(self, body: bytes) -> Answer:
        try:
            return read_answer(json.loads(body))
        except DocumentError as exc:
            if exc.reason == "unsupported_version":
                said = f"speaks version {exc.got} of their common language and this command version {exc.expected}"
                raise ServerFaultError(f"The function {self.name} {said}: update the older of the two.") from exc
            raise ServerFaultError(f"{self.name} answered what no function for moves answers: {exc}") from exc
        except ValueError as exc:
            raise ServerFaultError(f"{self.name} answered what no function for moves answers: no JSON.") from exc

    def _known(self, code: str, said: str) -> CliError | None:
        if code == "ResourceNotFoundException":
            return NotFoundError(f"There is no function {self.name} in this account and region. Is it deployed?")
        if code in _THROTTLED:
            return BusyError(f"AWS throttles the function {self.name}: {said or code}")
        return None


def on_laptop(start: Path, port: int | None) -> tuple[Place, str]:
    """The place and function of the laptop cloud that runs for a directory. Raises InputError, NotFoundError."""
    cloud = find_cloud(start, port)
    name = cloud.outputs.get(OUTPUT)
    if name is None:
        raise NotFoundError("This laptop cloud has no function that moves history: start it again with this version.")
    return Place(region=cloud.region, endpoint_url=cloud.aws, account=cloud.account), name


def in_stacks(place: Place, stage: str | None) -> str:
    """The function's name as the deployment's stacks say it. Raises NotFoundError, InputError."""
    return stacks.in_stacks(place, stage, OUTPUT, _NEEDED, "Deploy this version, or give --function.")


def connected(place: Place, name: str, parallel: int) -> BackfillFunction:
    settings = {
        "connect_timeout": 5,
        "read_timeout": ANSWER_S,
        "retries": {"total_max_attempts": 1},  # whoever asks decides what to ask again, and for how much
        "max_pool_connections": parallel,
        "tcp_keepalive": True,  # an answer may take minutes, in which networks forget a silent connection
    }
    with plain_errors(_NEEDED):
        return BackfillFunction(stacks.client("lambda", place, **settings), name)


def _is_servers(cause: BaseException | None) -> bool:
    """Whether a refusal is the service's own fault, which passes."""
    response = getattr(cause, "response", {})
    status: int = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= _SERVER_ERRORS


def _failure(body: bytes) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return "it gave no reason."
    kind, message = (str(said.get(key) or "") for key in ("errorType", "errorMessage"))
    return f"{': '.join(part for part in (kind, message) if part) or 'it gave no reason'}."
