import pytest

from functions.catalogue import FUNCTIONS
from functions.errors import SettingsError
from functions.settings import (
    STORE_SETTINGS,
    AuthorizerSettings,
    BackfillSettings,
    InfluxStoreSettings,
    IngestSettings,
    PresenceSettings,
    SeriesFunctionSettings,
)

CLASSES = [*(spec.settings for spec in FUNCTIONS), *STORE_SETTINGS.values(), SeriesFunctionSettings]
FULL = {
    "FIELDLINE_CORE_TABLE": "core",
    "FIELDLINE_STATE_TABLE": "state",
    "FIELDLINE_EVENTS_TABLE": "events",
    "FIELDLINE_TELEMETRY_STORE": "dynamodb",
    "FIELDLINE_TELEMETRY_TABLE": "telemetry",
    "FIELDLINE_LAKE_STREAM": "lake",
    "FIELDLINE_RETENTION_DAYS": "7",
    "FIELDLINE_QUARANTINE_DAYS": "8",
    "FIELDLINE_EVENT_DAYS": "9",
    "FIELDLINE_PRESENCE_QUEUE_URL": "https://queue",
    "FIELDLINE_COMMANDS_QUEUE_URL": "https://commands",
    "FIELDLINE_ALARMS_QUEUE_URL": "https://alarms",
    "FIELDLINE_ACTIONS_QUEUE_URL": "https://actions",
    "FIELDLINE_BACKTESTS_QUEUE_URL": "https://backtests",
    "FIELDLINE_WEBHOOK_SECRET": "webhooks",
    "FIELDLINE_DEAD_LETTERS": "dead-letters",
    "FIELDLINE_DEVICE_POLICIES": "data,management",
    "FIELDLINE_DEVICE_ENDPOINT": "localhost:8422",
    "FIELDLINE_DEVICE_CA_FILE": "/instance/ca.pem",
    "FIELDLINE_MAIL_FROM": "alarms@example.com",
    "FIELDLINE_LOOPBACK_WEBHOOKS": "true",
    "FIELDLINE_LIVE_TABLE": "live",
    "FIELDLINE_LIVE_QUEUE_URL": "https://live-queue",
    "FIELDLINE_LIVE_ENDPOINT": "https://live",
    "FIELDLINE_LIVE_URL": "wss://live",
    "FIELDLINE_LIVE_ORIGINS": "https://app",
    "FIELDLINE_INGEST_QUEUE_URL": "https://ingest",
    "FIELDLINE_USER_POOL_ID": "pool",
    "FIELDLINE_COOKIE_PATH": "/v1/auth",
    "FIELDLINE_AUDIT_BUCKET": "audit",
    "FIELDLINE_DASHBOARD_BUCKET": "dashboard",
    "FIELDLINE_CURSOR_SECRET": "cursor",
    "FIELDLINE_REQUEST_RATE": "5",
    "FIELDLINE_REQUEST_BURST": "10",
    "FIELDLINE_AUDIT_DAYS": "11",
    "FIELDLINE_INSECURE_COOKIES": "true",
    "FIELDLINE_DEBOUNCE_S": "0",
    "FIELDLINE_STAGE": "dev",
    "FIELDLINE_REGION": "eu-west-1",
    "FIELDLINE_ISSUER": "https://issuer",
    "FIELDLINE_CLIENT_ID": "client",
    "FIELDLINE_CLIENT_IDS": "one,two",
    "FIELDLINE_JWKS_URL": "https://issuer/keys",
    "FIELDLINE_SIGN_IN_ENDPOINT": "https://cognito",
    "FIELDLINE_LAKE_BUCKET": "lake-bucket",
    "FIELDLINE_PREVIOUS_STORE": "timestream-influxdb",
    "FIELDLINE_INFLUX_URL": "https://influx:8086",
    "FIELDLINE_INFLUX_DATABASE": "telemetry",
    "FIELDLINE_INFLUX_ADMIN_SECRET": "admin",
    "FIELDLINE_INFLUX_WRITE_SECRET": "write",
    "FIELDLINE_INFLUX_READ_SECRET": "read",
    "FIELDLINE_TIMESTREAM_DATABASE": "fieldline",
    "FIELDLINE_TIMESTREAM_TABLE": "points",
    "FIELDLINE_SERIES_FUNCTION": "series",
    "FIELDLINE_STORE_ADMIN_FUNCTION": "store-admin",
}


@pytest.mark.parametrize("cls", CLASSES)
def test_settings_survive_their_environment(cls):
    settings = cls.from_env(FULL)
    env = settings.to_env()
    assert cls.from_env(env) == settings
    assert env.items() <= FULL.items()
    assert all(name.startswith("FIELDLINE_") for name in env)


@pytest.mark.parametrize("cls", CLASSES)
def test_no_two_settings_share_a_variable(cls):
    assert len(cls.from_env(FULL).to_env()) == len(cls.variables)


@pytest.mark.parametrize(
    ("cls", "variable", "field"),
    [
        (InfluxStoreSettings, "FIELDLINE_INFLUX_WRITE_SECRET", "write_secret"),
        (InfluxStoreSettings, "FIELDLINE_INFLUX_READ_SECRET", "read_secret"),
        (BackfillSettings, "FIELDLINE_PREVIOUS_STORE", "previous_store"),
    ],
)
def test_what_is_optional_may_be_absent_and_is_then_not_written(cls, variable, field):
    env = {name: value for name, value in FULL.items() if name != variable}
    settings = cls.from_env(env)
    assert getattr(settings, field) == ""
    assert variable not in settings.to_env()
    assert cls.from_env(settings.to_env()) == settings


def test_a_previous_store_that_nobody_knows_is_refused():
    with pytest.raises(SettingsError, match="FIELDLINE_PREVIOUS_STORE: expected one of dynamodb, timestream-influxdb"):
        BackfillSettings.from_env({**FULL, "FIELDLINE_PREVIOUS_STORE": "paper"})


def test_a_function_may_have_the_settings_of_two_stores_beside_its_own():
    names = [name for cls in STORE_SETTINGS.values() for name in cls.from_env(FULL).to_env()]
    assert len(names) == len(set(names))
    assert not set(names) & set(BackfillSettings.from_env(FULL).to_env())


def test_several_values_are_separated_by_commas():
    env = {**FULL, "FIELDLINE_CLIENT_IDS": " one , ,two "}
    assert AuthorizerSettings.from_env(env).client_ids == ("one", "two")


def test_everything_that_is_wrong_is_reported_together():
    env = {
        "FIELDLINE_CORE_TABLE": " ",
        "FIELDLINE_TELEMETRY_STORE": "paper",
        "FIELDLINE_TELEMETRY_TABLE": "t",
        "FIELDLINE_STATE_TABLE": "s",
        "FIELDLINE_LAKE_STREAM": "l",
        "FIELDLINE_RETENTION_DAYS": "0",
        "FIELDLINE_QUARANTINE_DAYS": "many",
        "FIELDLINE_LIVE_TABLE": "v",
        "FIELDLINE_LIVE_QUEUE_URL": "q",
        "FIELDLINE_ACTIONS_QUEUE_URL": "a",
    }
    with pytest.raises(SettingsError) as caught:
        IngestSettings.from_env(env)
    assert caught.value.problems == (
        "FIELDLINE_CORE_TABLE: expected a value, got nothing",
        "FIELDLINE_EVENTS_TABLE: expected a value, got nothing",
        f"FIELDLINE_TELEMETRY_STORE: expected one of {', '.join(STORE_SETTINGS)}, got 'paper'",
        "FIELDLINE_RETENTION_DAYS: expected a whole number from 1 to 3650, got '0'",
        "FIELDLINE_QUARANTINE_DAYS: expected a whole number from 1 to 3650, got 'many'",
    )


@pytest.mark.parametrize("text", ["901", "-1", "1.5", "٣", "1e2"])
def test_a_debounce_beyond_what_sqs_delays_is_refused(text):
    with pytest.raises(SettingsError, match="FIELDLINE_DEBOUNCE_S"):
        PresenceSettings.from_env({**FULL, "FIELDLINE_DEBOUNCE_S": text})


def test_numbers_have_defaults():
    settings = PresenceSettings.from_env({name: text for name, text in FULL.items() if name != "FIELDLINE_DEBOUNCE_S"})
    assert settings.debounce_s == 30
