"""The telemetry store as each function uses it, and what is done to a store itself."""

from typing import TYPE_CHECKING

from functions.adapters.backoff import Backoff
from functions.bootstrap.clients import CLOCK, DAY_MS, Clients, Env, clients, new_client
from functions.bootstrap.rulebooks import rulebook
from functions.catalogue import StoreAccess
from functions.domain.store_setup import Access
from functions.settings import (
    DYNAMODB,
    INFLUXDB,
    LIVEANALYTICS,
    TELEMETRY_STORES,
    BackfillSettings,
    DynamoDBStoreSettings,
    InfluxStoreSettings,
    LiveAnalyticsStoreSettings,
    SeriesFunctionSettings,
    SeriesSettings,
    StoreAdminSettings,
    StoreSetupSettings,
)

if TYPE_CHECKING:
    from functions.adapters.invoked_store_admin import InvokedStoreAdmin
    from functions.ports.telemetry import SeriesReader, TelemetryStore
    from functions.services.backfill import Backfill
    from functions.services.store_admin import StoreAdmin

STORE_BUDGET_S = {StoreAccess.WRITE: 20.0, StoreAccess.READ: 15.0, StoreAccess.ASK: 15.0, StoreAccess.MOVE: 120.0}
"""What one use of a store may take in all, retries included; the functions that read it wait for people."""
TIMESTREAM_CALL_S = {StoreAccess.WRITE: 5.0, StoreAccess.ASK: 8.0, StoreAccess.MOVE: 60.0}
"""How long a single call of LiveAnalytics is waited for; the last one may begin when the budget ends."""
SERIES_WAIT_S = 26
"""Longer than the series function's own time, and within the API function's."""
SET_UP_WITHIN_S = 100.0
"""How long an instance may take to answer after it was made; the rest of the function's time is for the set-up."""
TAKE_BACK_WITHIN_S = 20.0
ORDERED_WITHIN_S = 15.0
"""How long Lambda may refuse to call the function that sets up, while a new role becomes known."""


def backfill(env: Env) -> "Backfill":
    from functions.adapters.s3_lake import S3LakeReader
    from functions.services.backfill import Backfill

    settings = BackfillSettings.from_env(env)
    client = clients()
    names = [name for name in (settings.telemetry_store, settings.previous_store) if name]
    return Backfill(
        stores={name: telemetry_store(name, settings.retention_days, env, client, StoreAccess.MOVE) for name in names},
        known=TELEMETRY_STORES,
        lake=S3LakeReader(client("s3"), settings.lake_bucket),
        rulebook=rulebook(client("dynamodb"), settings.core_table),
        clock=CLOCK,
        retention_ms=settings.retention_days * DAY_MS,
        attempts=Backoff(attempts=8, base_s=0.1, cap_s=10),  # also until an eventually consistent store shows a write
    )


def series(env: Env) -> "SeriesReader":
    settings = SeriesSettings.from_env(env)
    return telemetry_store(settings.telemetry_store, settings.retention_days, env, clients(), StoreAccess.READ)


def store_setup(env: Env, within_s: float) -> "InvokedStoreAdmin":
    """For one order: its client waits for the answer as long as this invocation may, less the time for other tries."""
    from functions.adapters.invoked_store_admin import InvokedStoreAdmin

    settings = StoreSetupSettings.from_env(env)
    client = new_client("lambda", read_s=max(1.0, within_s - ORDERED_WITHIN_S), attempts=1)
    again = Backoff(attempts=20, base_s=0.5, cap_s=5, within_s=ORDERED_WITHIN_S)
    return InvokedStoreAdmin(client, settings.admin_function, backoff=again)


def store_admin(env: Env) -> "StoreAdmin":
    from functions.adapters.influx_admin import InfluxAdminApi
    from functions.adapters.secrets import StoredCredentials, StoredToken
    from functions.services.store_admin import StoreAdmin

    settings = StoreAdminSettings.from_env(env)
    secrets = new_client("secretsmanager")
    return StoreAdmin(
        InfluxAdminApi(settings.url, StoredCredentials(secrets, settings.admin_secret)).signed_in,
        {
            Access.WRITE: StoredToken(secrets, settings.write_secret),
            Access.READ: StoredToken(secrets, settings.read_secret),
        },
        attempts=Backoff(attempts=1000, base_s=1, cap_s=10, within_s=SET_UP_WITHIN_S),
        parting_attempts=Backoff(attempts=5, base_s=1, cap_s=5, within_s=TAKE_BACK_WITHIN_S),
    )


def series_reader(name: str, retention_days: int, env: Env, client: Clients) -> "SeriesReader":
    """The store, for a function outside any network of it."""
    if name != INFLUXDB:
        return telemetry_store(name, retention_days, env, client, StoreAccess.ASK)
    from functions.adapters.invoked_series import InvokedSeries

    function = SeriesFunctionSettings.from_env(env).series_function
    return InvokedSeries(client("lambda", read_s=SERIES_WAIT_S, attempts=1), function)


def telemetry_store(name: str, retention_days: int, env: Env, client: Clients, access: StoreAccess) -> "TelemetryStore":
    make = {DYNAMODB: _on_dynamodb, INFLUXDB: _on_influxdb, LIVEANALYTICS: _on_liveanalytics}[name]
    return make(env, client, access, retention_days * DAY_MS)


def _on_dynamodb(env: Env, client: Clients, _access: StoreAccess, retention_ms: int) -> "TelemetryStore":
    from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore

    table = DynamoDBStoreSettings.from_env(env).telemetry_table
    return DynamoDBTelemetryStore(client("dynamodb"), table, clock=CLOCK, retention_ms=retention_ms)


def _on_influxdb(env: Env, client: Clients, access: StoreAccess, retention_ms: int) -> "TelemetryStore":
    from functions.adapters.influx_telemetry import InfluxTelemetryStore
    from functions.adapters.secrets import SecretToken

    settings = InfluxStoreSettings.from_env(env)
    write, read = (
        SecretToken(client("secretsmanager"), secret, clock=CLOCK) if secret else None
        for secret in (settings.write_secret, settings.read_secret)
    )
    return InfluxTelemetryStore(
        settings.url,
        settings.database,
        write_token=write,
        read_token=read,
        clock=CLOCK,
        retention_ms=retention_ms,
        budget_s=STORE_BUDGET_S[access],
    )


def _on_liveanalytics(env: Env, client: Clients, access: StoreAccess, retention_ms: int) -> "TelemetryStore":
    from functions.adapters.liveanalytics_telemetry import LiveAnalyticsTelemetryStore

    settings = LiveAnalyticsStoreSettings.from_env(env)
    wait = {"read_s": TIMESTREAM_CALL_S[access], "attempts": 1}  # the store tries again itself, within its budget
    return LiveAnalyticsTelemetryStore(
        client("timestream-write", **wait) if access in {StoreAccess.WRITE, StoreAccess.MOVE} else None,
        client("timestream-query", **wait) if access is not StoreAccess.WRITE else None,
        settings.database,
        settings.table,
        clock=CLOCK,
        retention_ms=retention_ms,
        budget_s=STORE_BUDGET_S[access],
    )
