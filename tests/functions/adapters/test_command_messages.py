"""What goes to the broker and to the commands function's own queue."""

import boto3
import pytest
from botocore.exceptions import ClientError

from contract import documents
from contract.documents import CommandRequest, InternalEvent
from functions.adapters.iot_publish import IotCommandBroker
from functions.adapters.sqs_commands import SqsCommandQueue
from functions.domain import command_work
from functions.domain.command_work import ONLINE, CancelBulk, SendBulk, Sweep, Tick
from functions.errors import CommandsError

REQUEST = CommandRequest(id="c1", name="relay", parameters={"on": True}, created_at=1, expires_at=2)


class Broker:
    def __init__(self, problem=None):
        self.published, self.problem = [], problem

    def publish(self, **request):
        if self.problem:
            raise self.problem
        self.published.append(request)


@pytest.fixture
def queue(aws):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="commands")["QueueUrl"]

    def received():
        return [one["Body"] for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])]

    return SqsCommandQueue(sqs, url), received


def test_a_command_goes_to_its_device_s_own_topic_and_reads_back_there():
    broker = Broker()
    IotCommandBroker(broker).publish("pump-7", REQUEST)
    (sent,) = broker.published
    assert (sent["topic"], sent["qos"]) == ("cmd/pump-7/c1/req", 1)
    assert documents.decode(CommandRequest, sent["payload"]) == REQUEST


def test_a_broker_that_refuses_is_an_error_that_names_command_and_device():
    refused = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "Publish")
    with pytest.raises(CommandsError, match=r"publishing command c1 to pump-7: .*slow down"):
        IotCommandBroker(Broker(refused)).publish("pump-7", REQUEST)


def test_a_device_that_is_awake_is_told_as_an_internal_event(queue):
    put, received = queue
    put.wake("pump-7", ONLINE, 5)
    (body,) = received()
    assert documents.decode(InternalEvent, body.encode()) == InternalEvent(kind="device_online", thing="pump-7", at=5)


@pytest.mark.parametrize(
    "work",
    [Tick(), Sweep(), Sweep(shard="03", until=5, after="k"), SendBulk(bulk="b"), CancelBulk(bulk="b", after="x")],
)
def test_work_comes_back_as_it_was(queue, work):
    put, received = queue
    put.put(work)
    (body,) = received()
    assert command_work.decode(body) == work
    assert '"v":1' in body


def test_a_queue_that_is_not_there_is_its_own_error(queue):
    lost = SqsCommandQueue(boto3.client("sqs"), "https://sqs.eu-west-1.amazonaws.com/1/nowhere")
    with pytest.raises(CommandsError, match="waking the commands of pump-7"):
        lost.wake("pump-7", ONLINE, 5)
