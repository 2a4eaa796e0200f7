"""The actions function as it is deployed: over tables and queues that stand in for AWS's, and a real receiver."""

import json
from types import SimpleNamespace

import boto3
import pytest
from standardwebhooks import Webhook

from contract.rules import Command, Notify
from functions import bootstrap
from functions.adapters.clock import SystemClock
from functions.adapters.dynamodb_alarm_items import outbox_item
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_commands import DynamoDBCommands
from functions.adapters.dynamodb_deliveries import DynamoDBDeliveries
from functions.adapters.dynamodb_recipients import DynamoDBRecipients
from functions.adapters.dynamodb_registry import DynamoDBRegistry
from functions.domain import alarm_work
from functions.domain.alarm_work import Act, SweepDeliveries, SweepOutbox, Tick
from functions.domain.audit import Note
from functions.domain.deliveries import State
from functions.domain.devices import Device, Source
from functions.domain.outbox import OutboxEntry
from functions.domain.recipients import Channel, Recipient
from functions.domain.webhook_signatures import secret_of, spelled
from functions.handlers import actions
from functions.settings import ActionsSettings
from tests.functions.adapters.hook_server import HookServer
from tests.functions.adapters.test_command_store_contract import ANN
from tests.functions.domain.deliveries_of import alarm
from tests.functions.services.actions_world import ActionsWorld

CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r", log_group_name="g"
)
MASTER = "m" * 64


@pytest.fixture
def hook():
    made = HookServer()
    yield made
    made.close()


def batch(*bodies):
    return {"Records": [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]}


class Deployed:
    """The function made by the bootstrap from its environment alone."""

    def __init__(self, client):
        self.sqs = boto3.client("sqs")
        self.client = client
        urls = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("actions", "commands", "live")}
        self.queue = urls["actions"]
        boto3.client("secretsmanager").create_secret(Name="webhook-key", SecretString=MASTER)
        audit = AuditedWrites(client, "events")
        self.recipients = DynamoDBRecipients(client, "core", audit)
        self.registry = DynamoDBRegistry(client, "core", "state", audit)
        self.commands = DynamoDBCommands(client, "core", audit)
        self.deliveries = DynamoDBDeliveries(client, "core", "events")
        self.now = SystemClock().now_ms()
        self.work = bootstrap.actions(
            ActionsSettings(
                core_table="core",
                state_table="state",
                events_table="events",
                live_table="live",
                live_queue_url=urls["live"],
                actions_queue_url=self.queue,
                commands_queue_url=urls["commands"],
                webhook_secret="webhook-key",
                loopback_webhooks="true",
            ).to_env()
        )

    def note(self, kind, subject):
        return Note(actor=ANN, action=f"{kind}.create", subject_kind=kind, subject_id=subject, at=self.now)

    def device(self, thing):
        device = Device(
            thing=thing,
            name="Pump 7",
            model="machine",
            group="plant-1",
            source=Source.API,
            created_at=self.now,
            updated_at=self.now,
            version=1,
        )
        assert self.registry.save(None, device, self.note("device", thing))

    def recipient(self, name, address):
        one = Recipient(
            id=name, name=name, channel=Channel.WEBHOOK, address=address, created_at=self.now, updated_at=self.now
        )
        return self.recipients.save(None, one, self.note("recipient", name))

    def raised(self, *rule, at):
        entry = OutboxEntry(transition=alarm(at=at, since=at), group="plant-1", at=at, actions=rule)
        self.client.put_item(TableName="core", Item=outbox_item(entry))

    def drain(self):
        """What the function has put into its queue, given to it as Lambda would, until there is nothing ready."""
        for _ in range(20):
            got = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
            if not got:
                return
            assert actions.handler(batch(*(one["Body"] for one in got)), CONTEXT) == {"batchItemFailures": []}
            for one in got:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
        raise AssertionError("the queue never becomes empty")


@pytest.fixture
def deployed(dynamodb, monkeypatch):
    dynamodb.create_table(
        TableName="live",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    )
    made = Deployed(dynamodb)
    monkeypatch.setattr(actions, "_work", lambda: made.work)
    return made


def test_an_alarm_is_told_by_a_signed_webhook_and_commands_its_device(deployed, hook):
    deployed.device("pump-7")
    recipient = deployed.recipient("on-call", f"http://127.0.0.1:{hook.port}/alarms")
    rule = (Notify(recipients=("on-call",)), Command(actuator="relay", parameters={"on": True}))
    deployed.raised(*rule, at=deployed.now)
    act = alarm_work.encode(Act(thing="pump-7", number=42, step=0))
    assert actions.handler(batch(act, act), CONTEXT) == {"batchItemFailures": []}
    deployed.drain()
    (heard,) = hook.heard
    event = Webhook(spelled(secret_of(MASTER.encode(), recipient, 1))).verify(heard.body, heard.headers)
    assert (event["type"], event["data"]["device_name"]) == ("alarm.raised", "Pump 7")
    (command,) = deployed.commands.open("pump-7")
    assert (command.name, command.by.name) == ("relay", "Cold store too warm")
    page = deployed.deliveries.of_alarm("pump-7", 42, 10, None)
    assert {one.state for one in page.deliveries} == {State.DELIVERED}
    (attempt,) = deployed.deliveries.attempts(next(one.id for one in page.deliveries if one.recipient))
    assert (attempt.status, attempt.note) == (200, "answered 200")


def test_what_nobody_was_told_of_is_found_by_the_sweeps(deployed, hook):
    deployed.device("pump-7")
    deployed.recipient("on-call", f"http://127.0.0.1:{hook.port}/alarms")
    deployed.raised(Notify(recipients=("on-call",)), at=deployed.now - 120_000)
    actions.handler(batch(alarm_work.encode(SweepOutbox()), alarm_work.encode(SweepDeliveries())), CONTEXT)
    deployed.drain()
    assert len(hook.heard) == 1


def test_a_beat_has_the_function_look_at_both(deployed):
    actions.handler(batch(alarm_work.encode(Tick())), CONTEXT)
    attributes = deployed.sqs.get_queue_attributes(
        QueueUrl=deployed.queue,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"],
    )["Attributes"]
    assert attributes == {"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesDelayed": "2"}


def test_a_record_that_nobody_can_read_fails_alone(clock, monkeypatch, capsys):
    world = ActionsWorld(clock)
    monkeypatch.setattr(actions, "_work", lambda: world.work)
    world.happens()
    (_, _, act) = world.queue.waiting[0]
    assert actions.handler(batch("nonsense", act), CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    counted = next(line for line in printed if "_aws" in line)
    assert (counted["planned"], counted["failed"]) == ([1.0], [1.0])


def test_a_delivery_that_fails_is_counted_apart_from_a_record_that_does(clock, monkeypatch, capsys):
    world = ActionsWorld(clock)
    monkeypatch.setattr(actions, "_work", lambda: world.work)
    del world.recipients.recipients["on-call"]
    world.happens()
    world.work.take(world.queue.waiting.pop()[2])
    (_, _, deliver) = world.queue.waiting[0]
    assert actions.handler(batch(deliver), CONTEXT) == {"batchItemFailures": []}
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    counted = next(line for line in printed if "_aws" in line)
    assert (counted["deliveries_failed"], counted["failed"]) == ([1.0], [0.0])
