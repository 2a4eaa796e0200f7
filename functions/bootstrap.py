"""The one place where things are wired: settings to adapters to use cases.

A handler calls its function once and keeps the result, so that clients live as long as the execution environment.
"""

from collections.abc import Callable, Container, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from contract import models
from functions.adapters.backoff import Backoff
from functions.adapters.clock import SystemClock
from functions.catalogue import StoreAccess
from functions.domain.store_setup import Access
from functions.domain.ulids import CHANCE_BYTES
from functions.settings import (
    DYNAMODB,
    INFLUXDB,
    LIVEANALYTICS,
    TELEMETRY_STORES,
    ApiSettings,
    AuditExportSettings,
    AuthorizerSettings,
    AuthSettings,
    BackfillSettings,
    CommandsSettings,
    DynamoDBStoreSettings,
    EventsSettings,
    InfluxStoreSettings,
    IngestSettings,
    LiveAnalyticsStoreSettings,
    LiveSettings,
    PresenceSettings,
    PushSettings,
    RegistrarSettings,
    SeriesFunctionSettings,
    SeriesSettings,
    ShadowsSettings,
    StoreAdminSettings,
    StoreSetupSettings,
)

if TYPE_CHECKING:
    from functions.adapters.dynamodb_audit import AuditedWrites
    from functions.adapters.invoked_store_admin import InvokedStoreAdmin
    from functions.errors import RatesError
    from functions.ports import DeviceFinder, LivePublisher, LiveSockets, SeriesReader, StatusReader, TelemetryStore
    from functions.services.api import ApiServices
    from functions.services.audit import ReadAudit
    from functions.services.audit_export import ExportAudit
    from functions.services.authorizer import Authorizer
    from functions.services.backfill import Backfill
    from functions.services.command_work import CommandWork
    from functions.services.device_logs import DeviceLogs
    from functions.services.events import KeepEvents
    from functions.services.gate import Gate
    from functions.services.groups import Groups
    from functions.services.hear_shadows import HearShadows
    from functions.services.ingest import Ingest
    from functions.services.live import Live
    from functions.services.live_push import Push
    from functions.services.live_standing import Standing
    from functions.services.presence import KeepPresence
    from functions.services.rates import Rates
    from functions.services.registrar import Registrar
    from functions.services.sign_in import SignInDesk
    from functions.services.store_admin import StoreAdmin

Env = Mapping[str, str]
Clients = Callable[..., Any]

INGEST_WITHIN_S = 20.0
"""No attempt at a batch begins later: with one use of the store it ends within the function's 60 s, whatever fails."""
STORE_BUDGET_S = {StoreAccess.WRITE: 20.0, StoreAccess.READ: 15.0, StoreAccess.ASK: 15.0, StoreAccess.MOVE: 120.0}
"""What one use of a store may take in all, retries included; the functions that read it wait for people."""
TIMESTREAM_CALL_S = {StoreAccess.WRITE: 5.0, StoreAccess.ASK: 8.0, StoreAccess.MOVE: 60.0}
"""How long a single call of LiveAnalytics is waited for; the last one may begin when the budget ends."""
PUBLISH_S = 5
CONNECT_S = 2
RATES_S = 1
"""How long the token buckets are waited for, before everybody is let in."""
FRAME_S = 2
"""How long a frame to a watcher is waited for: whoever takes longer is dropped."""
SERIES_WAIT_S = 26
"""Longer than the series function's own time, and within the API function's."""
WISHES_DAYS = 365
"""How long it is known what a device was once wanted to be."""
SHADOWS_WITHIN_S = 8.0
"""What changing a shadow may take while others change it."""
SET_UP_WITHIN_S = 100.0
"""How long an instance may take to answer after it was made; the rest of the function's time is for the set-up."""
TAKE_BACK_WITHIN_S = 20.0
ORDERED_WITHIN_S = 15.0
"""How long Lambda may refuse to call the function that sets up, while a new role becomes known."""

_DAY_MS = 86_400_000
_CLOCK = SystemClock()


def _unheard(_: object) -> None:
    pass


def ingest(env: Env) -> "Ingest":
    from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
    from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
    from functions.adapters.dynamodb_state import DynamoDBStateStore
    from functions.adapters.firehose_lake import FirehoseLake
    from functions.services.device_models import DeviceModels
    from functions.services.ingest import Ingest

    settings = IngestSettings.from_env(env)
    client = _clients()
    dynamodb = client("dynamodb")
    registry = DynamoDBDeviceFinder(dynamodb, settings.core_table)
    return Ingest(
        lake=FirehoseLake(client("firehose"), settings.lake_stream),
        store=_telemetry_store(settings.telemetry_store, settings.retention_days, env, client, StoreAccess.WRITE),
        quarantine=DynamoDBQuarantine(
            dynamodb, settings.events_table, settings.state_table, retention_days=settings.quarantine_days
        ),
        states=DynamoDBStateStore(dynamodb, settings.state_table),
        models=DeviceModels(registry, models.shipped(), _CLOCK),
        attempts=Backoff(within_s=INGEST_WITHIN_S),
        live=_live_publisher(client, settings.live_table, settings.live_queue_url, registry),
    )


def presence(env: Env) -> "KeepPresence":
    from functions.adapters.delayed_settle import DelayedSettle
    from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
    from functions.adapters.dynamodb_state import DynamoDBPresenceStore
    from functions.adapters.sqs_commands import SqsCommandQueue
    from functions.services.presence import KeepPresence

    settings = PresenceSettings.from_env(env)
    client = _clients()
    settle = DelayedSettle(client("sqs"), settings.presence_queue_url, delay_s=settings.debounce_s, clock=_CLOCK)
    registry = DynamoDBDeviceFinder(client("dynamodb"), settings.core_table)
    live = _live_publisher(client, settings.live_table, settings.live_queue_url, registry)
    presences = DynamoDBPresenceStore(client("dynamodb"), settings.state_table)
    commands = SqsCommandQueue(client("sqs"), settings.commands_queue_url)
    return KeepPresence(presences, settle, Backoff(), live, commands)


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


def commands(env: Env) -> "CommandWork":
    from os import urandom

    from functions.adapters.aws import side_by_side
    from functions.adapters.dynamodb_audit import AuditedWrites
    from functions.adapters.dynamodb_commands import DynamoDBCommands
    from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
    from functions.adapters.dynamodb_registry import DynamoDBRegistry
    from functions.adapters.dynamodb_state import DynamoDBPresenceStore
    from functions.adapters.iot_publish import IotCommandBroker
    from functions.adapters.sqs_commands import SqsCommandQueue
    from functions.services.bulk_commands import SendBulks
    from functions.services.command_work import CommandWork
    from functions.services.commands import Creating
    from functions.services.dispatch import Dispatch
    from functions.services.hear_commands import HearCommands

    settings = CommandsSettings.from_env(env)
    client = _clients()
    dynamodb = client("dynamodb")
    audited = AuditedWrites(dynamodb, settings.events_table)
    registry = DynamoDBRegistry(dynamodb, settings.core_table, settings.state_table, audited)
    live = _live_publisher(client, settings.live_table, settings.live_queue_url, registry)
    store = DynamoDBCommands(dynamodb, settings.core_table, audited)
    queue = SqsCommandQueue(client("sqs"), settings.commands_queue_url)
    dispatch = Dispatch(
        store=store,
        presences=DynamoDBPresenceStore(dynamodb, settings.state_table),
        broker=IotCommandBroker(client("iot-data", read_s=PUBLISH_S, attempts=2)),
        live=live,
        clock=_CLOCK,
        attempts=Backoff(),
    )
    quarantine = DynamoDBQuarantine(
        dynamodb, settings.events_table, settings.state_table, retention_days=settings.quarantine_days
    )
    creating = Creating(
        store=store,
        models=models.shipped(),
        live=live,
        clock=_CLOCK,
        chance=lambda: urandom(CHANCE_BYTES),
        attempts=Backoff(),
    )
    return CommandWork(
        store=store,
        hear=HearCommands(store=store, quarantine=quarantine, dispatch=dispatch, live=live, attempts=Backoff()),
        dispatch=dispatch,
        bulks=SendBulks(
            bulks=store,
            commands=store,
            registry=registry,
            creating=creating,
            dispatch=dispatch,
            queue=queue,
            live=live,
            clock=_CLOCK,
        ),
        queue=queue,
        clock=_CLOCK,
        side_by_side=side_by_side,
    )


def shadows(env: Env) -> "HearShadows":
    from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
    from functions.services.hear_shadows import HearShadows

    settings = ShadowsSettings.from_env(env)
    client = _clients()
    registry = DynamoDBDeviceFinder(client("dynamodb"), settings.core_table)
    return HearShadows(_live_publisher(client, settings.live_table, settings.live_queue_url, registry))


def api(env: Env, failing: "Callable[[RatesError], None]" = _unheard) -> "tuple[ApiServices, ApiSettings]":
    """`failing` hears of token buckets that do not answer: everybody is let in then."""
    from os import urandom

    from functions.adapters.cognito_users import CognitoDirectory
    from functions.adapters.dynamodb_audit import AuditedWrites
    from functions.adapters.dynamodb_commands import DynamoDBCommands
    from functions.adapters.dynamodb_idempotency import DynamoDBRequestMemory
    from functions.adapters.dynamodb_keys import DynamoDBKeys
    from functions.adapters.dynamodb_live import DynamoDBLiveTickets
    from functions.adapters.dynamodb_principals import DynamoDBPrincipals
    from functions.adapters.dynamodb_registry import DynamoDBRegistry
    from functions.adapters.dynamodb_state import DynamoDBStateStore
    from functions.adapters.dynamodb_wishes import DynamoDBWishes
    from functions.adapters.iot_shadows import IotShadows
    from functions.adapters.sqs_commands import SqsCommandQueue
    from functions.adapters.sqs_telemetry import SqsTelemetryQueue
    from functions.services.api import ApiServices
    from functions.services.bulk_commands import BulkCommands
    from functions.services.commands import Commands, Creating
    from functions.services.devices import Devices
    from functions.services.gate import Gate
    from functions.services.grants import Grants
    from functions.services.intake import Intake
    from functions.services.keys import ManageKeys
    from functions.services.live_tickets import Tickets
    from functions.services.queries import Queries
    from functions.services.series import History
    from functions.services.shadows import DeviceShadows
    from functions.services.users import Users
    from functions.services.whois import WhoIs
    from functions.services.why import Why

    settings = ApiSettings.from_env(env)
    client = _clients(at_once={"dynamodb"})  # every request needs it, and few another one
    dynamodb = client("dynamodb")
    audited = AuditedWrites(dynamodb, settings.events_table, keep_days=settings.audit_days)
    registry = DynamoDBRegistry(dynamodb, settings.core_table, settings.state_table, audited)
    statuses = DynamoDBStateStore(dynamodb, settings.state_table)
    store = _series_reader(settings.telemetry_store, settings.retention_days, env, client)
    gate = Gate(registry)
    queries = Queries(registry=registry, gate=gate, statuses=statuses, models=models.shipped(), clock=_CLOCK)
    live = _live_publisher(client, settings.live_table, settings.live_queue_url, registry)
    principals = DynamoDBPrincipals(dynamodb, settings.core_table, audited)
    keys = DynamoDBKeys(dynamodb, settings.core_table, audited)
    directory = CognitoDirectory(client("cognito-idp"), settings.user_pool_id)
    whois = WhoIs(principals, keys)
    grants = Grants(principals, directory, registry, whois, _CLOCK)
    ledger = DynamoDBCommands(dynamodb, settings.core_table, audited)
    work = SqsCommandQueue(client("sqs"), settings.commands_queue_url)
    known, chance = models.shipped(), lambda: urandom(CHANCE_BYTES)
    creating = Creating(store=ledger, models=known, live=live, clock=_CLOCK, chance=chance, attempts=Backoff())
    services = ApiServices(
        clock=_CLOCK,
        commands=Commands(store=ledger, gate=gate, creating=creating, queue=work, live=live, clock=_CLOCK),
        bulks=BulkCommands(store=ledger, models=known, queue=work, clock=_CLOCK, chance=chance),
        gate=gate,
        why=Why(gate),
        grants=grants,
        users=Users(principals, directory, audited, grants, whois, _CLOCK),
        keys=ManageKeys(keys, gate, whois, urandom, _CLOCK),
        history=History(gate, store, statuses, _CLOCK),
        intake=Intake(gate, SqsTelemetryQueue(client("sqs"), settings.ingest_queue_url), _CLOCK),
        shadows=DeviceShadows(
            gate=gate,
            wishes=DynamoDBWishes(dynamodb, settings.core_table, audited, history_days=WISHES_DAYS),
            shadows=IotShadows(client("iot-data")),
            models=models.shipped(),
            live=live,
            clock=_CLOCK,
            attempts=lambda: Backoff(within_s=SHADOWS_WITHIN_S),
        ),
        live=live,
        queries=queries,
        devices=Devices(
            registry=registry, gate=gate, models=known, live=live, clock=_CLOCK, attempts=lambda: Backoff(within_s=5)
        ),
        groups=_groups(dynamodb, settings, audited),
        models=known,
        logs=_device_logs(dynamodb, settings, gate, statuses),
        cursor_key=_cursor_key(client, settings),
        audit=_audit(dynamodb, settings),
        rates=_rates(client, settings, failing),
        requests=DynamoDBRequestMemory(dynamodb, settings.core_table),
        tickets=Tickets(DynamoDBLiveTickets(dynamodb, settings.live_table), settings.live_url, _CLOCK, urandom),
    )
    return services, settings


def _groups(dynamodb: Any, settings: ApiSettings, audited: "AuditedWrites") -> "Groups":
    from functions.adapters.dynamodb_groups import DynamoDBGroups
    from functions.services.groups import Groups

    return Groups(DynamoDBGroups(dynamodb, settings.core_table, audited), _CLOCK)


def _device_logs(dynamodb: Any, settings: ApiSettings, gate: "Gate", statuses: "StatusReader") -> "DeviceLogs":
    from functions.adapters.dynamodb_events import DynamoDBEventLog
    from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
    from functions.services.device_logs import DeviceLogs

    return DeviceLogs(
        gate=gate,
        statuses=statuses,
        events=DynamoDBEventLog(dynamodb, settings.events_table),
        quarantine=DynamoDBQuarantine(dynamodb, settings.events_table, settings.state_table),
    )


def _cursor_key(client: Clients, settings: ApiSettings) -> "Callable[[], bytes]":
    from functions.adapters.secrets import StoredKey

    return StoredKey(client("secretsmanager"), settings.cursor_secret)


def _audit(dynamodb: Any, settings: ApiSettings) -> "ReadAudit":
    from functions.adapters.dynamodb_audit_log import DynamoDBAuditLog
    from functions.services.audit import ReadAudit

    return ReadAudit(DynamoDBAuditLog(dynamodb, settings.events_table), _CLOCK, keep_days=settings.audit_days)


def _rates(client: Clients, settings: ApiSettings, failing: "Callable[[RatesError], None]") -> "Rates":
    from functions.adapters.dynamodb_rates import DynamoDBRateBuckets
    from functions.domain.rates import Limit
    from functions.services.rates import Rates

    buckets = DynamoDBRateBuckets(client("dynamodb", read_s=RATES_S, attempts=1), settings.state_table)
    return Rates(buckets, Limit(settings.request_rate, settings.request_burst), _CLOCK, failing)


def authorizer(env: Env) -> "Authorizer":
    from functions.adapters.dynamodb_keys import DynamoDBKeys
    from functions.adapters.dynamodb_principals import DynamoDBPrincipals
    from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
    from functions.adapters.jwks import SigningKeys, fetched
    from functions.services.authorizer import Authorizer
    from functions.services.whois import WhoIs

    settings = AuthorizerSettings.from_env(env)
    dynamodb = _client("dynamodb")
    keys = DynamoDBKeys(dynamodb, settings.core_table)
    return Authorizer(
        SigningKeys(lambda: fetched(settings.jwks_url), _CLOCK),
        WhoIs(DynamoDBPrincipals(dynamodb, settings.core_table), keys),
        keys,
        DynamoDBDeviceFinder(dynamodb, settings.core_table),
        issuer=settings.issuer,
        client_ids=settings.client_ids,
        clock=_CLOCK,
    )


def auth(env: Env) -> "tuple[SignInDesk, AuthSettings]":
    from functions.adapters.cognito_sign_in import CognitoSignIns
    from functions.services.sign_in import SignInDesk

    settings = AuthSettings.from_env(env)
    return SignInDesk(CognitoSignIns(settings.sign_in_endpoint, settings.client_id)), settings


def live(env: Env) -> "Live":
    from functions.adapters.dynamodb_live import DynamoDBLiveConnections, DynamoDBLiveTickets
    from functions.services.live import Live

    settings = LiveSettings.from_env(env)
    client = _clients()
    dynamodb = client("dynamodb")
    return Live(
        DynamoDBLiveTickets(dynamodb, settings.live_table),
        DynamoDBLiveConnections(dynamodb, settings.live_table),
        _sockets(settings.live_endpoint),
        _standing(dynamodb, settings.core_table),
        _CLOCK,
        settings.live_origins,
    )


def push(env: Env) -> "Push":
    from functions.adapters.dynamodb_live import DynamoDBLiveConnections
    from functions.services.live_push import Push

    settings = PushSettings.from_env(env)
    dynamodb = _client("dynamodb")
    return Push(
        DynamoDBLiveConnections(dynamodb, settings.live_table),
        _sockets(settings.live_endpoint),
        _standing(dynamodb, settings.core_table),
        _CLOCK,
    )


def registrar(env: Env) -> "Registrar":
    from functions.adapters.dynamodb_audit import AuditedWrites
    from functions.adapters.dynamodb_registry import DynamoDBRegistry
    from functions.services.registrar import Registrar

    settings = RegistrarSettings.from_env(env)
    dynamodb = _client("dynamodb")
    audited = AuditedWrites(dynamodb, settings.events_table, keep_days=settings.audit_days)
    return Registrar(DynamoDBRegistry(dynamodb, settings.core_table, settings.state_table, audited), _CLOCK)


def audit_export(env: Env) -> "ExportAudit":
    from functions.adapters.dynamodb_audit_log import DynamoDBAuditLog
    from functions.adapters.s3_audit import S3Archive
    from functions.services.audit_export import ExportAudit

    settings = AuditExportSettings.from_env(env)
    client = _clients()
    log = DynamoDBAuditLog(client("dynamodb"), settings.events_table)
    return ExportAudit(log, S3Archive(client("s3"), settings.audit_bucket), _CLOCK, keep_days=settings.audit_days)


def backfill(env: Env) -> "Backfill":
    from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
    from functions.adapters.s3_lake import S3LakeReader
    from functions.services.backfill import Backfill
    from functions.services.device_models import DeviceModels

    settings = BackfillSettings.from_env(env)
    client = _clients()
    names = [name for name in (settings.telemetry_store, settings.previous_store) if name]
    return Backfill(
        stores={name: _telemetry_store(name, settings.retention_days, env, client, StoreAccess.MOVE) for name in names},
        known=TELEMETRY_STORES,
        lake=S3LakeReader(client("s3"), settings.lake_bucket),
        models=DeviceModels(DynamoDBDeviceFinder(client("dynamodb"), settings.core_table), models.shipped(), _CLOCK),
        clock=_CLOCK,
        retention_ms=settings.retention_days * _DAY_MS,
        attempts=Backoff(attempts=8, base_s=0.1, cap_s=10),  # also until an eventually consistent store shows a write
    )


def series(env: Env) -> "SeriesReader":
    settings = SeriesSettings.from_env(env)
    return _telemetry_store(settings.telemetry_store, settings.retention_days, env, _clients(), StoreAccess.READ)


def store_setup(env: Env, within_s: float) -> "InvokedStoreAdmin":
    """For one order: its client waits for the answer as long as this invocation may, less the time for other tries."""
    from functions.adapters.invoked_store_admin import InvokedStoreAdmin

    settings = StoreSetupSettings.from_env(env)
    client = _client("lambda", read_s=max(1.0, within_s - ORDERED_WITHIN_S), attempts=1)
    again = Backoff(attempts=20, base_s=0.5, cap_s=5, within_s=ORDERED_WITHIN_S)
    return InvokedStoreAdmin(client, settings.admin_function, backoff=again)


def store_admin(env: Env) -> "StoreAdmin":
    from functions.adapters.influx_admin import InfluxAdminApi
    from functions.adapters.secrets import StoredCredentials, StoredToken
    from functions.services.store_admin import StoreAdmin

    settings = StoreAdminSettings.from_env(env)
    secrets = _client("secretsmanager")
    return StoreAdmin(
        InfluxAdminApi(settings.url, StoredCredentials(secrets, settings.admin_secret)).signed_in,
        {
            Access.WRITE: StoredToken(secrets, settings.write_secret),
            Access.READ: StoredToken(secrets, settings.read_secret),
        },
        attempts=Backoff(attempts=1000, base_s=1, cap_s=10, within_s=SET_UP_WITHIN_S),
        parting_attempts=Backoff(attempts=5, base_s=1, cap_s=5, within_s=TAKE_BACK_WITHIN_S),
    )


def _live_publisher(client: Clients, table: str, queue_url: str, registry: "DeviceFinder") -> "LivePublisher":
    from functions.adapters.dynamodb_live import DynamoDBWatchedTopics
    from functions.adapters.live_queue import SqsLiveQueue
    from functions.services.live_publisher import QueuedPublisher

    watched = DynamoDBWatchedTopics(client("dynamodb"), table)
    return QueuedPublisher(watched, SqsLiveQueue(client("sqs"), queue_url), registry, _CLOCK)


def _sockets(endpoint: str) -> "LiveSockets":
    from functions.adapters.connections import ApiGatewaySockets

    return ApiGatewaySockets(_client("apigatewaymanagementapi", read_s=FRAME_S, attempts=1, endpoint_url=endpoint))


def _standing(dynamodb: Any, core_table: str) -> "Standing":
    from functions.adapters.dynamodb_keys import DynamoDBKeys
    from functions.adapters.dynamodb_principals import DynamoDBPrincipals
    from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
    from functions.services.live_standing import Standing
    from functions.services.whois import WhoIs

    registry = DynamoDBDeviceFinder(dynamodb, core_table)
    whois = WhoIs(DynamoDBPrincipals(dynamodb, core_table), DynamoDBKeys(dynamodb, core_table))
    return Standing(whois, registry, _CLOCK)


def _series_reader(name: str, retention_days: int, env: Env, client: Clients) -> "SeriesReader":
    """The store, for a function outside any network of it."""
    if name != INFLUXDB:
        return _telemetry_store(name, retention_days, env, client, StoreAccess.ASK)
    from functions.adapters.invoked_series import InvokedSeries

    function = SeriesFunctionSettings.from_env(env).series_function
    return InvokedSeries(client("lambda", read_s=SERIES_WAIT_S, attempts=1), function)


def _telemetry_store(
    name: str, retention_days: int, env: Env, client: Clients, access: StoreAccess
) -> "TelemetryStore":
    make = {DYNAMODB: _on_dynamodb, INFLUXDB: _on_influxdb, LIVEANALYTICS: _on_liveanalytics}[name]
    return make(env, client, access, retention_days * _DAY_MS)


def _on_dynamodb(env: Env, client: Clients, _access: StoreAccess, retention_ms: int) -> "TelemetryStore":
    from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore

    table = DynamoDBStoreSettings.from_env(env).telemetry_table
    return DynamoDBTelemetryStore(client("dynamodb"), table, clock=_CLOCK, retention_ms=retention_ms)


def _on_influxdb(env: Env, client: Clients, access: StoreAccess, retention_ms: int) -> "TelemetryStore":
    from functions.adapters.influx_telemetry import InfluxTelemetryStore
    from functions.adapters.secrets import SecretToken

    settings = InfluxStoreSettings.from_env(env)
    write, read = (
        SecretToken(client("secretsmanager"), secret, clock=_CLOCK) if secret else None
        for secret in (settings.write_secret, settings.read_secret)
    )
    return InfluxTelemetryStore(
        settings.url,
        settings.database,
        write_token=write,
        read_token=read,
        clock=_CLOCK,
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
        clock=_CLOCK,
        retention_ms=retention_ms,
        budget_s=STORE_BUDGET_S[access],
    )


def _clients(*, at_once: Container[str] | None = None) -> Clients:
    """Makes each client once: those of the services `at_once` (of all, if it is not said) now, the rest when used."""
    if at_once is None:
        return cache(_client)
    from functions.adapters.aws import OnFirstUse

    def make(service: str, **options: Any) -> Any:
        return _client(service, **options) if service in at_once else OnFirstUse(partial(_client, service, **options))

    return cache(make)


def _client(service: Any, *, read_s: float = 10, attempts: int = 4, endpoint_url: str | None = None) -> Any:
    """AWS_REGION and, on a laptop, AWS_ENDPOINT_URL come from the environment, as boto3 reads them."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=read_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=16,
    )
    return boto3.client(service, config=config, endpoint_url=endpoint_url)
