"""Any order of appends, acknowledgements, crashes, damage and changes of size, against a model that is a few lists."""

import logging
from pathlib import Path
from random import Random

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from device_agent.clock import ManualClock
from device_agent.queue import Priority, RingQueue
from device_agent.queue.records import scan
from tests.device_agent.queue.disk import SimulatedDisk

QUEUE = Path("/device/queue")
LOG = logging.LoggerAdapter(logging.getLogger("device_agent.test"), {})
PRIORITIES = st.sampled_from(Priority)
BATCH = st.lists(st.tuples(PRIORITIES, st.sampled_from([0, 30, 400, 1500, 3000])), min_size=1, max_size=4)


class QueueMachine(RuleBasedStateMachine):
    """`waiting` is what must be there, by priority; whatever is missing must have been dropped and counted."""

    @initialize(segments=st.integers(2, 6))
    def start(self, segments):
        self.disk = SimulatedDisk()
        self.segments = segments
        self.waiting = {priority: [] for priority in Priority}
        self.gone = dict.fromkeys(Priority, 0)
        self.position = None
        self.highest_id = 0
        self.count = 0
        self.open()

    def open(self):
        self.queue = RingQueue(QUEUE, max_bytes=self.segments * 4096, clock=ManualClock(), log=LOG, files=self.disk)

    def held(self):
        return {priority: self.queue.peek(priority, 0, 10_000) for priority in Priority}

    @rule(batch=BATCH)
    def append(self, batch):
        messages = []
        for priority, size in batch:
            self.count += 1
            messages.append((priority, b"%d:" % self.count + Random(self.count).randbytes(size)))
        self.position = str(self.count)
        self.queue.append(messages, {"s": self.position})
        for priority, payload in messages:
            self.waiting[priority].append(payload)
        self.account()
        new = {message.id for messages in self.held().values() for message in messages[-4:]}
        self.highest_id = max([self.highest_id, *new])

    def account(self):
        """What the ring dropped to make room goes from the model, and must have been counted."""
        for priority, messages in self.held().items():
            there = {message.payload for message in messages}
            missing = [payload for payload in self.waiting[priority] if payload not in there]
            self.gone[priority] += len(missing)
            self.waiting[priority] = [payload for payload in self.waiting[priority] if payload in there]
            assert self.queue.stats()[priority].dropped == self.gone[priority]

    @rule(priority=PRIORITIES, count=st.integers(1, 5), newest=st.booleans(), chance=st.randoms(use_true_random=False))
    def acknowledge_some(self, priority, count, newest, chance):
        messages = self.queue.newest(priority, count) if newest else self.queue.peek(priority, 0, count)
        done = [message for message in messages if chance.random() < 0.7]
        chance.shuffle(done)
        self.queue.acknowledge([message.id for message in done])
        payloads = {message.payload for message in done}
        self.waiting[priority] = [payload for payload in self.waiting[priority] if payload not in payloads]

    @rule(after=st.integers(0, 10), limit=st.integers(0, 5), priority=PRIORITIES)
    def peek_from_somewhere(self, after, limit, priority):
        everything = self.queue.peek(priority, 0, 10_000)
        start = everything[min(after, len(everything) - 1)].id if everything else 0
        assert self.queue.peek(priority, start, limit) == [m for m in everything if m.id > start][:limit]
        assert self.queue.newest(priority, limit) == everything[max(0, len(everything) - limit) :]

    @rule()
    def close_and_open(self):
        self.queue.close()
        self.open()

    @rule(segments=st.integers(2, 6))
    def change_size(self, segments):
        self.queue.close()
        self.segments = segments
        self.open()
        self.account()

    @rule(kept=st.sampled_from(["nothing", "all", "mixture"]), seed=st.integers(0, 9))
    def cut_the_power(self, kept, seed):
        """Between two calls: everything is there; only acknowledgements since the last append may be forgotten."""
        chance = Random(seed)
        keep = {
            "nothing": lambda n: range(0),
            "all": range,
            "mixture": lambda n: [place for place in range(n) if chance.random() < 0.5],
        }[kept]
        self.disk = self.disk.cut(keep)
        self.open()
        for priority, messages in self.held().items():
            payloads = [message.payload for message in messages]
            assert set(self.waiting[priority]) <= set(payloads), "lost"
            self.waiting[priority] = payloads

    @rule(number=st.integers(0, 5), at=st.integers(0, 4095), bit=st.integers(0, 7))
    def flip_a_bit_after_a_clean_stop(self, number, at, bit):
        self.queue.close()
        path = QUEUE / f"segment-{number:03}"
        if f"segment-{number:03}" in self.disk.listdir(QUEUE):
            content = bytearray(self.disk.content(path))
            hit = [f.header for f in scan(bytes(content)) if f.offset <= at < f.offset + f.header.length]
            content[at] ^= 1 << bit
            self.disk.set_content(path, bytes(content))
            self.open()
            most = max((header.count for header in hit), default=0)
            missing = 0
            for priority, messages in self.held().items():
                payloads = [message.payload for message in messages]
                assert set(payloads) <= set(self.waiting[priority]), "invented"
                missing += len(self.waiting[priority]) - len(payloads)
                self.waiting[priority] = payloads
                self.gone[priority] = self.queue.stats()[priority].dropped
            assert missing <= most
        else:
            self.open()

    @invariant()
    def the_model_holds(self):
        stats = self.queue.stats()
        for priority, messages in self.held().items():
            assert [message.payload for message in messages] == self.waiting[priority]
            ids = [message.id for message in messages]
            assert ids == sorted(set(ids))
            assert stats[priority].messages == len(ids)
            assert stats[priority].oldest_id == (ids[0] if ids else None)
            assert (stats[priority].bytes > 0) == bool(ids)
        assert self.queue.position("s") == self.position

    @rule()
    def ids_go_on(self):
        self.queue.append([(Priority.URGENT, b"%d" % self.count)], {})
        self.waiting[Priority.URGENT].append(b"%d" % self.count)
        self.count += 1
        self.account()
        newest = self.queue.newest(Priority.URGENT, 1)[0].id
        assert newest > self.highest_id
        self.highest_id = newest


TestAnyOrder = QueueMachine.TestCase
# Making a failing example smaller would take minutes; the seed that is printed brings it back.
TestAnyOrder.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, phases=[Phase.reuse, Phase.generate]
)
