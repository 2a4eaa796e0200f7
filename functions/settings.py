"""What each function reads from its environment: a frozen class for each, its variables named once.

`infra` builds a function's environment with `to_env()` (where a value may be a CloudFormation token), the function
reads it back with `from_env()`, which reports everything that is wrong together.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self, dataclass_transform

from functions.errors import SettingsError


class _Variable(NamedTuple):
    name: str
    default: object = None
    minimum: int = 0
    maximum: int = 0
    choices: tuple[str, ...] = ()


def _text(name: str, *, choices: tuple[str, ...] = ()) -> Any:
    return _Variable(name, choices=choices)


def _optional(name: str, *, default: str, choices: tuple[str, ...] = ()) -> Any:
    return _Variable(name, default, choices=choices)


def _texts(name: str) -> Any:
    return _Variable(name)


def _number(name: str, *, default: int, minimum: int, maximum: int) -> Any:
    return _Variable(name, default, minimum, maximum)


def _read(variable: _Variable, kind: object, env: Mapping[str, str]) -> object:
    text = env.get(variable.name, "").strip()
    if kind is int:
        if not text:
            return variable.default
        if not (text.isascii() and text.isdigit()) or not variable.minimum <= int(text) <= variable.maximum:
            raise ValueError(f"expected a whole number from {variable.minimum} to {variable.maximum}, got {text!r}")
        return int(text)
    if not text and variable.default is None:
        raise ValueError("expected a value, got nothing")
    if text and variable.choices and text not in variable.choices:
        raise ValueError(f"expected one of {', '.join(variable.choices)}, got {text!r}")
    if kind is str:
        return text
    return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(_text, _optional, _texts, _number))
class Settings:
    """The base: reading and writing an environment by the fields of a subclass.

    No dataclass, which writes and compiles code for each class: every function would pay for those of all others at
    its start.
    """

    variables: ClassVar[Mapping[str, tuple[_Variable, object]]] = {}
    """Each with its type, by the name of its field."""

    def __init_subclass__(cls) -> None:
        kinds = vars(cls).get("__annotations__", {})
        own = {name: (value, kinds[name]) for name, value in vars(cls).items() if isinstance(value, _Variable)}
        cls.variables = {**cls.variables, **own}

    def __init__(self, **values: Any) -> None:
        for name, (variable, _) in self.variables.items():
            if name not in values:
                if variable.default is None:
                    raise TypeError(f"{type(self).__name__}: expected {name}, got nothing")
                values[name] = variable.default
        if others := values.keys() - self.variables.keys():
            raise TypeError(f"{type(self).__name__}: expected {', '.join(self.variables)}, got {', '.join(others)}")
        vars(self).update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}: expected no change, got one of {name}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Raises SettingsError, which names every variable that is missing or wrong."""
        values: dict[str, object] = {}
        problems: list[str] = []
        for name, (variable, kind) in cls.variables.items():
            try:
                values[name] = _read(variable, kind, env)
            except ValueError as exc:
                problems.append(f"{variable.name}: {exc}")
        if problems:
            raise SettingsError(cls.__name__, tuple(problems))
        return cls(**values)

    def to_env(self) -> dict[str, str]:
        """The environment from which `from_env` makes these settings again."""
        env: dict[str, str] = {}
        for name, (variable, _) in self.variables.items():
            value = getattr(self, name)
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            if text or variable.default is None:
                env[variable.name] = text
        return env


class DynamoDBStoreSettings(Settings):
    telemetry_table: str = _text("FIELDLINE_TELEMETRY_TABLE")


class InfluxStoreSettings(Settings):
    """`url` is `https://host:port`. Each secret holds a token; a function has those that it needs."""

    url: str = _text("FIELDLINE_INFLUX_URL")
    database: str = _text("FIELDLINE_INFLUX_DATABASE")
    write_secret: str = _optional("FIELDLINE_INFLUX_WRITE_SECRET", default="")
    read_secret: str = _optional("FIELDLINE_INFLUX_READ_SECRET", default="")


class LiveAnalyticsStoreSettings(Settings):
    database: str = _text("FIELDLINE_TIMESTREAM_DATABASE")
    table: str = _text("FIELDLINE_TIMESTREAM_TABLE")


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


class IngestSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    telemetry_store: str = _text("FIELDLINE_TELEMETRY_STORE", choices=TELEMETRY_STORES)
    lake_stream: str = _text("FIELDLINE_LAKE_STREAM")
    retention_days: int = _number("FIELDLINE_RETENTION_DAYS", default=90, minimum=1, maximum=3650)
    quarantine_days: int = _number("FIELDLINE_QUARANTINE_DAYS", default=30, minimum=1, maximum=3650)
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_queue_url: str = _text("FIELDLINE_LIVE_QUEUE_URL")
    actions_queue_url: str = _text("FIELDLINE_ACTIONS_QUEUE_URL")


class PresenceSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_queue_url: str = _text("FIELDLINE_LIVE_QUEUE_URL")
    presence_queue_url: str = _text("FIELDLINE_PRESENCE_QUEUE_URL")
    commands_queue_url: str = _text("FIELDLINE_COMMANDS_QUEUE_URL")
    alarms_queue_url: str = _text("FIELDLINE_ALARMS_QUEUE_URL")
    debounce_s: int = _number("FIELDLINE_DEBOUNCE_S", default=30, minimum=0, maximum=900)


class EventsSettings(Settings):
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    event_days: int = _number("FIELDLINE_EVENT_DAYS", default=90, minimum=1, maximum=3650)
    quarantine_days: int = _number("FIELDLINE_QUARANTINE_DAYS", default=30, minimum=1, maximum=3650)


class ApiSettings(Settings):
    """`dead_letters` names the parameter that tells where the queues of dead letters are. `mail_from` and
    `loopback_webhooks` are those of the actions. `device_policies` are the names of those that every device carries;
    `device_endpoint` and `device_ca_file` say where devices connect on a laptop, and what they verify it by.
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
    stage: str = _text("FIELDLINE_STAGE")
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
    mail_from: str = _optional("FIELDLINE_MAIL_FROM", default="")
    loopback_webhooks: str = _optional("FIELDLINE_LOOPBACK_WEBHOOKS", default="", choices=("true",))
    device_policies: tuple[str, ...] = _texts("FIELDLINE_DEVICE_POLICIES")
    device_endpoint: str = _optional("FIELDLINE_DEVICE_ENDPOINT", default="")
    device_ca_file: str = _optional("FIELDLINE_DEVICE_CA_FILE", default="")
    request_rate: int = _number("FIELDLINE_REQUEST_RATE", default=50, minimum=1, maximum=1000)
    request_burst: int = _number("FIELDLINE_REQUEST_BURST", default=100, minimum=1, maximum=10_000)
    audit_days: int = _number("FIELDLINE_AUDIT_DAYS", default=365, minimum=1, maximum=3650)
    retention_days: int = _number("FIELDLINE_RETENTION_DAYS", default=90, minimum=1, maximum=3650)


class CommandsSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_queue_url: str = _text("FIELDLINE_LIVE_QUEUE_URL")
    commands_queue_url: str = _text("FIELDLINE_COMMANDS_QUEUE_URL")
    quarantine_days: int = _number("FIELDLINE_QUARANTINE_DAYS", default=30, minimum=1, maximum=3650)


class AlarmsSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_queue_url: str = _text("FIELDLINE_LIVE_QUEUE_URL")
    alarms_queue_url: str = _text("FIELDLINE_ALARMS_QUEUE_URL")
    actions_queue_url: str = _text("FIELDLINE_ACTIONS_QUEUE_URL")


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
    mail_from: str = _optional("FIELDLINE_MAIL_FROM", default="")
    loopback_webhooks: str = _optional("FIELDLINE_LOOPBACK_WEBHOOKS", default="", choices=("true",))


class BacktestsSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    telemetry_store: str = _text("FIELDLINE_TELEMETRY_STORE", choices=TELEMETRY_STORES)
    retention_days: int = _number("FIELDLINE_RETENTION_DAYS", default=90, minimum=1, maximum=3650)


class ShadowsSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_queue_url: str = _text("FIELDLINE_LIVE_QUEUE_URL")


class AuthorizerSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    issuer: str = _text("FIELDLINE_ISSUER")
    jwks_url: str = _text("FIELDLINE_JWKS_URL")
    client_ids: tuple[str, ...] = _texts("FIELDLINE_CLIENT_IDS")


class AuthSettings(Settings):
    """`insecure_cookies` is for a laptop, where nothing speaks HTTPS."""

    client_id: str = _text("FIELDLINE_CLIENT_ID")
    sign_in_endpoint: str = _text("FIELDLINE_SIGN_IN_ENDPOINT")
    cookie_path: str = _text("FIELDLINE_COOKIE_PATH")
    insecure_cookies: str = _optional("FIELDLINE_INSECURE_COOKIES", default="", choices=("true",))


class LiveSettings(Settings):
    """`live_endpoint` is where frames are posted, `live_origins` the pages that may open a WebSocket."""

    core_table: str = _text("FIELDLINE_CORE_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_endpoint: str = _text("FIELDLINE_LIVE_ENDPOINT")
    live_origins: tuple[str, ...] = _optional("FIELDLINE_LIVE_ORIGINS", default="")


class PushSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    live_table: str = _text("FIELDLINE_LIVE_TABLE")
    live_endpoint: str = _text("FIELDLINE_LIVE_ENDPOINT")


REGISTRY_LAYOUT = 1
"""Counts up with a release that keeps other rows of a device: its deployment enters the fleet file's devices anew."""


class RegistrarSettings(Settings):
    core_table: str = _text("FIELDLINE_CORE_TABLE")
    state_table: str = _text("FIELDLINE_STATE_TABLE")
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    alarms_queue_url: str = _text("FIELDLINE_ALARMS_QUEUE_URL")
    audit_days: int = _number("FIELDLINE_AUDIT_DAYS", default=365, minimum=1, maximum=3650)


class AuditExportSettings(Settings):
    events_table: str = _text("FIELDLINE_EVENTS_TABLE")
    audit_bucket: str = _text("FIELDLINE_AUDIT_BUCKET")
    audit_days: int = _number("FIELDLINE_AUDIT_DAYS", default=365, minimum=1, maximum=3650)


class DashboardFilesSettings(Settings):
    dashboard_bucket: str = _text("FIELDLINE_DASHBOARD_BUCKET")


class SeriesSettings(Settings):
    telemetry_store: str = _text("FIELDLINE_TELEMETRY_STORE", choices=TELEMETRY_STORES)
    retention_days: int = _number("FIELDLINE_RETENTION_DAYS", default=90, minimum=1, maximum=3650)


class BackfillSettings(Settings):
    """`previous_store` is the one that the deployment still has beside its own, to move from."""

    core_table: str = _text("FIELDLINE_CORE_TABLE")
    lake_bucket: str = _text("FIELDLINE_LAKE_BUCKET")
    telemetry_store: str = _text("FIELDLINE_TELEMETRY_STORE", choices=TELEMETRY_STORES)
    previous_store: str = _optional("FIELDLINE_PREVIOUS_STORE", default="", choices=TELEMETRY_STORES)
    retention_days: int = _number("FIELDLINE_RETENTION_DAYS", default=90, minimum=1, maximum=3650)


class StoreSetupSettings(Settings):
    admin_function: str = _text("FIELDLINE_STORE_ADMIN_FUNCTION")


class StoreAdminSettings(Settings):
    """`admin_secret` is what the service made: user, password, organization and bucket of the instance."""

    url: str = _text("FIELDLINE_INFLUX_URL")
    admin_secret: str = _text("FIELDLINE_INFLUX_ADMIN_SECRET")
    write_secret: str = _text("FIELDLINE_INFLUX_WRITE_SECRET")
    read_secret: str = _text("FIELDLINE_INFLUX_READ_SECRET")
