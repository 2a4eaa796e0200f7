"""What goes to the queues of the functions `alarms`, `actions` and `backtests`."""

import boto3
import pytest

from functions.adapters.sqs_alarms import SqsActionsQueue, SqsAlarmsQueue, SqsBacktestsQueue
from functions.domain import alarm_work
from functions.domain.alarm_work import (
    Act,
    Backtest,
    Deliver,
    Refresh,
    SweepDeliveries,
    SweepOutbox,
    SweepTimers,
    Tick,
    Wake,
)
from functions.errors import AlarmsError


class Sqs:
    """Refuses the entries of the ids named, and keeps the others."""

    def __init__(self, refused=()):
        self.calls, self._refused = [], refused

    def send_message_batch(self, **request):
        self.calls.append(request)
        return {"Failed": [{"Id": one, "Code": "Throttled", "SenderFault": False} for one in self._refused]}


@pytest.fixture
def sqs(aws):
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="work")["QueueUrl"]

    def received():
        return [one["Body"] for one in client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])]

    return client, url, received


def test_work_on_alarms_comes_back_as_it_was(sqs):
    client, url, received = sqs
    work = [
        Tick(),
        SweepTimers(),
        SweepTimers(shard="03", until=5, after="k"),
        Wake(thing="pump-7"),
        Refresh(scope="group:plant-1", reason="rules", after="x"),
    ]
    SqsAlarmsQueue(client, url).put(*work)
    bodies = received()
    assert all('"v":1' in body for body in bodies)
    assert sorted(map(repr, map(alarm_work.decode_alarms, bodies))) == sorted(map(repr, work))


def test_work_on_actions_comes_back_as_it_was(sqs):
    client, url, received = sqs
    work = [
        Tick(),
        Act(thing="pump-7", number=42, step=1),
        Deliver(id="d"),
        SweepOutbox(shard="03", until=5),
        SweepDeliveries(),
    ]
    SqsActionsQueue(client, url).put(*work)
    assert sorted(map(repr, map(alarm_work.decode_actions, received()))) == sorted(map(repr, work))


def test_a_backtest_has_a_queue_of_its_own(sqs):
    client, url, received = sqs
    SqsBacktestsQueue(client, url).put(Backtest(id="b"))
    assert [alarm_work.decode_backtest(body) for body in received()] == [Backtest(id="b")]


def test_twenty_three_messages_take_three_calls_with_the_delay_on_each_of_them():
    client = Sqs()
    SqsAlarmsQueue(client, "url").put(*(Wake(thing=f"pump-{n}") for n in range(23)), delay_s=20)
    assert [len(call["Entries"]) for call in client.calls] == [10, 10, 3]
    assert {entry["DelaySeconds"] for call in client.calls for entry in call["Entries"]} == {20}


def test_nothing_to_send_is_no_call():
    client = Sqs()
    SqsActionsQueue(client, "url").put()
    assert client.calls == []


def test_a_message_that_sqs_refuses_is_an_error_after_the_others_were_sent():
    client = Sqs(refused=["2"])
    with pytest.raises(AlarmsError, match=r"actions function: 2 of 12 messages were refused, first: Throttled"):
        SqsActionsQueue(client, "url").put(*(Deliver(id=str(n)) for n in range(12)))
    assert len(client.calls) == 2


def test_a_queue_that_is_not_there_is_its_own_error(sqs):
    client, _, _ = sqs
    with pytest.raises(AlarmsError, match="sending work to the alarms function"):
        SqsAlarmsQueue(client, "https://sqs.eu-west-1.amazonaws.com/1/nowhere").put(Tick())
