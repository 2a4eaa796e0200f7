import random

import pytest

from tests.simulation.kernel import Kernel
from tests.simulation.sqs import Delivery, EventSource, Queue, SqsClient
from tests.simulation.wires import Direct


@pytest.fixture
def kernel():
    return Kernel(0.0)


@pytest.fixture
def dead(kernel):
    return Queue("dead", kernel, visibility_ms=0)


@pytest.fixture
def queue(kernel, dead):
    return Queue("work", kernel, visibility_ms=30_000, receives=3, dead=dead)


class Function:
    """Takes what it is given, and fails what it was told to."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.batches = []
        self.fails = ()
        self.takes_ms = 0.0

    def __call__(self, records, answered):
        self.batches.append((self.kernel.now, sorted(record["body"] for record in records)))
        failed = [{"itemIdentifier": one["messageId"]} for one in records if one["body"] in self.fails]
        self.kernel.after(self.takes_ms, lambda: answered({"batchItemFailures": failed}))

    @property
    def bodies(self):
        return [body for _, batch in self.batches for body in batch]


@pytest.fixture
def function(kernel):
    return Function(kernel)


@pytest.fixture
def source(kernel, queue, function):
    return EventSource(
        queue,
        kernel,
        random.Random(1),
        function,
        batch_size=10_000,
        window_ms=1000,
        concurrency=2,
        delivery=Delivery(),
    )


def test_what_gathers_within_the_window_is_one_batch_of_thousands(kernel, queue, function, source):
    for at in range(4000):
        queue.send(str(at))
    kernel.run(60_000)
    assert [len(bodies) for _, bodies in function.batches] == [4000]
    assert queue.messages == {}


def test_a_delayed_message_comes_when_it_is_time(kernel, queue, function, source):
    queue.send("later", delay_s=20)
    kernel.run(60_000)
    assert function.batches == [(21_000.0, ["later"])]


def test_what_failed_comes_again_once_it_is_visible_and_in_the_end_is_a_dead_letter(
    kernel, queue, dead, function, source
):
    function.fails = ("bad",)
    queue.send("bad")
    queue.send("good")
    kernel.run(600_000)
    assert [bodies for _, bodies in function.batches] == [["bad", "good"], ["bad"], ["bad"]]
    assert all(
        later - at >= 30_000 for (at, _), (later, _) in zip(function.batches, function.batches[1:], strict=False)
    )
    assert [message.body for message in dead.messages.values()] == ["bad"]
    assert queue.messages == {}


def test_what_is_still_worked_on_when_it_becomes_visible_is_handed_out_again(kernel, queue, function, source):
    function.takes_ms = 45_000.0
    queue.send("slow")
    kernel.run(200_000)
    assert function.bodies == ["slow", "slow"]


def test_a_message_may_come_twice_at_once_or_after_it_was_done_with(kernel, queue, function, source):
    source.delivery = Delivery(undeleted=1.0)
    queue.send("again")
    kernel.run(20_000)
    source.delivery = Delivery(twice=1.0)
    kernel.run(40_000)
    source.delivery = Delivery()
    kernel.run(200_000)
    assert function.bodies[:2] == ["again", "again"]
    assert queue.messages == {}


def test_no_more_run_at_a_time_than_may(kernel, queue, function, source):
    function.takes_ms = 5_000.0
    for at in range(4):
        kernel.at(at * 1_500.0, lambda at=at: queue.send(str(at)))
    kernel.run(60_000)
    starts = [at for at, _ in function.batches]
    assert function.bodies == ["0", "1", "2", "3"]
    assert all(sum(start <= at < start + 5_000 for start in starts) <= 2 for at in starts)


def test_an_answer_that_names_what_was_not_in_the_batch_fails_all_of_it(kernel, queue, function, source):
    source._invoke = lambda records, answered: (
        function(records, lambda _: None),
        answered({"batchItemFailures": [{"itemIdentifier": "another"}]}),
    )
    queue.send("one")
    kernel.run(40_000)
    assert function.bodies == ["one", "one"]


def test_the_client_sends_as_boto3_does(kernel, queue):
    client = SqsClient({queue.url: queue}, Direct())
    client.send_message(QueueUrl=queue.url, MessageBody="now")
    entries = [{"Id": "0", "MessageBody": "later", "DelaySeconds": 7}]
    assert client.send_message_batch(QueueUrl=queue.url, Entries=entries)["Failed"] == []
    assert [(one.body, one.visible_at) for one in queue.messages.values()] == [("now", 0.0), ("later", 7_000.0)]
