"""Messages that no attempt can handle, through the handler and a queue as SQS has it: each a dead letter, alone."""

import importlib
import json
import random
from types import SimpleNamespace

import pytest

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from functions.adapters.memory import ManualClock, MemoryTelemetryStore
from functions.handlers import ingest as handler
from tests.functions.ingest_fleet import DAY, NOW, Fleet
from tests.simulation.sqs import Queue

RECEIVES = 3
VISIBILITY_MS = 361_000
BATCH = 1000
DEVICES = 100
CONTEXT = SimpleNamespace(
    function_name="ingest", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r", log_group_name="g"
)


class Cloud:
    """The queue of telemetry, its dead letters, and Lambda between it and the real handler over ingest in memory."""

    def __init__(self, monkeypatch):
        clock = ManualClock(NOW)
        self.fleet = Fleet(MemoryTelemetryStore(clock=clock, retention_ms=30 * DAY), clock)
        self.kernel = SimpleNamespace(now=float(NOW))
        self.dead = Queue("dlq", self.kernel, visibility_ms=VISIBILITY_MS)
        self.queue = Queue("ingest", self.kernel, visibility_ms=VISIBILITY_MS, receives=RECEIVES, dead=self.dead)
        self.invocations = 0
        self._chance = random.Random(1)
        monkeypatch.setattr(handler, "_ingest", lambda: self.fleet)

    def drain(self):
        """Until the queue is empty."""
        while self.queue.messages:
            batch = self.queue.receive(BATCH, self._chance)
            if not batch:
                hidden = [message.visible_at for message in self.queue.messages.values()]
                self.kernel.now = min(hidden, default=self.kernel.now)
                continue
            self.invocations += 1
            assert self.invocations < 100, "the queue stalls"
            records = [{"messageId": message.id, "body": message.body} for message in batch]
            answer = handler.handler({"Records": records}, CONTEXT)
            failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
            assert failed <= {message.id for message in batch}
            for message in batch:
                if message.id not in failed:
                    self.queue.delete(message)

    def counters(self):
        return [state.counters for state in self.fleet.world.states.values()]

    def stored(self):
        return len(self.fleet.store._points)


@pytest.fixture
def cloud(monkeypatch):
    return Cloud(monkeypatch)


def body(number, **values):
    """The `number`-th message of the fleet: its device's next one."""
    thing, seq = f"pump-{number % DEVICES}", number // DEVICES
    ts = NOW - 1_000_000 + seq * 1000
    document = {"v": 1, "boot": "b1", "seq": seq, "sent": ts, "m": [{"ts": ts, "values": values or {"power": 1.5}}]}
    data = json.dumps(document).encode()
    return wrapper.encode(IngestMessage(data=data, thing=thing, received_at=ts + 500)).decode()


def test_one_poison_message_among_ten_thousand_is_the_only_one_that_is_not_stored(cloud):
    count, poisoned = 10_000, 4711
    for number in range(count):
        cloud.queue.send("poison" if number == poisoned else body(number))
    cloud.drain()
    assert [message.body for message in cloud.dead.messages.values()] == ["poison"]
    assert cloud.stored() == count - 1
    assert sum(one.messages for one in cloud.counters()) == count - 1
    assert sum(one.duplicates for one in cloud.counters()) == 0
    assert len(cloud.fleet.lake.lines) == count - 1
    # Ten batches, and the poison alone until the queue gives up.
    assert cloud.invocations <= count // BATCH + RECEIVES


def test_a_queue_of_nothing_but_poison_does_not_stall(cloud):
    poison = ["{}", "null", "\x00", '{"data":"?","thing":"pump-1","received_at":1}', "[" * 5000]
    for number in range(600):
        cloud.queue.send(poison[number % len(poison)])
    cloud.drain()
    assert len(cloud.dead.messages) == 600
    assert (cloud.stored(), cloud.invocations) == (0, RECEIVES)
    cloud.queue.send(body(1))
    cloud.drain()
    assert cloud.stored() == 1


def test_rubbish_of_devices_is_quarantined_and_no_dead_letter(cloud):
    for number in range(50):
        data = [b"", b"\xff", b"[" * 9000, b'{"v":1', b'{"v":1,"boot":"b","seq":-1}'][number % 5]
        cloud.queue.send(wrapper.encode(IngestMessage(data=data, thing=f"pump-{number}", received_at=NOW)).decode())
    cloud.drain()
    assert (len(cloud.dead.messages), cloud.invocations) == (0, 1)
    assert len(cloud.fleet.quarantine.entries) == 50


@pytest.mark.parametrize("where", ["functions.domain.ingest.newest", "functions.services.ingest.spared"])
def test_a_bug_that_one_message_trips_holds_up_no_other_of_its_device_and_is_told(cloud, monkeypatch, where):
    said = []
    monkeypatch.setattr(handler.logger, "error", lambda text, **more: said.append((text, more["problem"])))
    module, _, name = where.rpartition(".")
    working = getattr(importlib.import_module(module), name)

    def trips(some, *more):
        if "poison" in repr(some):
            raise LookupError("a bug")
        return working(some, *more)

    monkeypatch.setattr(where, trips)
    for number in range(0, 20 * DEVICES, DEVICES):
        cloud.queue.send(body(number))
    cloud.drain()
    for number in range(20 * DEVICES, 30 * DEVICES, DEVICES):
        cloud.queue.send(body(number, poison=1.0) if number == 25 * DEVICES else body(number))
    cloud.drain()
    assert len(cloud.dead.messages) == (where == "functions.domain.ingest.newest")
    assert cloud.stored() == 30 - len(cloud.dead.messages)
    assert sum(one.messages for one in cloud.counters()) == 30 - len(cloud.dead.messages)
    assert ("messages of a device were read one by one", "pump-0: LookupError: a bug") in said
