"""What is done about alarms: the function `actions`, and what the API has in common with it."""

from typing import TYPE_CHECKING

from functions.adapters.backoff import Backoff
from functions.bootstrap.clients import CLOCK, Clients, Env, clients
from functions.bootstrap.rulebooks import rulebook
from functions.bootstrap.watching import live_publisher
from functions.domain.ulids import CHANCE_BYTES
from functions.settings import ActionsSettings, ApiSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.adapters.dynamodb_audit import AuditedWrites
    from functions.adapters.dynamodb_registry import DynamoDBRegistry
    from functions.domain.recipients import Channel
    from functions.ports.commands import CommandStore
    from functions.ports.deliveries import Sender
    from functions.ports.devices import DeviceFinder
    from functions.ports.live import LivePublisher
    from functions.services.act_on_device import ActOnDevice
    from functions.services.actions_work import ActionsWork
    from functions.services.deliveries import Deliveries
    from functions.services.gate import Gate
    from functions.services.maintenance import Maintenance
    from functions.services.recipients import ManageRecipients

WEBHOOK_S = 8.0
"""How long a receiver is waited for in all: some of them, one after the other, within the function's 60 s."""
SEND_S = 4
"""How long SES or SNS is waited for, at each of two attempts."""
SHADOW_S = 3
SHADOWS_WITHIN_S = 8.0
WISHES_DAYS = 365


def actions(env: Env) -> "ActionsWork":
    import random

    from functions.adapters.aws import side_by_side
    from functions.adapters.dynamodb_alarm_items import Tables
    from functions.adapters.dynamodb_alarms import DynamoDBAlarms
    from functions.adapters.dynamodb_audit import AuditedWrites
    from functions.adapters.dynamodb_deliveries import DynamoDBDeliveries
    from functions.adapters.dynamodb_due import DynamoDBOutbox
    from functions.adapters.dynamodb_rates import DynamoDBRateBuckets
    from functions.adapters.dynamodb_recipients import DynamoDBRecipients, DynamoDBWindows
    from functions.adapters.dynamodb_registry import DynamoDBRegistry
    from functions.adapters.dynamodb_state import DynamoDBPresenceStore
    from functions.adapters.sqs_alarms import SqsActionsQueue
    from functions.services.act import Acting
    from functions.services.actions_work import ActionsWork
    from functions.services.deliver import Delivering
    from functions.services.muting import Muting
    from functions.services.tell import Telling

    settings = ActionsSettings.from_env(env)
    client = clients()
    dynamodb = client("dynamodb")
    audited = AuditedWrites(dynamodb, settings.events_table)
    registry = DynamoDBRegistry(dynamodb, settings.core_table, settings.state_table, audited)
    live = live_publisher(client, settings.live_table, settings.live_queue_url, registry)
    outbox = DynamoDBOutbox(dynamodb, settings.core_table)
    deliveries = DynamoDBDeliveries(dynamodb, settings.core_table, settings.events_table, audited)
    alarms = DynamoDBAlarms(dynamodb, Tables(settings.core_table, settings.events_table))
    queue = SqsActionsQueue(client("sqs"), settings.actions_queue_url)
    telling = Telling(
        deliveries=deliveries,
        recipients=DynamoDBRecipients(dynamodb, settings.core_table),
        alarms=alarms,
        senders=_senders(client, settings),
        buckets=DynamoDBRateBuckets(dynamodb, settings.state_table),
        clock=CLOCK,
    )
    muting = Muting(
        windows=DynamoDBWindows(dynamodb, settings.core_table),
        registry=registry,
        presences=DynamoDBPresenceStore(dynamodb, settings.state_table),
        clock=CLOCK,
    )
    delivering = Delivering(
        deliveries=deliveries,
        alarms=alarms,
        muting=muting,
        telling=telling,
        on_device=_on_device(client, settings, audited, registry, live),
        queue=queue,
        clock=CLOCK,
        chance=random.random,
    )
    return ActionsWork(
        outbox=outbox,
        deliveries=deliveries,
        acting=Acting(outbox=outbox, deliveries=deliveries, registry=registry, queue=queue, clock=CLOCK),
        delivering=delivering,
        queue=queue,
        clock=CLOCK,
        side_by_side=side_by_side,
    )


def _senders(client: Clients, settings: ActionsSettings) -> "Mapping[Channel, Sender]":
    from functions.adapters.guarded_http import GuardedHttp
    from functions.adapters.secrets import StoredKey
    from functions.adapters.senders import NoEmail, SesEmail, SlackSender, SnsText, WebhookSender
    from functions.domain.recipients import Channel

    http = GuardedHttp(loopback=settings.loopback_webhooks == "true", timeout_s=WEBHOOK_S)
    key = StoredKey(client("secretsmanager"), settings.webhook_secret)
    email: Sender = NoEmail()
    if settings.mail_from:
        email = SesEmail(client("sesv2", read_s=SEND_S, attempts=2), settings.mail_from)
    return {
        Channel.WEBHOOK: WebhookSender(http, key, CLOCK),
        Channel.SLACK: SlackSender(http, CLOCK),
        Channel.EMAIL: email,
        Channel.SMS: SnsText(client("sns", read_s=SEND_S, attempts=2)),
    }


def _on_device(
    client: Clients,
    settings: ActionsSettings,
    audited: "AuditedWrites",
    registry: "DynamoDBRegistry",
    live: "LivePublisher",
) -> "ActOnDevice":
    from os import urandom

    from functions.adapters.dynamodb_commands import DynamoDBCommands
    from functions.adapters.dynamodb_wishes import DynamoDBWishes
    from functions.adapters.iot_shadows import IotShadows
    from functions.adapters.sqs_commands import SqsCommandQueue
    from functions.services.act_on_device import ActOnDevice
    from functions.services.commands import Creating
    from functions.services.gate import Gate
    from functions.services.shadows import DeviceShadows

    dynamodb = client("dynamodb")
    models = rulebook(dynamodb, settings.core_table, registry).models
    commands: CommandStore = DynamoDBCommands(dynamodb, settings.core_table, audited)
    creating = Creating(
        store=commands,
        models=models,
        live=live,
        clock=CLOCK,
        chance=lambda: urandom(CHANCE_BYTES),
        attempts=Backoff(),
    )
    shadows = DeviceShadows(
        gate=Gate(registry),
        wishes=DynamoDBWishes(dynamodb, settings.core_table, audited, history_days=WISHES_DAYS),
        shadows=IotShadows(client("iot-data", read_s=SHADOW_S, attempts=2)),
        models=models,
        live=live,
        clock=CLOCK,
        attempts=lambda: Backoff(within_s=SHADOWS_WITHIN_S),
    )
    return ActOnDevice(
        registry=registry,
        commands=commands,
        creating=creating,
        queue=SqsCommandQueue(client("sqs"), settings.commands_queue_url),
        shadows=shadows,
        clock=CLOCK,
    )


def managing(
    client: Clients, settings: ApiSettings, audited: "AuditedWrites", registry: "DeviceFinder", gate: "Gate"
) -> "tuple[ManageRecipients, Maintenance, Deliveries]":
    """What the API does with recipients, maintenance windows and deliveries."""
    from os import urandom

    from functions.adapters.dynamodb_deliveries import DynamoDBDeliveries
    from functions.adapters.dynamodb_recipients import DynamoDBRecipients, DynamoDBWindows
    from functions.adapters.secrets import StoredKey
    from functions.adapters.sqs_alarms import SqsActionsQueue
    from functions.services.deliveries import Deliveries
    from functions.services.maintenance import Maintenance
    from functions.services.recipients import ManageRecipients

    dynamodb = client("dynamodb")
    deliveries = DynamoDBDeliveries(dynamodb, settings.core_table, settings.events_table, audited)
    queue = SqsActionsQueue(client("sqs"), settings.actions_queue_url)
    return (
        ManageRecipients(
            recipients=DynamoDBRecipients(dynamodb, settings.core_table, audited),
            deliveries=deliveries,
            queue=queue,
            key=StoredKey(client("secretsmanager"), settings.webhook_secret),
            clock=CLOCK,
            chance=lambda: urandom(CHANCE_BYTES),
            mails=bool(settings.mail_from),
            loopback=settings.loopback_webhooks == "true",
        ),
        Maintenance(
            windows=DynamoDBWindows(dynamodb, settings.core_table, audited),
            registry=registry,
            gate=gate,
            clock=CLOCK,
            chance=lambda: urandom(CHANCE_BYTES),
        ),
        Deliveries(deliveries=deliveries, registry=registry, gate=gate, queue=queue, clock=CLOCK),
    )
