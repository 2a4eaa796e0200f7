"""The power is cut at every write and every sync of a scenario, and what any disk may then hold is opened again."""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from device_agent.queue import Priority, RingQueue
from device_agent.state_file import StateFile
from tests.device_agent.queue.disk import SimulatedDisk

QUEUE = Path("/device/queue")
URGENT, TELEMETRY, LOG = Priority


def keepers():
    """What of n unsynced things a cut may leave: nothing, all, the first, all but the first, and any mixture."""
    yield "nothing", lambda n: range(0)
    yield "all", range
    yield "first half", lambda n: range(n)[: n // 2]
    yield "second half", lambda n: range(n)[n // 2 :]
    for seed in range(3):
        chance = Random(seed)
        yield f"mixture {seed}", lambda n, chance=chance: [place for place in range(n) if chance.random() < 0.5]


@dataclass
class Promise:
    """What the queue has promised, and what it may do, at one moment."""

    returned: dict = field(default_factory=lambda: {p: [] for p in Priority})
    acknowledged: set = field(default_factory=set)
    under_way: tuple = ()
    position: str | None = None
    highest_id: int = 0

    def copy(self):
        return Promise(
            {p: list(payloads) for p, payloads in self.returned.items()},
            set(self.acknowledged),
            self.under_way,
            self.position,
            self.highest_id,
        )


class Scenario:
    """A queue on a simulated disk that notes, at every event, the disk and what was promised until then."""

    def __init__(self, clock, log, *, max_bytes=8 * 4096):
        self.disk = SimulatedDisk()
        self.clock, self.log, self.max_bytes = clock, log, max_bytes
        self.promise = Promise()
        self.queue = None
        self.drops = False
        """Whether the ring is too small for what it is given."""
        self.count = 0
        self.watch()

    def watch(self):
        """Note every moment from here on."""
        self.moments = []
        self.disk.on_event = lambda: self.moments.append((self.disk.snapshot(), self.promise.copy()))

    def open(self, disk=None, max_bytes=None):
        return RingQueue(
            QUEUE, max_bytes=max_bytes or self.max_bytes, clock=self.clock, log=self.log, files=disk or self.disk
        )

    def append(self, *priorities, size=40):
        messages = []
        for priority in priorities:
            self.count += 1
            # Incompressible, so that segments fill.
            messages.append((priority, b"%06d" % self.count + Random(self.count).randbytes(size)))
        position = str(self.count)
        self.promise.under_way = (*messages, position)
        self.queue.append(messages, {"s": position})
        for priority, payload in messages:
            self.promise.returned[priority].append(payload)
        self.promise.under_way, self.promise.position = (), position

    def acknowledge(self, priority, count, *, newest=False):
        messages = self.queue.newest(priority, count) if newest else self.queue.peek(priority, 0, count)
        self.promise.highest_id = max([self.promise.highest_id, *(m.id for m in messages)])
        self.promise.acknowledged |= {m.payload for m in messages}
        self.queue.acknowledge([m.id for m in messages])

    def check_everywhere(self, *, at_least=20):
        assert len(self.moments) > at_least
        self.moments.append((self.disk.snapshot(), self.promise))
        for moment, (disk, promise) in enumerate(self.moments):
            for name, keep in keepers():
                try:
                    self.check(disk.cut(keep), promise)
                except Exception as error:
                    raise AssertionError(f"cut at event {moment}, left: {name}") from error

    def check(self, disk, promise):
        queue = self.open(disk)
        held = {p: queue.peek(p, 0, 10_000) for p in Priority}
        stats = queue.stats()
        *under_way, position = promise.under_way or (None,)
        begun = [payload for _, payload in under_way]
        for priority, messages in held.items():
            payloads = [message.payload for message in messages]
            assert [message.id for message in messages] == sorted({message.id for message in messages})
            expected = [
                *promise.returned[priority],
                *(payload for of, payload in under_way if of == priority),
            ]
            assert payloads == [payload for payload in expected if payload in set(payloads)], "invented or out of order"
            lost = [p for p in promise.returned[priority] if p not in {*payloads, *promise.acknowledged}]
            assert len(lost) <= stats[priority].dropped, "lost, and not counted"
            assert lost == [p for p in promise.returned[priority] if p not in promise.acknowledged][: len(lost)]
            assert stats[priority].messages == len(payloads)
            if not promise.acknowledged:
                more = len(payloads) + stats[priority].dropped - len(promise.returned[priority])
                assert 0 <= more <= sum(of == priority for of, _ in under_way), "dropped, and there again"
            assert stats[priority].oldest_id == (messages[0].id if messages else None)
        there = {m.payload for messages in held.values() for m in messages}
        if begun and not stats.dropped:
            assert len(there & set(begun)) in {0, len(begun)}, "half an append"
        if begun and there & set(begun):
            assert queue.position("s") == position
        else:
            assert queue.position("s") in {promise.position, position}
            if there and not stats.dropped:
                assert queue.position("s") == promise.position
        ids = [m.id for messages in held.values() for m in messages]
        queue.append([(URGENT, b"after"), (LOG, b"after too")], {"s": "after"})
        newest = queue.newest(URGENT, 1)
        assert [message.payload for message in newest] == [b"after"]
        assert newest[0].id > max([promise.highest_id, *ids])
        if not self.drops:
            assert stats.dropped == 0
            held[URGENT] += newest
            held[LOG] += queue.newest(LOG, 1)
            assert {p: queue.peek(p, 0, 10_000) for p in Priority} == held
        # Neither does a clean stop change anything, nor what is left of the append that was cut.
        queue.close()
        queue = self.open(disk)
        assert queue.position("s") == "after"
        assert queue.newest(URGENT, 1) == newest
        if not self.drops:
            assert {p: queue.peek(p, 0, 10_000) for p in Priority} == held
        queue.close()


@pytest.fixture
def scenario(clock, log):
    return Scenario(clock, log)


def test_a_new_queue_and_its_first_appends_survive_a_cut_anywhere(scenario):
    scenario.queue = scenario.open()
    scenario.append(TELEMETRY)
    scenario.append(URGENT, TELEMETRY, LOG)
    scenario.append(TELEMETRY, TELEMETRY)
    scenario.queue.close()

    scenario.check_everywhere()


def test_appends_of_all_priorities_and_acknowledgements_survive_a_cut_anywhere(scenario):
    scenario.queue = scenario.open()
    chance = Random(5)
    for _ in range(12):
        scenario.append(*chance.choices(list(Priority), k=chance.randrange(1, 5)))
        scenario.acknowledge(TELEMETRY, chance.randrange(3), newest=chance.random() < 0.5)
    scenario.queue.close()
    scenario.queue = scenario.open()
    scenario.acknowledge(URGENT, 3)
    scenario.append(LOG)
    scenario.acknowledge(LOG, 2)
    scenario.queue.close()

    scenario.check_everywhere()


def test_segments_used_again_and_again_survive_a_cut_anywhere(scenario):
    scenario.queue = scenario.open()
    for n in range(24):
        scenario.append(TELEMETRY, size=1500)
        if n > 2:
            scenario.acknowledge(TELEMETRY, 1)
    # More segments than there are have been begun.
    assert scenario.queue._state.generation > 8

    scenario.check_everywhere()


def test_a_full_ring_that_drops_survives_a_cut_anywhere(scenario):
    scenario.drops = True
    scenario.queue = scenario.open()
    for n in range(14):
        scenario.append(*((LOG, TELEMETRY) if n % 2 else (TELEMETRY, URGENT)), size=1500)
    assert scenario.queue.stats().dropped > 0

    scenario.check_everywhere()


def test_an_append_of_several_records_of_one_priority_is_all_or_nothing(scenario):
    scenario.queue = scenario.open()
    scenario.append(TELEMETRY)
    scenario.append(*[TELEMETRY] * 9, *[URGENT] * 2, size=700)
    scenario.append(TELEMETRY)

    scenario.check_everywhere()


def test_an_append_that_begins_several_segments_at_once_survives_a_cut_anywhere(scenario):
    scenario.queue = scenario.open()
    scenario.append(URGENT)
    scenario.append(TELEMETRY, TELEMETRY, TELEMETRY, size=3000)
    scenario.append(LOG)

    scenario.check_everywhere()


def test_a_cut_while_the_queue_is_mended_after_a_cut(scenario, clock, log):
    scenario.queue = scenario.open()
    scenario.append(TELEMETRY, URGENT)
    scenario.append(TELEMETRY, URGENT, LOG)
    first = list(scenario.moments)
    for disk, promise in first[-9:]:
        for _, keep in [*keepers()][3:6]:
            scenario.disk = disk.cut(keep)
            scenario.promise = promise
            scenario.watch()
            scenario.open()
            for again, promised in scenario.moments:
                for _, keep_again in keepers():
                    scenario.check(again.cut(keep_again), promised)


def test_a_queue_that_is_made_smaller_survives_a_cut_anywhere(scenario):
    scenario.drops = True
    scenario.queue = scenario.open()
    for n in range(8):
        scenario.append(TELEMETRY if n % 4 else URGENT, size=1500)
    scenario.queue.close()
    scenario.moments.clear()
    scenario.max_bytes = 3 * 4096
    scenario.queue = scenario.open()
    assert scenario.queue.stats().dropped > 0
    scenario.append(URGENT)

    scenario.check_everywhere(at_least=8)


def test_what_is_seen_after_a_kill_is_on_the_disk_before_anything_follows_from_it(scenario):
    """A killed process leaves its unsynced writes to the kernel: they are read, and a cut may still take them."""
    scenario.queue = scenario.open()
    scenario.append(TELEMETRY)
    scenario.append(LOG)
    scenario.watch()
    scenario.append(TELEMETRY)
    seen = 0
    for moment, _ in scenario.moments:
        disk = moment.killed()
        queue = scenario.open(disk)
        before = queue.peek(TELEMETRY, 0, 10)
        seen += len(before) == 2
        queue.append([(LOG, b"after")], {"s": "after"})
        for _, keep in keepers():
            queue = scenario.open(disk.cut(keep))
            assert queue.peek(TELEMETRY, 0, 10) == before
            assert queue.position("s") == "after"
    assert seen > 1


def test_state_survives_a_cut_anywhere_whole(log):
    disk = SimulatedDisk()
    path = Path("/device/state")
    moments = []
    promised = [None]
    disk.on_event = lambda: moments.append((disk.snapshot(), list(promised)))
    state = StateFile(path, files=disk, log=log, slot_bytes=4096)
    for n in range(6):
        value = {"n": n, "rest": "x" * 400 * n}
        promised = [promised[-1], value]
        state.write("a", value)
        promised = [value]

    assert len(moments) > 15
    for moment, values in moments:
        for _, keep in keepers():
            after = moment.cut(keep)
            opened = StateFile(path, files=after, log=log, slot_bytes=4096)
            assert opened.read("a") in values
            opened.write("b", 1)
            again = StateFile(path, files=after, log=log, slot_bytes=4096)
            assert again.read("a") in values
            assert again.read("b") == 1
