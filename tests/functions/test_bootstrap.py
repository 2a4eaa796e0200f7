"""Which adapters the functions are made of, by the name of the store; what one does not need it does not load."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from functions import bootstrap
from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore
from functions.adapters.influx_telemetry import InfluxTelemetryStore
from functions.adapters.invoked_series import InvokedSeries
from functions.adapters.liveanalytics_telemetry import LiveAnalyticsTelemetryStore
from functions.errors import SecretError
from functions.settings import DYNAMODB, INFLUXDB, LIVEANALYTICS, TELEMETRY_STORES

ROOT = Path(__file__).parents[2]
ENV = {
    "FIELDLINE_CORE_TABLE": "core",
    "FIELDLINE_STATE_TABLE": "state",
    "FIELDLINE_EVENTS_TABLE": "events",
    "FIELDLINE_LAKE_STREAM": "lake",
    "FIELDLINE_LAKE_BUCKET": "lake-bucket",
    "FIELDLINE_STAGE": "dev",
    "FIELDLINE_REGION": "eu-west-1",
    "FIELDLINE_ISSUER": "https://issuer",
    "FIELDLINE_CLIENT_ID": "client",
    "FIELDLINE_SIGN_IN_ENDPOINT": "https://cognito",
    "FIELDLINE_STORE_ADMIN_FUNCTION": "store-admin",
    "FIELDLINE_INGEST_QUEUE_URL": "https://queue/ingest",
    "FIELDLINE_COMMANDS_QUEUE_URL": "https://queue/commands",
    "FIELDLINE_ALARMS_QUEUE_URL": "https://queue/alarms",
    "FIELDLINE_ACTIONS_QUEUE_URL": "https://queue/actions",
    "FIELDLINE_BACKTESTS_QUEUE_URL": "https://queue/backtests",
    "FIELDLINE_WEBHOOK_SECRET": "webhooks",
    "FIELDLINE_DEAD_LETTERS": "dead-letters",
    "FIELDLINE_DEVICE_POLICIES": "data,management",
    "FIELDLINE_USER_POOL_ID": "pool",
    "FIELDLINE_LIVE_TABLE": "live",
    "FIELDLINE_LIVE_QUEUE_URL": "https://queue/live",
    "FIELDLINE_LIVE_URL": "wss://live",
    "FIELDLINE_CURSOR_SECRET": "cursors",
}
STORE_ENV = {
    DYNAMODB: {"FIELDLINE_TELEMETRY_TABLE": "telemetry"},
    INFLUXDB: {"FIELDLINE_INFLUX_URL": "https://127.0.0.1:9", "FIELDLINE_INFLUX_DATABASE": "telemetry"},
    LIVEANALYTICS: {"FIELDLINE_TIMESTREAM_DATABASE": "fieldline", "FIELDLINE_TIMESTREAM_TABLE": "telemetry"},
}
WRITE_SECRET = {"FIELDLINE_INFLUX_WRITE_SECRET": "write"}
READ_SECRET = {"FIELDLINE_INFLUX_READ_SECRET": "read"}
KINDS = {DYNAMODB: DynamoDBTelemetryStore, INFLUXDB: InfluxTelemetryStore, LIVEANALYTICS: LiveAnalyticsTelemetryStore}


def env_of(store, **more):
    return {**ENV, **STORE_ENV[store], "FIELDLINE_TELEMETRY_STORE": store, **more}


@pytest.fixture
def made(aws, monkeypatch):
    """The services for which a client was made."""
    import boto3

    services, real = [], boto3.client
    monkeypatch.setattr(boto3, "client", lambda service, **more: services.append(service) or real(service, **more))
    return services


@pytest.mark.parametrize("store", TELEMETRY_STORES)
def test_ingest_writes_to_the_store_of_its_settings(made, store):
    ingest = bootstrap.ingest(env_of(store, **WRITE_SECRET, **READ_SECRET))
    assert type(ingest._store) is KINDS[store]


@pytest.mark.parametrize(
    ("store", "services"),
    [
        (DYNAMODB, {"dynamodb", "firehose", "sqs"}),
        (INFLUXDB, {"dynamodb", "firehose", "secretsmanager", "sqs"}),
        (LIVEANALYTICS, {"dynamodb", "firehose", "sqs", "timestream-write"}),
    ],
)
def test_ingest_makes_each_client_that_it_needs_once(made, store, services):
    bootstrap.ingest(env_of(store, **WRITE_SECRET, **READ_SECRET))
    assert sorted(made) == sorted(services)


@pytest.mark.parametrize(
    ("store", "kind"),
    [
        (DYNAMODB, DynamoDBTelemetryStore),
        (INFLUXDB, InvokedSeries),
        (LIVEANALYTICS, LiveAnalyticsTelemetryStore),
    ],
)
def test_the_api_asks_the_store_itself_or_the_function_in_its_network(made, store, kind):
    env = {name: value for name, value in env_of(store).items() if "INFLUX" not in name}
    services, _ = bootstrap.api({**env, "FIELDLINE_SERIES_FUNCTION": "series"})
    assert type(services.history._store) is kind


@pytest.mark.parametrize("store", TELEMETRY_STORES)
def test_the_api_makes_at_first_only_the_clients_of_the_tables(made, store):
    env = {name: value for name, value in env_of(store).items() if "INFLUX" not in name}
    services, _ = bootstrap.api({**env, "FIELDLINE_SERIES_FUNCTION": "series"})
    assert made == ["dynamodb", "dynamodb"]  # the second waits less, for the token buckets
    with suppress(SecretError):
        services.cursor_key()
    with suppress(SecretError):
        services.cursor_key()
    assert made == ["dynamodb", "dynamodb", "secretsmanager"]


def test_the_series_function_reads_what_its_token_allows(made):
    assert type(bootstrap.series(env_of(INFLUXDB, **READ_SECRET))) is InfluxTelemetryStore
    assert made == ["secretsmanager"]


@pytest.mark.parametrize("store", TELEMETRY_STORES)
@pytest.mark.parametrize("previous", ["", *TELEMETRY_STORES])
def test_the_backfill_has_both_stores(made, store, previous):
    env = {name: value for one in {store, previous} - {""} for name, value in STORE_ENV[one].items()}
    env |= {**env_of(store), **WRITE_SECRET, **READ_SECRET, "FIELDLINE_PREVIOUS_STORE": previous}
    stores = bootstrap.backfill(env)._stores
    assert {name: type(one) for name, one in stores.items()} == {name: KINDS[name] for name in {store, previous} - {""}}
    assert len(made) == len(set(made))


def test_the_set_up_of_the_store_is_wired(made):
    env = env_of(INFLUXDB, **WRITE_SECRET, **READ_SECRET, FIELDLINE_INFLUX_ADMIN_SECRET="admin")
    bootstrap.store_admin(env)
    bootstrap.store_setup(env, within_s=100.0)
    assert made == ["secretsmanager", "lambda"]


ADAPTERS = {
    DYNAMODB: "functions.adapters.dynamodb_telemetry",
    INFLUXDB: "functions.adapters.influx_telemetry",
    LIVEANALYTICS: "functions.adapters.liveanalytics_telemetry",
}


@pytest.mark.parametrize("store", TELEMETRY_STORES)
@pytest.mark.parametrize("function", ["ingest", "api"])
def test_a_function_loads_the_adapter_of_its_store_only(store, function):
    env = env_of(store, **WRITE_SECRET, **READ_SECRET, FIELDLINE_SERIES_FUNCTION="series")
    script = (
        f"import sys; from functions import bootstrap; bootstrap.{function}({env!r}); print('\\n'.join(sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "PYTHONPATH": str(ROOT), "AWS_DEFAULT_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    wanted = "functions.adapters.invoked_series" if (store, function) == (INFLUXDB, "api") else ADAPTERS[store]
    assert wanted in loaded
    assert not {*ADAPTERS.values(), "functions.adapters.invoked_series", "functions.adapters.influx_admin"} & set(
        loaded
    ) - {wanted}


def test_the_audit_of_a_deployment_is_kept_as_long_as_that_of_people(made):
    env = env_of(DYNAMODB, FIELDLINE_AUDIT_DAYS="700")
    services, _ = bootstrap.api(env)
    for registry in (services.devices._registry, bootstrap.registrar(env)._registry):
        assert registry._audited._keep_days == 700
