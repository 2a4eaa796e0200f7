"""What has rules looked at besides messages: timers, devices that come or go, changes of rules."""

from collections import Counter

import pytest
from msgspec.structs import replace

from functions.adapters.memory import MemoryWorld
from functions.adapters.memory_alarm_queues import MemoryAlarmsQueue
from functions.adapters.memory_alarms import MemoryTimers
from functions.adapters.memory_registry import MemoryRegistry
from functions.domain import alarm_work
from functions.domain.alarm_work import Refresh, SweepTimers, Tick, Wake
from functions.domain.devices import Source
from functions.domain.outbox import TimersPage
from functions.domain.state import DeviceState
from functions.errors import AlarmsError, QueueMessageError, StateError
from functions.services.alarm_work import REFRESHED, SWEEP_MS, SWEPT, AlarmWork


class Evaluate:
    """Notes whom it evaluated; a device's timer is gone then, unless it is among those that `fail`."""

    def __init__(self, world):
        self.world, self.runs, self.fail = world, [], set()

    def run(self, thing, *, fresh):
        if thing in self.fail:
            raise StateError(f"{thing}: throttled")
        self.runs.append((thing, fresh))
        if thing in self.world.states:
            self.world.states[thing] = replace(self.world.states[thing], armed=None)
        return Counter(raised=1)

    @property
    def things(self):
        return [thing for thing, _ in self.runs]


class World:
    def __init__(self, clock):
        self.clock, self.memory = clock, MemoryWorld()
        self.queue, self.registry, self.evaluate = MemoryAlarmsQueue(), MemoryRegistry(), Evaluate(self.memory)
        self.timers = MemoryTimers(self.memory)
        self.at_once = []
        self.work = AlarmWork(
            timers=self.timers,
            evaluate=self.evaluate,
            registry=self.registry,
            queue=self.queue,
            clock=clock,
            side_by_side=self.side_by_side,
        )

    def side_by_side(self, call, items):
        self.at_once.append(len(items))
        return [call(item) for item in items]

    def arm(self, thing, at):
        self.memory.states[thing] = DeviceState(version=1, armed=at)

    def register(self, thing, group="plant-1", model="climate"):
        self.registry.register(thing, thing, model, group, Source.API, 0)

    def take(self, work):
        return self.work.take(alarm_work.encode(work))

    def take_all(self, work):
        """With all that comes of it; what was counted in all."""
        report = self.take(work)
        while self.queue.work:
            next_one, _ = self.queue.work.pop(0)
            report += self.take(next_one)
        return report


@pytest.fixture
def world(clock):
    return World(clock)


def test_a_minute_has_three_sweeps(world):
    world.take(Tick())
    assert world.queue.work == [(SweepTimers(), 0), (SweepTimers(), 20), (SweepTimers(), 40)]


def test_a_sweep_evaluates_what_is_due_and_nothing_else(world):
    now = world.clock.now_ms()
    world.arm("pump-1", now)
    world.arm("pump-2", now + 1)
    world.arm("pump-3", None)
    assert world.take(SweepTimers()) == {"due": 1, "raised": 1}
    assert world.evaluate.runs == [("pump-1", False)]


def test_a_sweep_of_many_goes_on_by_message_and_leaves_nobody_out(world):
    things = [f"pump-{n}" for n in range(3 * SWEPT)]
    for thing in things:
        world.arm(thing, world.clock.now_ms() - 5)
    assert world.take_all(SweepTimers())["due"] == len(things)
    assert sorted(world.evaluate.things) == sorted(things)
    assert max(world.at_once) == SWEPT


def test_a_device_that_fails_holds_up_neither_the_others_nor_the_next_sweep(world):
    for thing in ("pump-1", "pump-2"):
        world.arm(thing, world.clock.now_ms())
    world.evaluate.fail = {"pump-1"}
    assert world.take(SweepTimers()) == {"due": 2, "raised": 1, "unswept": 1}
    world.evaluate.fail = set()
    assert world.take(SweepTimers()) == {"due": 1, "raised": 1}
    assert world.evaluate.things == ["pump-2", "pump-1"]


def test_a_sweep_that_takes_too_long_leaves_the_rest_to_the_next_one(world, monkeypatch):
    for n in range(SWEPT):
        world.arm(f"pump-{n:02d}", world.clock.now_ms())
    run = world.evaluate.run

    def slow(thing, *, fresh):
        world.clock.now += SWEEP_MS // 5
        return run(thing, fresh=fresh)

    monkeypatch.setattr(world.evaluate, "run", slow)
    assert world.take(SweepTimers()) == {"due": SWEPT, "raised": 5, "unswept": SWEPT - 5}
    assert world.take(SweepTimers())["due"] == SWEPT - 5


def test_a_shard_that_cannot_be_read_is_left_to_the_next_sweep_and_the_others_are_swept(world, monkeypatch):
    def due(shard, *_):
        if shard == "01":
            raise AlarmsError("throttled")
        return TimersPage((f"pump-{shard}",), None)

    monkeypatch.setattr(world.timers, "shards", lambda: ("00", "01", "02"))
    monkeypatch.setattr(world.timers, "due", due)
    assert world.take(SweepTimers()) == {"unswept_shards": 1, "due": 2, "raised": 2}
    assert world.evaluate.things == ["pump-00", "pump-02"]


def test_what_a_sweep_cannot_pass_on_is_left_to_the_next_one(world):
    for n in range(SWEPT + 1):
        world.arm(f"pump-{n}", world.clock.now_ms())
    world.queue.fails = True
    report = world.take(SweepTimers())
    assert (report["due"], report["unswept_shards"]) == (SWEPT, 1)
    world.queue.fails = False
    assert world.take(SweepTimers())["due"] == 1


def test_who_is_woken_is_evaluated_by_what_the_registry_says_now(world):
    assert world.take(Wake(thing="pump-7")) == {"raised": 1, "woken": 1}
    assert world.evaluate.runs == [("pump-7", True)]


def test_a_wake_that_fails_comes_again(world):
    world.evaluate.fail = {"pump-7"}
    with pytest.raises(StateError):
        world.take(Wake(thing="pump-7"))


@pytest.mark.parametrize(
    ("scope", "things"),
    [
        ("*", ["cam-1", "pump-1", "pump-2", "pump-3"]),
        ("model:machine", ["pump-1", "pump-2", "pump-3"]),
        ("group:plant-1", ["cam-1", "pump-1", "pump-2"]),
        ("group:plant-1/line-2", ["pump-2"]),
        ("device:pump-3", ["pump-3"]),
        ("device:pump-9", []),
    ],
)
def test_a_change_of_rules_has_the_devices_of_their_scope_evaluated(world, scope, things):
    world.register("cam-1")
    world.register("pump-1", model="machine")
    world.register("pump-2", "plant-1/line-2", "machine")
    world.register("pump-3", "plant-10", "machine")
    assert world.take_all(Refresh(scope=scope, reason="rules"))["refreshed"] == len(things)
    assert sorted(world.evaluate.runs) == [(thing, True) for thing in things]


def test_a_scope_of_many_devices_is_gone_through_page_by_page(world):
    things = sorted(f"pump-{n}" for n in range(2 * REFRESHED + 1))
    for thing in things:
        world.register(thing)
    assert world.take_all(Refresh(scope="*"))["refreshed"] == len(things)
    assert sorted(world.evaluate.things) == things


def test_a_device_of_a_scope_that_fails_is_woken_by_a_message_of_its_own(world):
    for thing in ("pump-1", "pump-2"):
        world.register(thing)
    world.evaluate.fail = {"pump-1"}
    assert world.take(Refresh(scope="*")) == {"refreshed": 2, "raised": 1, "unrefreshed": 1}
    assert world.queue.work == [(Wake(thing="pump-1"), 0)]


@pytest.mark.parametrize("scope", ["", "plant-1", "group:", "everything", "*:x", "tag:a"])
def test_what_is_no_scope_belongs_into_the_dead_letter_queue(world, scope):
    with pytest.raises(QueueMessageError, match=r"scope: expected \*, model:…"):
        world.take(Refresh(scope=scope))
