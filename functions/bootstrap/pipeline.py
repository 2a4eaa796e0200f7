"""What works through the queues between devices and people: telemetry, presence, events, commands, shadows."""

from typing import TYPE_CHECKING

from functions.adapters.backoff import Backoff
from functions.bootstrap.clients import CLOCK, Env, clients, new_client
from functions.bootstrap.rulebooks import rulebook
from functions.bootstrap.stores import telemetry_store
from functions.bootstrap.watching import live_publisher
from functions.catalogue import StoreAccess
from functions.domain.ulids import CHANCE_BYTES
from functions.settings import CommandsSettings, EventsSettings, IngestSettings, PresenceSettings, ShadowsSettings

if TYPE_CHECKING:
    from functions.services.command_work import CommandWork
    from functions.services.events import KeepEvents
    from functions.services.hear_shadows import HearShadows
    from functions.services.ingest import Ingest
    from functions.services.presence import KeepPresence

INGEST_WITHIN_S = 20.0
"""No attempt at a batch begins later: with one use of the store it ends within the function's 60 s, whatever fails."""
PUBLISH_S = 5


def ingest(env: Env) -> "Ingest":
    from functions.adapters.dynamodb_alarm_items import Tables
    from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
    from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
    from functions.adapters.dynamodb_replays import DynamoDBReplays
    from functions.adapters.dynamodb_state import DynamoDBStateStore
    from functions.adapters.firehose_lake import FirehoseLake
    from functions.adapters.sqs_alarms import SqsActionsQueue
    from functions.services.engine import Engine
    from functions.services.ingest import Ingest
    from functions.services.replay import ReplayQuarantined

    settings = IngestSettings.from_env(env)
    client = clients()
    dynamodb = client("dynamodb")
    registry = DynamoDBDeviceFinder(dynamodb, settings.core_table)
    store = telemetry_store(settings.telemetry_store, settings.retention_days, env, client, StoreAccess.WRITE)
    states = DynamoDBStateStore(
        dynamodb, settings.state_table, alarms=Tables(settings.core_table, settings.events_table)
    )
    rules = rulebook(dynamodb, settings.core_table, registry)
    live = live_publisher(client, settings.live_table, settings.live_queue_url, registry)
    attempts = Backoff(within_s=INGEST_WITHIN_S)
    actions = SqsActionsQueue(client("sqs"), settings.actions_queue_url)
    engine = Engine(states=states, actions=actions, live=live, clock=CLOCK)
    return Ingest(
        lake=FirehoseLake(client("firehose"), settings.lake_stream),
        store=store,
        quarantine=DynamoDBQuarantine(
            dynamodb, settings.events_table, settings.state_table, retention_days=settings.quarantine_days
        ),
        engine=engine,
        rulebook=rules,
        attempts=attempts,
        live=live,
        replays=ReplayQuarantined(
            store=store,
            replays=DynamoDBReplays(dynamodb, settings.events_table),
            engine=engine,
            rulebook=rules,
            attempts=attempts,
            live=live,
            clock=CLOCK,
        ),
    )


def presence(env: Env) -> "KeepPresence":
    from functions.adapters.delayed_settle import DelayedSettle
    from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
    from functions.adapters.dynamodb_state import DynamoDBPresenceStore
    from functions.adapters.sqs_alarms import SqsAlarmsQueue
    from functions.adapters.sqs_commands import SqsCommandQueue
    from functions.services.presence import KeepPresence

    settings = PresenceSettings.from_env(env)
    client = clients()
    settle = DelayedSettle(client("sqs"), settings.presence_queue_url, delay_s=settings.debounce_s, clock=CLOCK)
    registry = DynamoDBDeviceFinder(client("dynamodb"), settings.core_table)
    live = live_publisher(client, settings.live_table, settings.live_queue_url, registry)
    presences = DynamoDBPresenceStore(client("dynamodb"), settings.state_table)
    commands = SqsCommandQueue(client("sqs"), settings.commands_queue_url)
    alarms = SqsAlarmsQueue(client("sqs"), settings.alarms_queue_url)
    return KeepPresence(presences, settle, Backoff(), live, commands, alarms)


def events(env: Env) -> "KeepEvents":
    from functions.adapters.dynamodb_events import DynamoDBEventLog
    from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
    from functions.adapters.dynamodb_state import DynamoDBAgentVersions
    from functions.services.events import KeepEvents

    settings = EventsSettings.from_env(env)
    dynamodb = new_client("dynamodb")
    return KeepEvents(
        DynamoDBEventLog(dynamodb, settings.events_table, retention_days=settings.event_days),
        DynamoDBQuarantine(
            dynamodb, settings.events_table, settings.state_table, retention_days=settings.quarantine_days
        ),
        DynamoDBAgentVersions(dynamodb, settings.state_table),
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
    from functions.services.command_work import CommandWork
    from functions.services.commands import Creating
    from functions.services.dispatch import Dispatch
    from functions.services.hear_commands import HearCommands
    from functions.services.send_bulks import SendBulks

    settings = CommandsSettings.from_env(env)
    client = clients()
    dynamodb = client("dynamodb")
    audited = AuditedWrites(dynamodb, settings.events_table)
    registry = DynamoDBRegistry(dynamodb, settings.core_table, settings.state_table, audited)
    live = live_publisher(client, settings.live_table, settings.live_queue_url, registry)
    store = DynamoDBCommands(dynamodb, settings.core_table, audited)
    queue = SqsCommandQueue(client("sqs"), settings.commands_queue_url)
    dispatch = Dispatch(
        store=store,
        presences=DynamoDBPresenceStore(dynamodb, settings.state_table),
        broker=IotCommandBroker(client("iot-data", read_s=PUBLISH_S, attempts=2)),
        live=live,
        clock=CLOCK,
        attempts=Backoff(),
    )
    quarantine = DynamoDBQuarantine(
        dynamodb, settings.events_table, settings.state_table, retention_days=settings.quarantine_days
    )
    creating = Creating(
        store=store,
        models=rulebook(dynamodb, settings.core_table, registry).models,
        live=live,
        clock=CLOCK,
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
            clock=CLOCK,
            side_by_side=side_by_side,
        ),
        queue=queue,
        clock=CLOCK,
        side_by_side=side_by_side,
    )


def shadows(env: Env) -> "HearShadows":
    from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
    from functions.services.hear_shadows import HearShadows

    settings = ShadowsSettings.from_env(env)
    client = clients()
    registry = DynamoDBDeviceFinder(client("dynamodb"), settings.core_table)
    return HearShadows(live_publisher(client, settings.live_table, settings.live_queue_url, registry))
