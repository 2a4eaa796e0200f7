"""What each function reads from its environment: a frozen class for each, its variables named once.

`infra` builds a function's environment with `to_env()` (where a value may be a CloudFormation token), the function
reads it back with `from_env()`, which reports everything that is wrong together.
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self, cast

from functions.errors import SettingsError

_VARIABLE = "variable"


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    minimum: int = 0
    maximum: int = 0
    choices: tuple[str, ...] = ()


def _text(name: str, *, choices: tuple[str, ...] = ()) -> Any:
    return field(metadata={_VARIABLE: _Variable(name, choices=choices)})


def _texts(name: str) -> Any:
    return field(metadata={_VARIABLE: _Variable(name)})


def _number(name: str, default: int, minimum: int, maximum: int) -> Any:
    return field(default=default, metadata={_VARIABLE: _Variable(name, minimum, maximum)})


def _variable(described: Field[Any]) -> _Variable:
    return cast("_Variable", described.metadata[_VARIABLE])


def _read(described: Field[Any], env: Mapping[str, str]) -> object:
    variable = _variable(described)
    text = env.get(variable.name, "").strip()
    if described.type is int:
        if not text:
            return described.default
        if not (text.isascii() and text.isdigit()) or not variable.minimum <= int(text) <= variable.maximum:
            raise ValueError(f"expected a whole number from {variable.minimum} to {variable.maximum}, got {text!r}")
        return int(text)
    if not text:
        raise ValueError("expected a value, got nothing")
    if variable.choices and text not in variable.choices:
        raise ValueError(f"expected one of {', '.join(variable.choices)}, got {text!r}")
    if described.type is str:
        return text
    return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The base: reading and writing an environment by the fields of a subclass."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Raises SettingsError, which names every variable that is missing or wrong."""
        values: dict[str, object] = {}
        problems: list[str] = []
        for described in fields(cls):
            try:
                values[described.name] = _read(described, env)
            except ValueError as exc:
                problems.append(f"{_variable(described).name}: {exc}")
        if problems:
            raise SettingsError(cls.__name__, tuple(problems))
        return cls(**values)

    def to_env(self) -> dict[str, str]:
        """The environment from which `from_env` makes these settings again."""
        env: dict[str, str] = {}
        for described in fields(self):
            value = getattr(self, described.name)
            env[_variable(described).name] = ",".join(value) if isinstance(value, tuple) else str(value)
        return env


TELEMETRY_STORES = ("dynamodb",)


@dataclass(frozen=True, kw_only=True)
class IngestSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    telemetry_store: str = _text("FIELDLINE_TELEMETRY_STORE", choices=TELEMETRY_STORES)
    telemetry_table: str = _text("FIELDLINE_TELEMETRY_TABLE")
    lake_stream: str = _text("FIELDLINE_LAKE_STREAM")
    retention_days: int = _number("FIELDLINE_RETENTION_DAYS", 90, 1, 3650)
    quarantine_days: int = _number("FIELDLINE_QUARANTINE_DAYS", 30, 1, 3650)


@dataclass(frozen=True, kw_only=True)
class PresenceSettings(Settings):
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    presence_queue_url: str = _text("FIELDLINE_PRESENCE_QUEUE_URL")
    debounce_s: int = _number("FIELDLINE_DEBOUNCE_S", 30, 0, 900)


@dataclass(frozen=True, kw_only=True)
class EventsSettings(Settings):
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    event_days: int = _number("FIELDLINE_EVENT_DAYS", 90, 1, 3650)
    quarantine_days: int = _number("FIELDLINE_QUARANTINE_DAYS", 30, 1, 3650)


@dataclass(frozen=True, kw_only=True)
class ApiSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    telemetry_store: str = _text("FIELDLINE_TELEMETRY_STORE", choices=TELEMETRY_STORES)
    telemetry_table: str = _text("FIELDLINE_TELEMETRY_TABLE")
    region: str = _text("FIELDLINE_REGION")
    issuer: str = _text("FIELDLINE_ISSUER")
    client_id: str = _text("FIELDLINE_CLIENT_ID")
    sign_in_endpoint: str = _text("FIELDLINE_SIGN_IN_ENDPOINT")
    retention_days: int = _number("FIELDLINE_RETENTION_DAYS", 90, 1, 3650)


@dataclass(frozen=True, kw_only=True)
class AuthorizerSettings(Settings):
    issuer: str = _text("FIELDLINE_ISSUER")
    jwks_url: str = _text("FIELDLINE_JWKS_URL")
    client_ids: tuple[str, ...] = _texts("FIELDLINE_CLIENT_IDS")


@dataclass(frozen=True, kw_only=True)
class RegistrarSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
