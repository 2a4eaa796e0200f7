"""What the command's exit codes mean, and which error leads to which."""

from enum import IntEnum
from typing import Final

from contract.errors import IdentityError
from device_agent import errors


class Exit(IntEnum):
    """docs/agent-cli.md has the same table; a test compares them."""

    DONE = 0
    UNFORESEEN = 1
    USAGE = 2
    CONFIG = 3
    KEY = 4
    QUEUE = 5
    SENSOR = 6
    ACTUATOR = 7
    AGENT = 8
    CONNECTION = 9
    INPUT = 10
    INTERRUPTED = 130


MEANINGS: Final[dict[Exit, str]] = {
    Exit.DONE: "done, or stopped by a signal",
    Exit.UNFORESEEN: "an error that nobody foresaw",
    Exit.USAGE: "wrong usage",
    Exit.CONFIG: "the configuration cannot be used",
    Exit.KEY: "a key would be overwritten or cannot be written",
    Exit.QUEUE: "the queue cannot be opened or read",
    Exit.SENSOR: "a sensor gave no reading",
    Exit.ACTUATOR: "an actuator did not do as it was told",
    Exit.AGENT: "no agent runs where one is needed, one runs where none may, or it did not answer",
    Exit.CONNECTION: "no connection, or the broker or the cloud refused",
    Exit.INPUT: "a file given to the command cannot be used",
    Exit.INTERRUPTED: "interrupted from the keyboard",
}

_BY_ERROR: Final[tuple[tuple[type[Exception], Exit], ...]] = (
    (errors.ConfigError, Exit.CONFIG),
    (errors.CredentialError, Exit.CONFIG),
    (errors.SettingsError, Exit.CONFIG),
    (errors.KeyMaterialError, Exit.KEY),
    (IdentityError, Exit.KEY),
    (errors.QueueError, Exit.QUEUE),
    (errors.SensorError, Exit.SENSOR),
    (errors.ActuatorError, Exit.ACTUATOR),
    (errors.GpioError, Exit.ACTUATOR),
    (errors.TransportError, Exit.CONNECTION),
    (errors.EnrolmentError, Exit.CONNECTION),
    (errors.RecordingError, Exit.INPUT),
)


class UsageError(errors.AgentError):
    """What was asked for does not exist, or not in this way."""


class UnusableFileError(errors.AgentError):
    """A file or folder that was given to the command cannot be used."""


def code_of(error: BaseException) -> Exit:
    """The exit code of an error; one that an agent answered with counts as if it had happened here."""
    if isinstance(error, UsageError):
        return Exit.USAGE
    if isinstance(error, UnusableFileError):
        return Exit.INPUT
    if isinstance(error, errors.ControlError):
        return next((code for kind, code in _BY_ERROR if kind.__name__ == error.kind), Exit.AGENT)
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.UNFORESEEN)


def table() -> str:
    """The codes in one paragraph, for the help."""
    return "exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items())
