"""What is spoken over the control socket: one JSON object a line, `{"method", "params", "thing"}`, answered by one line
with `{"result"}` or `{"error": {"kind", "message"}}`.
"""

from typing import Any, Final

import msgspec

from contract.errors import shown
from device_agent.errors import ControlError

MAX_REQUEST_BYTES: Final = 64 * 1024
MAX_RESPONSE_BYTES: Final = 1024 * 1024

OTHER_THING: Final = "other_thing"
"""The kind of error of an agent that runs another device than the one that was meant."""

METHODS: Final = {
    "status": "how the agent is doing: connection, queue, tasks, clock",
    "sensors": "the last reading of each sensor, and when it was taken",
    "actuators": "what each actuator is doing, as read back",
    "actuator.set": "command an actuator: `name`, and `parameters` as the model has them",
    "actuator.safe": "bring every actuator to its safe state",
    "shadow": "`config`: settings in force, on trial, refused; `state`: desired, reported, rejected of each actuator",
    "queue.stats": "what waits to be sent, by priority",
}
"""What an agent answers, and what that is."""


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`thing` is the device that is meant; none is whichever listens."""

    method: str
    params: dict[str, Any] = {}
    thing: str | None = None


def read_request(line: bytes) -> Request:
    """Raises ControlError for anything that is not a request."""
    try:
        return msgspec.json.decode(line, type=Request)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ControlError(
            f'expected a line such as {{"method": "status"}}, got {shown(line[:200])}: {error}'
        ) from error


def write_request(request: Request) -> bytes:
    return msgspec.json.encode(request) + b"\n"


def write_result(result: Any) -> bytes:
    line = msgspec.json.encode({"result": result}) + b"\n"
    return line if len(line) <= MAX_RESPONSE_BYTES else write_error("too_large", f"the answer has {len(line)} bytes")


def write_error(kind: str, message: str) -> bytes:
    return msgspec.json.encode({"error": {"kind": kind, "message": message}}) + b"\n"


def read_response(line: bytes) -> Any:
    """The result. Raises ControlError, with the kind of the error that the agent answered."""
    try:
        response = msgspec.json.decode(line)
        if "error" in response:
            raise ControlError(str(response["error"]["message"]), str(response["error"]["kind"]))
        return response["result"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise ControlError(f"what answers there speaks something else: {shown(line[:200])}") from error
