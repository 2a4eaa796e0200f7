"""What the agent raises.

AgentError
├── ActuatorError             an actuator cannot be claimed or driven, reads otherwise than it was driven, or refused
├── ConfigError               the configuration cannot be used; carries every problem found
├── ControlError              the control socket cannot be opened, or a request over it failed
│   └── NotRunningError       no agent listens there
├── CredentialError           a key, certificate, CA or PIN cannot be used
├── EnrolmentError            the cloud gave no certificate, or not one for this device
├── GpioError                 the device's pins cannot be reached
├── KeyMaterialError          a key or certificate request cannot be made or must not be overwritten
├── PayloadError              a message in the queue cannot be read; its contents are lost
├── QueueError                the durable queue or the state file cannot be opened or written
├── RecordingError            a recording that should be tried out cannot be read; names the line
├── SensorError               one reading failed; the next may succeed
├── SettingsError             what the device should be set to cannot be used; carries the reason for each key
├── StalledError              a task did not beat within its limit, or ended as if somebody had cancelled it
└── TransportError
    ├── ConnectError          no connection to this endpoint
    │   └── ConnectRefusedError   the broker answered, and the answer was no
    ├── ConnectionLostError   the connection ended; whether the broker has the message is unknown
    ├── NotTakenError         a message of the broker's is left to a later connection
    ├── PublishRefusedError   the broker answered a publish with a refusal; the connection stands
    └── SubscribeRefusedError the broker granted not all subscriptions; the connection stands

The command has one of its own, `cli.exits.UsageError`, for what was asked for in a way that cannot be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class AgentError(Exception):
    """The root of what this package raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a configuration file; `setting` names the model's setting that the key follows."""

    file: Path
    key: str
    expected: str
    got: str
    setting: str | None = None

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: expected {self.expected}, got {self.got}"


class ConfigError(AgentError):
    """The configuration cannot be used."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class CredentialError(AgentError):
    """A key, certificate, CA or PIN cannot be used: what was expected, and what came (never a secret)."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got


class EnrolmentError(AgentError):
    """The cloud gave no certificate, or not one for this device; in one line, and without the key."""


class ActuatorError(AgentError):
    """An actuator cannot be claimed or driven, reads otherwise than it was driven, or did not do as it was told."""


class GpioError(AgentError):
    """The device's pins cannot be reached."""


class ControlError(AgentError):
    """The control socket cannot be opened, or a request over it failed; `kind` is a slug or an error's class name."""

    def __init__(self, message: str, kind: str = "control") -> None:
        super().__init__(message)
        self.kind = kind


class NotRunningError(ControlError):
    """No agent listens at the control socket."""


class KeyMaterialError(AgentError):
    """A key or certificate request cannot be made, or would overwrite one."""


class PayloadError(AgentError):
    """A message in the queue cannot be read: of a version that is not known, or damaged."""


class QueueError(AgentError):
    """The durable queue or the state file cannot be opened or written."""


class RecordingError(AgentError):
    """A recording that should be tried out cannot be read."""


class SensorError(AgentError):
    """One reading failed; the next may succeed."""


class SettingsError(AgentError):
    """What the device should be set to cannot be used. `reasons` by key, "*" for what is no key's."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__("; ".join(f"{key}: {reason}" for key, reason in reasons.items()))
        self.reasons = reasons


class StalledError(AgentError):
    """A task did not beat within its limit, or ended as if somebody had cancelled it."""


class TransportError(AgentError):
    """The root of what a transport raises."""


class ConnectError(TransportError):
    """No connection to this endpoint."""


class ConnectRefusedError(ConnectError):
    """The broker answered, and the answer was no: identity, policy or quota."""


class ConnectionLostError(TransportError):
    """The connection ended; whether the broker has the message is unknown."""


class NotTakenError(TransportError):
    """Nobody takes a message of the broker's now. It is not acknowledged, and comes again over a later connection."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"a message to {topic} is left to a later connection")


class PublishRefusedError(TransportError):
    """The broker refused a publish and said why; the connection stands."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"publish to {topic} refused: {reason}")
        self.topic = topic
        self.reason = reason


class SubscribeRefusedError(TransportError):
    """The broker refused some of the topic filters asked for; the connection and the other subscriptions stand."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        refused = ", ".join(f"{topic_filter} ({reason})" for topic_filter, reason in reasons.items())
        super().__init__(f"subscription refused: {refused}")
        self.reasons = dict(reasons)
        """Why, for each refused filter."""
