"""The HTTP API: its operations' services, its authorizer and the function that signs people in."""

from typing import TYPE_CHECKING, Any

from functions.adapters.backoff import Backoff
from functions.bootstrap.actions import managing
from functions.bootstrap.clients import CLOCK, Clients, Env, clients, new_client
from functions.bootstrap.logs import dead_letters, device_logs, replays
from functions.bootstrap.rulebooks import rulebook
from functions.bootstrap.stores import series_reader
from functions.bootstrap.watching import live_publisher
from functions.domain.ulids import CHANCE_BYTES
from functions.settings import ApiSettings, AuthorizerSettings, AuthSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from contract.models import DeviceModel
    from functions.adapters.dynamodb_audit import AuditedWrites
    from functions.errors import RatesError
    from functions.ports.devices import DeviceFinder, StatusReader
    from functions.ports.live import LivePublisher
    from functions.services.alarms import Alarms
    from functions.services.api import ApiServices
    from functions.services.audit import ReadAudit
    from functions.services.authorizer import Authorizer
    from functions.services.backtests import Backtests
    from functions.services.bulk_commands import BulkCommands
    from functions.services.certificates import Certificates
    from functions.services.commands import Commands
    from functions.services.gate import Gate
    from functions.services.grants import Grants
    from functions.services.groups import Groups
    from functions.services.keys import ManageKeys
    from functions.services.rates import Rates
    from functions.services.rulebook import Rulebook
    from functions.services.rules import Rules
    from functions.services.shadows import DeviceShadows
    from functions.services.sign_in import SignInDesk
    from functions.services.users import Users

RATES_S = 1
"""How long the token buckets are waited for, before everybody is let in."""
WISHES_DAYS = 365
"""How long it is known what a device was once wanted to be."""
SHADOWS_WITHIN_S = 8.0
"""What changing a shadow may take while others change it."""
SHADOW_S = 5
"""How long AWS IoT is waited for at a time: there are some calls to a change, and API Gateway waits 29 s for all."""
CERTIFICATES_S = 5
"""How long AWS IoT is waited for at a time: a certificate takes some eight calls."""
DEVICES_WITHIN_S = 5.0
"""What changing a device may take while others change it."""

ALARMS_WITHIN_S = 5.0
"""What changing an alarm may take while its device, or somebody else, changes it."""


def _unheard(_: object) -> None:
    pass


def api(env: Env, failing: "Callable[[RatesError], None]" = _unheard) -> "tuple[ApiServices, ApiSettings]":
    """`failing` hears of token buckets that do not answer: everybody is let in then."""
    from os import urandom

    from functions.adapters.dynamodb_alarm_items import Tables
    from functions.adapters.dynamodb_alarms import DynamoDBAlarms
    from functions.adapters.dynamodb_audit import AuditedWrites
    from functions.adapters.dynamodb_idempotency import DynamoDBRequestMemory
    from functions.adapters.dynamodb_live import DynamoDBLiveTickets
    from functions.adapters.dynamodb_recipients import DynamoDBRecipients
    from functions.adapters.dynamodb_registry import DynamoDBRegistry
    from functions.adapters.dynamodb_rules import DynamoDBRules
    from functions.adapters.dynamodb_state import DynamoDBStateStore
    from functions.adapters.sqs_alarms import SqsAlarmsQueue
    from functions.adapters.sqs_telemetry import SqsTelemetryQueue
    from functions.services.api import ApiServices
    from functions.services.bulk_alarms import BulkAlarms
    from functions.services.devices import Devices
    from functions.services.explaining import Explaining
    from functions.services.gate import Gate
    from functions.services.intake import Intake
    from functions.services.live_tickets import Tickets
    from functions.services.losses import ReadLosses
    from functions.services.models import DeviceModels
    from functions.services.queries import Queries
    from functions.services.rule_trials import Trials
    from functions.services.rules import Rules
    from functions.services.series import History
    from functions.services.waking import Waking
    from functions.services.why import Why

    settings = ApiSettings.from_env(env)
    client = clients(at_once={"dynamodb"})  # every request needs it, and few another one
    dynamodb = client("dynamodb")
    audited = AuditedWrites(dynamodb, settings.events_table, keep_days=settings.audit_days)
    registry = DynamoDBRegistry(dynamodb, settings.core_table, settings.state_table, audited)
    statuses = DynamoDBStateStore(dynamodb, settings.state_table)
    store = series_reader(settings.telemetry_store, settings.retention_days, env, client)
    live = live_publisher(client, settings.live_table, settings.live_queue_url, registry)
    gate, alarms = Gate(registry), SqsAlarmsQueue(client("sqs"), settings.alarms_queue_url)
    definitions = DynamoDBRules(dynamodb, settings.core_table, audited)
    book = rulebook(dynamodb, settings.core_table, registry)
    known = book.models
    rules = Rules(
        store=definitions,
        rulebook=book,
        registry=registry,
        recipients=DynamoDBRecipients(dynamodb, settings.core_table),
        queue=alarms,
        clock=CLOCK,
    )
    commands, bulks = _commands(client, settings, audited, gate, live, known)
    grants, users, keys = _people(client, settings, audited, gate, registry)
    shown = _alarms(client, settings, audited, gate, live, book)
    certificates = _certificates(client, settings, audited, gate, known)
    recipients, maintenance, deliveries = managing(client, settings, audited, registry, gate)
    services = ApiServices(
        clock=CLOCK,
        cursor_key=_cursor_key(client, settings),
        losses=ReadLosses(gate, statuses, CLOCK),
        queries=Queries(
            registry=registry,
            gate=gate,
            statuses=statuses,
            models=known,
            alarms=DynamoDBAlarms(dynamodb, Tables(settings.core_table, settings.events_table), audited),
            clock=CLOCK,
        ),
        devices=Devices(
            registry=registry,
            gate=gate,
            models=known,
            live=live,
            waking=Waking(alarms),
            retire=certificates.revoke_all,
            clock=CLOCK,
            attempts=lambda: Backoff(within_s=DEVICES_WITHIN_S),
        ),
        groups=_groups(dynamodb, settings, audited),
        models=DeviceModels(store=definitions, rulebook=book, registry=registry, queue=alarms, clock=CLOCK),
        rules=rules,
        trials=Trials(rules),
        backtests=_backtests(client, settings, rules, book, gate, statuses),
        explaining=Explaining(gate=gate, rulebook=book, states=statuses, series=store, clock=CLOCK),
        logs=device_logs(dynamodb, settings, gate, statuses),
        replays=replays(client, settings, audited, gate, statuses),
        dead_letters=dead_letters(client, settings, audited),
        tickets=Tickets(DynamoDBLiveTickets(dynamodb, settings.live_table), settings.live_url, CLOCK, urandom),
        history=History(gate, store, statuses, CLOCK),
        intake=Intake(gate, SqsTelemetryQueue(client("sqs"), settings.ingest_queue_url), audited, CLOCK),
        alarms=shown,
        bulk_alarms=BulkAlarms(shown),
        recipients=recipients,
        maintenance=maintenance,
        deliveries=deliveries,
        commands=commands,
        bulks=bulks,
        shadows=_shadows(client, settings, audited, gate, live, known),
        why=Why(gate),
        grants=grants,
        users=users,
        keys=keys,
        certificates=certificates,
        audit=_audit(dynamodb, settings),
        rates=_rates(client, settings, failing),
        requests=DynamoDBRequestMemory(dynamodb, settings.core_table),
    )
    return services, settings


def _commands(
    client: Clients,
    settings: ApiSettings,
    audited: "AuditedWrites",
    gate: "Gate",
    live: "LivePublisher",
    known: "Mapping[str, DeviceModel]",
) -> "tuple[Commands, BulkCommands]":
    from os import urandom

    from functions.adapters.dynamodb_commands import DynamoDBCommands
    from functions.adapters.sqs_commands import SqsCommandQueue
    from functions.services.bulk_commands import BulkCommands
    from functions.services.commands import Commands, Creating

    ledger = DynamoDBCommands(client("dynamodb"), settings.core_table, audited)
    queue = SqsCommandQueue(client("sqs"), settings.commands_queue_url)

    def chance() -> bytes:
        return urandom(CHANCE_BYTES)

    creating = Creating(store=ledger, models=known, live=live, clock=CLOCK, chance=chance, attempts=Backoff())
    return (
        Commands(store=ledger, gate=gate, creating=creating, queue=queue, live=live, clock=CLOCK),
        BulkCommands(store=ledger, models=known, queue=queue, clock=CLOCK, chance=chance),
    )


def _alarms(
    client: Clients,
    settings: ApiSettings,
    audited: "AuditedWrites",
    gate: "Gate",
    live: "LivePublisher",
    book: "Rulebook",
) -> "Alarms":
    from functions.adapters.dynamodb_alarm_items import Tables
    from functions.adapters.dynamodb_alarms import DynamoDBAlarms
    from functions.adapters.dynamodb_principals import DynamoDBPrincipals
    from functions.adapters.dynamodb_state import DynamoDBStateStore
    from functions.adapters.sqs_alarms import SqsActionsQueue
    from functions.services.alarms import Alarms
    from functions.services.alarms_at_engine import AtEngine
    from functions.services.engine import Engine

    dynamodb = client("dynamodb")
    tables = Tables(settings.core_table, settings.events_table)
    states = DynamoDBStateStore(dynamodb, settings.state_table, alarms=tables, audit=audited)
    engine = Engine(
        states=states, actions=SqsActionsQueue(client("sqs"), settings.actions_queue_url), live=live, clock=CLOCK
    )
    store = DynamoDBAlarms(dynamodb, tables, audited)
    return Alarms(
        store=store,
        gate=gate,
        at_engine=AtEngine(engine=engine, rulebook=book, alarms=store, clock=CLOCK),
        principals=DynamoDBPrincipals(dynamodb, settings.core_table, audited),
        live=live,
        clock=CLOCK,
        attempts=lambda: Backoff(within_s=ALARMS_WITHIN_S),
    )


def _people(
    client: Clients, settings: ApiSettings, audited: "AuditedWrites", gate: "Gate", registry: "DeviceFinder"
) -> "tuple[Grants, Users, ManageKeys]":
    from os import urandom

    from functions.adapters.cognito_users import CognitoDirectory
    from functions.adapters.dynamodb_keys import DynamoDBKeys
    from functions.adapters.dynamodb_principals import DynamoDBPrincipals
    from functions.services.grants import Grants
    from functions.services.keys import ManageKeys
    from functions.services.users import Users
    from functions.services.whois import WhoIs

    principals = DynamoDBPrincipals(client("dynamodb"), settings.core_table, audited)
    keys = DynamoDBKeys(client("dynamodb"), settings.core_table, audited)
    directory = CognitoDirectory(client("cognito-idp"), settings.user_pool_id)
    whois = WhoIs(principals, keys)
    grants = Grants(principals, directory, registry, whois, CLOCK)
    return (
        grants,
        Users(principals, directory, audited, grants, whois, CLOCK),
        ManageKeys(keys, gate, whois, urandom, CLOCK),
    )


def _shadows(
    client: Clients,
    settings: ApiSettings,
    audited: "AuditedWrites",
    gate: "Gate",
    live: "LivePublisher",
    known: "Mapping[str, DeviceModel]",
) -> "DeviceShadows":
    from functions.adapters.dynamodb_wishes import DynamoDBWishes
    from functions.adapters.iot_shadows import IotShadows
    from functions.services.shadows import DeviceShadows

    return DeviceShadows(
        gate=gate,
        wishes=DynamoDBWishes(client("dynamodb"), settings.core_table, audited, history_days=WISHES_DAYS),
        shadows=IotShadows(client("iot-data", read_s=SHADOW_S, attempts=2)),
        models=known,
        live=live,
        clock=CLOCK,
        attempts=lambda: Backoff(within_s=SHADOWS_WITHIN_S),
    )


def _certificates(
    client: Clients,
    settings: ApiSettings,
    audited: "AuditedWrites",
    gate: "Gate",
    known: "Mapping[str, DeviceModel]",
) -> "Certificates":
    from contract.models import shipped
    from functions.adapters.dynamodb_certificates import DynamoDBCertificates
    from functions.adapters.iot_certificates import IotBroker, IotIdentities
    from functions.services.certificates import Certificates

    def check(request: str, thing: str) -> str:
        # It loads cryptography, which takes longer than most requests, and few need it.
        from functions.adapters.signing_requests import checked

        return checked(request, thing)

    iot = client("iot", read_s=CERTIFICATES_S, attempts=3)
    return Certificates(
        gate=gate,
        identities=IotIdentities(iot, settings.device_policies),
        records=DynamoDBCertificates(client("dynamodb"), settings.core_table, audited),
        broker=IotBroker(iot, endpoint=settings.device_endpoint, ca_file=settings.device_ca_file),
        known=known,
        shipped=shipped(),
        check=check,
        clock=CLOCK,
    )


def _backtests(
    client: Clients,
    settings: ApiSettings,
    rules: "Rules",
    book: "Rulebook",
    gate: "Gate",
    statuses: "StatusReader",
) -> "Backtests":
    from os import urandom

    from functions.adapters.dynamodb_backtests import DynamoDBBacktests
    from functions.adapters.sqs_alarms import SqsBacktestsQueue
    from functions.services.backtests import Backtests

    return Backtests(
        store=DynamoDBBacktests(client("dynamodb"), settings.core_table),
        rules=rules,
        rulebook=book,
        gate=gate,
        statuses=statuses,
        queue=SqsBacktestsQueue(client("sqs"), settings.backtests_queue_url),
        clock=CLOCK,
        chance=lambda: urandom(CHANCE_BYTES),
    )


def _groups(dynamodb: Any, settings: ApiSettings, audited: "AuditedWrites") -> "Groups":
    from functions.adapters.dynamodb_groups import DynamoDBGroups
    from functions.services.groups import Groups

    return Groups(DynamoDBGroups(dynamodb, settings.core_table, audited), CLOCK)


def _cursor_key(client: Clients, settings: ApiSettings) -> "Callable[[], bytes]":
    from functions.adapters.secrets import StoredKey

    return StoredKey(client("secretsmanager"), settings.cursor_secret)


def _audit(dynamodb: Any, settings: ApiSettings) -> "ReadAudit":
    from functions.adapters.dynamodb_audit_log import DynamoDBAuditLog
    from functions.services.audit import ReadAudit

    return ReadAudit(DynamoDBAuditLog(dynamodb, settings.events_table), CLOCK, keep_days=settings.audit_days)


def _rates(client: Clients, settings: ApiSettings, failing: "Callable[[RatesError], None]") -> "Rates":
    from functions.adapters.dynamodb_rates import DynamoDBRateBuckets
    from functions.domain.rates import Limit
    from functions.services.rates import Rates

    buckets = DynamoDBRateBuckets(client("dynamodb", read_s=RATES_S, attempts=1), settings.state_table)
    return Rates(buckets, Limit(settings.request_rate, settings.request_burst), CLOCK, failing)


def authorizer(env: Env) -> "Authorizer":
    from functions.adapters.dynamodb_keys import DynamoDBKeys
    from functions.adapters.dynamodb_principals import DynamoDBPrincipals
    from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
    from functions.adapters.jwks import SigningKeys, fetched
    from functions.services.authorizer import Authorizer
    from functions.services.whois import WhoIs

    settings = AuthorizerSettings.from_env(env)
    dynamodb = new_client("dynamodb")
    keys = DynamoDBKeys(dynamodb, settings.core_table)
    return Authorizer(
        SigningKeys(lambda: fetched(settings.jwks_url), CLOCK),
        WhoIs(DynamoDBPrincipals(dynamodb, settings.core_table), keys),
        keys,
        DynamoDBDeviceFinder(dynamodb, settings.core_table),
        issuer=settings.issuer,
        client_ids=settings.client_ids,
        clock=CLOCK,
    )


def auth(env: Env) -> "tuple[SignInDesk, AuthSettings]":
    from functions.adapters.cognito_sign_in import CognitoSignIns
    from functions.services.sign_in import SignInDesk

    settings = AuthSettings.from_env(env)
    return SignInDesk(CognitoSignIns(settings.sign_in_endpoint, settings.client_id)), settings
