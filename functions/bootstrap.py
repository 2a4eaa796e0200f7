"""The one place where things are wired: settings to adapters to use cases.

A handler calls its function once and keeps the result, so that clients live as long as the execution environment.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from contract import models
from functions.adapters.backoff import Backoff
from functions.adapters.clock import SystemClock
from functions.settings import (
    ApiSettings,
    AuthorizerSettings,
    DynamoDBStoreSettings,
    EventsSettings,
    IngestSettings,
    PresenceSettings,
    RegistrarSettings,
)

if TYPE_CHECKING:
    from functions.ports import TelemetryStore
    from functions.services.authorizer import Authorizer
    from functions.services.events import KeepEvents
    from functions.services.ingest import Ingest
    from functions.services.presence import KeepPresence
    from functions.services.queries import Queries
    from functions.services.registrar import Registrar

Env = Mapping[str, str]

_DAY_MS = 86_400_000
_CLOCK = SystemClock()


def ingest(env: Env) -> "Ingest":
    from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
    from functions.adapters.dynamodb_registry import DynamoDBRegistry
    from functions.adapters.dynamodb_state import DynamoDBStateStore
    from functions.adapters.firehose_lake import FirehoseLake
    from functions.services.device_models import DeviceModels
    from functions.services.ingest import Ingest

    settings = IngestSettings.from_env(env)
    dynamodb = _client("dynamodb")
    return Ingest(
        lake=FirehoseLake(_client("firehose"), settings.lake_stream),
        store=_telemetry_store(settings.telemetry_store, settings.retention_days, env),
        quarantine=DynamoDBQuarantine(
            dynamodb, settings.events_table, settings.state_table, retention_days=settings.quarantine_days
        ),
        states=DynamoDBStateStore(dynamodb, settings.state_table),
        models=DeviceModels(DynamoDBRegistry(dynamodb, settings.core_table), models.shipped(), _CLOCK),
        attempts=Backoff(),
    )


def presence(env: Env) -> "KeepPresence":
    from functions.adapters.delayed_settle import DelayedSettle
    from functions.adapters.dynamodb_state import DynamoDBPresenceStore
    from functions.services.presence import KeepPresence

    settings = PresenceSettings.from_env(env)
    settle = DelayedSettle(_client("sqs"), settings.presence_queue_url, delay_s=settings.debounce_s, clock=_CLOCK)
    return KeepPresence(DynamoDBPresenceStore(_client("dynamodb"), settings.state_table), settle, Backoff())


def events(env: Env) -> "KeepEvents":
    from functions.adapters.dynamodb_events import DynamoDBEventLog
    from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
    from functions.services.events import KeepEvents

    settings = EventsSettings.from_env(env)
    dynamodb = _client("dynamodb")
    return KeepEvents(
        DynamoDBEventLog(dynamodb, settings.events_table, retention_days=settings.event_days),
        DynamoDBQuarantine(
            dynamodb, settings.events_table, settings.state_table, retention_days=settings.quarantine_days
        ),
    )


def api(env: Env) -> "tuple[Queries, ApiSettings]":
    from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
    from functions.adapters.dynamodb_registry import DynamoDBRegistry
    from functions.adapters.dynamodb_state import DynamoDBStateStore
    from functions.services.queries import Queries

    settings = ApiSettings.from_env(env)
    dynamodb = _client("dynamodb")
    queries = Queries(
        registry=DynamoDBRegistry(dynamodb, settings.core_table),
        statuses=DynamoDBStateStore(dynamodb, settings.state_table),
        store=_telemetry_store(settings.telemetry_store, settings.retention_days, env),
        quarantine=DynamoDBQuarantine(dynamodb, settings.events_table, settings.state_table),
        models=models.shipped(),
        clock=_CLOCK,
    )
    return queries, settings


def authorizer(env: Env) -> "Authorizer":
    from functions.adapters.jwks import SigningKeys, fetched
    from functions.services.authorizer import Authorizer

    settings = AuthorizerSettings.from_env(env)
    keys = SigningKeys(lambda: fetched(settings.jwks_url), _CLOCK)
    return Authorizer(keys, issuer=settings.issuer, client_ids=settings.client_ids, clock=_CLOCK)


def registrar(env: Env) -> "Registrar":
    from functions.adapters.dynamodb_registry import DynamoDBRegistry
    from functions.services.registrar import Registrar

    settings = RegistrarSettings.from_env(env)
    return Registrar(DynamoDBRegistry(_client("dynamodb"), settings.core_table), _CLOCK)


def _telemetry_store(name: str, retention_days: int, env: Env) -> "TelemetryStore":
    """Other stores join here, each by the name that a function's settings give it."""
    from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore

    table = DynamoDBStoreSettings.from_env(env).telemetry_table
    return DynamoDBTelemetryStore(_client("dynamodb"), table, clock=_CLOCK, retention_ms=retention_days * _DAY_MS)


def _client(service: Any) -> Any:
    """AWS_REGION and, on a laptop, AWS_ENDPOINT_URL come from the environment, as boto3 reads them."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=2,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=16,
    )
    return boto3.client(service, config=config)
