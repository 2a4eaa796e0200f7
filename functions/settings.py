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
    optional: bool = False


def _text(name: str, *, choices: tuple[str, ...] = ()) -> Any:
    return field(metadata={_VARIABLE: _Variable(name, choices=choices)})


def _optional(name: str, *, choices: tuple[str, ...] = ()) -> Any:
    return field(default="", metadata={_VARIABLE: _Variable(name, choices=choices, optional=True)})


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
    if not text and not variable.optional:
        raise ValueError("expected a value, got nothing")
    if text and variable.choices and text not in variable.choices:
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
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            if text or not _variable(described).optional:
                env[_variable(described).name] = text
        return env


@dataclass(frozen=True, kw_only=True)
class DynamoDBStoreSettings(Settings):
    telemetry_table: str = _text("FIELDLINE_TELEMETRY_TABLE")


@dataclass(frozen=True, kw_only=True)
class InfluxStoreSettings(Settings):
    """`url` is `https://host:port`. Each secret holds a token; a function has those that it needs."""

    url: str = _text("FIELDLINE_INFLUX_URL")
    database: str = _text("FIELDLINE_INFLUX_DATABASE")
    write_secret: str = _optional("FIELDLINE_INFLUX_WRITE_SECRET")
    read_secret: str = _optional("FIELDLINE_INFLUX_READ_SECRET")


@dataclass(frozen=True, kw_only=True)
class LiveAnalyticsStoreSettings(Settings):
    database: str = _text("FIELDLINE_TIMESTREAM_DATABASE")
    table: str = _text("FIELDLINE_TIMESTREAM_TABLE")


@dataclass(frozen=True, kw_only=True)
class SeriesFunctionSettings(Settings):
    """Where a store can be reached from its network only: the function there that answers for it."""

    series_function: str = _text("FIELDLINE_SERIES_FUNCTION")


DYNAMODB, INFLUXDB, LIVEANALYTICS = "dynamodb", "timestream-influxdb", "timestream-liveanalytics"
STORE_SETTINGS: Mapping[str, type[Settings]] = {
    DYNAMODB: DynamoDBStoreSettings,
    INFLUXDB: InfluxStoreSettings,
    LIVEANALYTICS: LiveAnalyticsStoreSettings,
}
"""What a function that reaches the store itself needs besides its own settings, by the name of the store."""
TELEMETRY_STORES = tuple(STORE_SETTINGS)


@dataclass(frozen=True, kw_only=True)
class IngestSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    telemetry_store: str = _text("FIELDLINE_TELEMETRY_STORE", choices=TELEMETRY_STORES)
    lake_stream: str = _text("FIELDLINE_LAKE_STREAM")
    retention_days: int = _number("FIELDLINE_RETENTION_DAYS", 90, 1, 3650)
    quarantine_days: int = _number("FIELDLINE_QUARANTINE_DAYS", 30, 1, 3650)
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_queue_url: str = _text("FIELDLINE_LIVE_QUEUE_URL")
    actions_queue_url: str = _text("FIELDLINE_ACTIONS_QUEUE_URL")


@dataclass(frozen=True, kw_only=True)
class PresenceSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_queue_url: str = _text("FIELDLINE_LIVE_QUEUE_URL")
    presence_queue_url: str = _text("FIELDLINE_PRESENCE_QUEUE_URL")
    commands_queue_url: str = _text("FIELDLINE_COMMANDS_QUEUE_URL")
    alarms_queue_url: str = _text("FIELDLINE_ALARMS_QUEUE_URL")
    debounce_s: int = _number("FIELDLINE_DEBOUNCE_S", 30, 0, 900)


@dataclass(frozen=True, kw_only=True)
class EventsSettings(Settings):
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    event_days: int = _number("FIELDLINE_EVENT_DAYS", 90, 1, 3650)
    quarantine_days: int = _number("FIELDLINE_QUARANTINE_DAYS", 30, 1, 3650)


@dataclass(frozen=True, kw_only=True)
class ApiSettings(Settings):
    """`dead_letters` names the parameter that tells where the queues of dead letters are. `mail_from` and
    `loopback_webhooks` are those of the actions.
    """

    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    ingest_queue_url: str = _text("FIELDLINE_INGEST_QUEUE_URL")
    commands_queue_url: str = _text("FIELDLINE_COMMANDS_QUEUE_URL")
    alarms_queue_url: str = _text("FIELDLINE_ALARMS_QUEUE_URL")
    actions_queue_url: str = _text("FIELDLINE_ACTIONS_QUEUE_URL")
    backtests_queue_url: str = _text("FIELDLINE_BACKTESTS_QUEUE_URL")
    telemetry_store: str = _text("FIELDLINE_TELEMETRY_STORE", choices=TELEMETRY_STORES)
    region: str = _text("FIELDLINE_REGION")
    user_pool_id: str = _text("FIELDLINE_USER_POOL_ID")
    issuer: str = _text("FIELDLINE_ISSUER")
    client_id: str = _text("FIELDLINE_CLIENT_ID")
    sign_in_endpoint: str = _text("FIELDLINE_SIGN_IN_ENDPOINT")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_queue_url: str = _text("FIELDLINE_LIVE_QUEUE_URL")
    live_url: str = _text("FIELDLINE_LIVE_URL")
    cursor_secret: str = _text("FIELDLINE_CURSOR_SECRET")
    webhook_secret: str = _text("FIELDLINE_WEBHOOK_SECRET")
    dead_letters: str = _text("FIELDLINE_DEAD_LETTERS")
    mail_from: str = _optional("FIELDLINE_MAIL_FROM")
    loopback_webhooks: str = _optional("FIELDLINE_LOOPBACK_WEBHOOKS", choices=("true",))
    request_rate: int = _number("FIELDLINE_REQUEST_RATE", 50, 1, 1000)
    request_burst: int = _number("FIELDLINE_REQUEST_BURST", 100, 1, 10_000)
    audit_days: int = _number("FIELDLINE_AUDIT_DAYS", 365, 1, 3650)
    retention_days: int = _number("FIELDLINE_RETENTION_DAYS", 90, 1, 3650)


@dataclass(frozen=True, kw_only=True)
class CommandsSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_queue_url: str = _text("FIELDLINE_LIVE_QUEUE_URL")
    commands_queue_url: str = _text("FIELDLINE_COMMANDS_QUEUE_URL")
    quarantine_days: int = _number("FIELDLINE_QUARANTINE_DAYS", 30, 1, 3650)


@dataclass(frozen=True, kw_only=True)
class AlarmsSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_queue_url: str = _text("FIELDLINE_LIVE_QUEUE_URL")
    alarms_queue_url: str = _text("FIELDLINE_ALARMS_QUEUE_URL")
    actions_queue_url: str = _text("FIELDLINE_ACTIONS_QUEUE_URL")


@dataclass(frozen=True, kw_only=True)
class ActionsSettings(Settings):
    """`mail_from` is the address that e-mail comes from, empty where none is sent. `loopback_webhooks` is for a laptop:
    only there may a webhook go to the machine itself.
    """

    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_queue_url: str = _text("FIELDLINE_LIVE_QUEUE_URL")
    actions_queue_url: str = _text("FIELDLINE_ACTIONS_QUEUE_URL")
    commands_queue_url: str = _text("FIELDLINE_COMMANDS_QUEUE_URL")
    webhook_secret: str = _text("FIELDLINE_WEBHOOK_SECRET")
    mail_from: str = _optional("FIELDLINE_MAIL_FROM")
    loopback_webhooks: str = _optional("FIELDLINE_LOOPBACK_WEBHOOKS", choices=("true",))


@dataclass(frozen=True, kw_only=True)
class BacktestsSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    telemetry_store: str = _text("FIELDLINE_TELEMETRY_STORE", choices=TELEMETRY_STORES)
    retention_days: int = _number("FIELDLINE_RETENTION_DAYS", 90, 1, 3650)


@dataclass(frozen=True, kw_only=True)
class ShadowsSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_queue_url: str = _text("FIELDLINE_LIVE_QUEUE_URL")


@dataclass(frozen=True, kw_only=True)
class AuthorizerSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    issuer: str = _text("FIELDLINE_ISSUER")
    jwks_url: str = _text("FIELDLINE_JWKS_URL")
    client_ids: tuple[str, ...] = _texts("FIELDLINE_CLIENT_IDS")


@dataclass(frozen=True, kw_only=True)
class AuthSettings(Settings):
    """`insecure_cookies` is for a laptop, where nothing speaks HTTPS."""

    client_id: str = _text("FIELDLINE_CLIENT_ID")
    sign_in_endpoint: str = _text("FIELDLINE_SIGN_IN_ENDPOINT")
    cookie_path: str = _text("FIELDLINE_COOKIE_PATH")
    insecure_cookies: str = _optional("FIELDLINE_INSECURE_COOKIES", choices=("true",))


@dataclass(frozen=True, kw_only=True)
class LiveSettings(Settings):
    """`live_endpoint` is where frames are posted, `live_origins` the pages that may open a WebSocket."""

    core_table: str = _text("FIELDLINE_CORE_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_endpoint: str = _text("FIELDLINE_LIVE_ENDPOINT")
    live_origins: tuple[str, ...] = _optional("FIELDLINE_LIVE_ORIGINS")


@dataclass(frozen=True, kw_only=True)
class PushSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_endpoint: str = _text("FIELDLINE_LIVE_ENDPOINT")


REGISTRY_LAYOUT = 1
"""Counts up with a release that keeps other rows of a device: its deployment enters the fleet file's devices anew."""


@dataclass(frozen=True, kw_only=True)
class RegistrarSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    alarms_queue_url: str = _text("FIELDLINE_ALARMS_QUEUE_URL")
    audit_days: int = _number("FIELDLINE_AUDIT_DAYS", 365, 1, 3650)


@dataclass(frozen=True, kw_only=True)
class AuditExportSettings(Settings):
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    audit_bucket: str = _text("FIELDLINE_AUDIT_BUCKET")
    audit_days: int = _number("FIELDLINE_AUDIT_DAYS", 365, 1, 3650)


@dataclass(frozen=True, kw_only=True)
class SeriesSettings(Settings):
    telemetry_store: str = _text("FIELDLINE_TELEMETRY_STORE", choices=TELEMETRY_STORES)
    retention_days: int = _number("FIELDLINE_RETENTION_DAYS", 90, 1, 3650)


@dataclass(frozen=True, kw_only=True)
class BackfillSettings(Settings):
    """`previous_store` is the one that the deployment still has beside its own, to move from."""

    core_table: str = _text("FIELDLINE_CORE_TABLE")
    lake_bucket: str = _text("FIELDLINE_LAKE_BUCKET")
    telemetry_store: str = _text("FIELDLINE_TELEMETRY_STORE", choices=TELEMETRY_STORES)
    previous_store: str = _optional("FIELDLINE_PREVIOUS_STORE", choices=TELEMETRY_STORES)
    retention_days: int = _number("FIELDLINE_RETENTION_DAYS", 90, 1, 3650)


@dataclass(frozen=True, kw_only=True)
class StoreSetupSettings(Settings):
    admin_function: str = _text("FIELDLINE_STORE_ADMIN_FUNCTION")


@dataclass(frozen=True, kw_only=True)
class StoreAdminSettings(Settings):
    """`admin_secret` is what the service made: user, password, organization and bucket of the instance."""

    url: str = _text("FIELDLINE_INFLUX_URL")
    admin_secret: str = _text("FIELDLINE_INFLUX_ADMIN_SECRET")
    write_secret: str = _text("FIELDLINE_INFLUX_WRITE_SECRET")
    read_secret: str = _text("FIELDLINE_INFLUX_READ_SECRET")
