"""Whatever happens to the clock, the agent and the machine: what the broker may have seen never changes or goes back.

One device is read, synchronised, set, stopped, killed and rebooted in any order; what would be published is kept. The
recorder, the timekeeper and the payloads are the real ones, the storage is the one in memory.
"""

import asyncio
import logging
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contract import telemetry
from device_agent import wire
from device_agent.clock import ManualClock
from device_agent.health import Health
from device_agent.queue import Priority
from device_agent.recording.recorder import Recorder
from device_agent.sensors import Reading
from device_agent.time.machine_boots import AHEAD_RESERVE_MS
from device_agent.time.timekeeper import FORGET_AHEAD_MS, RELEASED_MS, ClockSettings, Timekeeper
from tests.device_agent.memory_storage import MemoryStorage

TRUE_START = 1_790_000_000_000
YEARS_10 = 10 * 365 * 86_400_000
TOLERANCE_MS = 10
ADDRESSES = wire.Addresses("pump-7")
LOG = logging.LoggerAdapter(logging.getLogger("device_agent.test"), {})

short_steps = st.integers(-20 * 60_000, 20 * 60_000)
walls = st.one_of(st.integers(-YEARS_10, YEARS_10), short_steps)


@dataclass(frozen=True)
class Sent:
    machine_boot: str
    at: int
    ts: int


class Device(RuleBasedStateMachine):
    @initialize(wait=st.sampled_from([0, 30]), synced=st.booleans(), wall=walls)
    def boot(self, wait, synced, wall):
        self.runner = asyncio.Runner()
        self.clock = ManualClock(TRUE_START if synced else max(0, TRUE_START + wall))
        self.clock.set_synced(synced)
        self.settings = ClockSettings(wait_s=wait)
        self.disk = MemoryStorage().disk
        self.taken = []  # by number: (start of the machine, boot time, true time)
        self.bytes = {}  # what has arrived, by (boot, seq)
        self.sent = {}  # by number
        self.starts = 0
        self.erred = False
        self.was_ahead = False
        self.do(self.start())

    def teardown(self):
        if hasattr(self, "runner"):
            # Its loop holds three files. A failure is played hundreds of times until it is as short as can be, and
            # beyond 1024 open files nothing else in this process could wait with `select`, as the tests' app does.
            with self.runner:
                self.do(self.recorder.flush())
                self.do(self.send(connected_at=self.clock.boot_ms() - 10**6))

    def do(self, coroutine):
        return self.runner.run(coroutine)

    def true_ms(self):
        return TRUE_START + round(self.clock.monotonic() * 1000)

    async def start(self):
        self.starts += 1
        self.storage = MemoryStorage(self.disk)
        await self.storage.open()
        self.keeper = Timekeeper(self.settings, clock=self.clock, storage=self.storage, log=LOG)
        await self.keeper.open()
        self.recorder = Recorder(
            self.storage,
            self.keeper,
            boot=f"b{self.starts}",
            flush_interval_s=5,
            clock=self.clock,
            health=Health(),
            log=LOG,
        )

    async def stop(self):
        await self.recorder.flush()
        await self.keeper.close()
        await self.storage.close()

    @invariant()
    def time_is_looked_at(self):
        if hasattr(self, "keeper") and self.keeper.wall_ms() > self.true_ms() + TOLERANCE_MS:
            self.was_ahead = True

    @rule(seconds=st.one_of(st.integers(1, 100), st.integers(100, 200_000)))
    def time_passes(self, seconds):
        self.do(self.clock.advance(seconds))
        self.keeper.observe()

    @rule(readings=st.integers(1, 5), flush=st.sampled_from([True, True, False]))
    def a_sensor_is_read(self, readings, flush):
        for _ in range(readings):
            self.do(self.clock.advance(0.25))
            number = len(self.taken)
            self.taken.append((self.clock.machine_boot(), self.clock.boot_ms(), self.true_ms()))
            self.recorder.add("s", Reading(self.clock.boot_ms(), {"n": number}))
        if flush:
            self.do(self.recorder.flush())

    @rule(error=st.one_of(st.just(0), short_steps))
    def the_clock_is_synchronised(self, error):
        self.erred = self.erred or error != 0
        self.clock.set_wall_ms(self.true_ms() + error)
        self.clock.set_synced(True)
        self.keeper.observe()

    @rule(wall=walls)
    def somebody_sets_the_clock(self, wall):
        self.clock.set_wall_ms(max(0, self.clock.wall_ms() + wall))
        self.clock.set_synced(False)
        self.keeper.observe()

    @rule(wall=walls, observed=st.booleans())
    def the_agent_is_killed_and_the_clock_set_meanwhile(self, wall, observed):
        if not self.clock.kernel_synced():
            self.clock.set_wall_ms(max(0, self.clock.wall_ms() + wall))
        if observed:
            self.do(self.keeper._save())
        self.do(self.start())

    @rule()
    def the_agent_is_stopped_and_started(self):
        self.do(self.stop())
        self.do(self.start())

    @rule(wall=st.one_of(st.just(0), walls), cleanly=st.booleans(), off_s=st.integers(1, 10_000))
    def the_machine_is_rebooted(self, wall, cleanly, off_s):
        if cleanly:
            self.do(self.stop())
        self.do(self.clock.advance(off_s))
        self.clock.reboot(wall_ms=max(0, TRUE_START + wall) if wall else 0)
        self.do(self.start())

    @rule(newest=st.booleans(), many=st.integers(1, 10), connected_for=st.sampled_from([0, 10, 100]), ack=st.booleans())
    def messages_are_sent(self, newest, many, connected_for, ack):
        connected_at = self.clock.boot_ms() - 1000 * connected_for
        self.do(self.send(newest=newest, many=many, connected_at=connected_at, ack=ack))

    @invariant()
    def what_was_sent_is_sent_again(self):
        if hasattr(self, "keeper"):
            self.do(self.send(connected_at=self.clock.boot_ms(), again=True))

    async def send(self, *, connected_at, newest=False, many=10**6, ack=False, again=False):
        if newest:
            messages = await self.storage.newest(Priority.TELEMETRY, 1)
        else:
            messages = await self.storage.peek(Priority.TELEMETRY, 0, many)
        for message in messages:
            payload = wire.read(message.payload)
            if again and (payload.boot, payload.seq) not in self.bytes:
                continue
            settled = await self.keeper.settle(payload.stamp, message.priority, message.id, connected_at=connected_at)
            if settled is None:
                continue
            self.arrived(wire.render(payload, settled, ADDRESSES).payload)
            if ack:
                await self.storage.acknowledge([message.id])

    def arrived(self, raw):
        envelope = telemetry.decode(raw)
        known = self.bytes.setdefault((envelope.boot, envelope.seq), raw)
        assert raw == known, "a message changed after it may have been seen"
        for measurement in envelope.m:
            number = int(measurement.values["n"])
            machine_boot, at, true = self.taken[number]
            self.sent[number] = Sent(machine_boot, at, measurement.ts)
            assert measurement.ts >= RELEASED_MS, "a time before the agent existed"
            if measurement.q == "good" and not self.erred:
                # What may have been told ahead of time is not gone back behind, up to what the cloud would have taken.
                most = FORGET_AHEAD_MS + AHEAD_RESERVE_MS if self.was_ahead else TOLERANCE_MS
                assert -TOLERANCE_MS <= measurement.ts - true <= most, "a good time is wrong"
        for measurement in envelope.m:
            self.check_order(int(measurement.values["n"]))

    def check_order(self, number):
        """Within a start of the machine, later readings have later times, unless time was far ahead before."""
        for first, second in ((number - 1, number), (number, number + 1)):
            if first in self.sent and second in self.sent:
                one, other = self.sent[first], self.sent[second]
                if one.machine_boot != other.machine_boot:
                    continue  # their boot times have nothing to do with each other
                back = (one.ts - one.at) - (other.ts - other.at)
                assert other.ts > one.ts or back > FORGET_AHEAD_MS, "time went back"


Device.TestCase.settings = settings(max_examples=500, stateful_step_count=20)
TestDevice = Device.TestCase


def test_a_step_back_that_undoes_a_step_forward_and_a_little_more_gives_no_time_twice():
    device = Device()
    device.boot(wait=0, synced=False, wall=0)
    device.a_sensor_is_read(flush=True, readings=1)
    for error in (0, 899_751, -250):
        device.the_clock_is_synchronised(error=error)
    device.a_sensor_is_read(flush=True, readings=1)
    device.messages_are_sent(ack=False, connected_for=0, many=2, newest=False)
    device.teardown()


def test_a_time_that_nothing_was_told_by_holds_back_no_step_that_is_followed():
    device = Device()
    device.boot(wait=0, synced=False, wall=0)
    device.the_clock_is_synchronised(error=223_563)
    device.a_sensor_is_read(flush=True, readings=1)
    for error in (0, -676_438):
        device.the_clock_is_synchronised(error=error)
    device.a_sensor_is_read(flush=True, readings=1)
    device.teardown()


def test_a_time_that_was_followed_back_from_counts_again_if_nothing_was_told_since():
    device = Device()
    device.boot(wait=0, synced=True, wall=0)
    for error in (20 * 60_000, 0, 10 * 60_000):
        if error == 0:
            device.a_sensor_is_read(flush=True, readings=1)
        device.the_clock_is_synchronised(error=error)
    device.a_sensor_is_read(flush=True, readings=1)
    device.teardown()


@pytest.mark.parametrize("passed_by", [0, 14 * 60_000])
def test_a_step_back_just_before_the_agent_is_killed_gives_no_time_twice(passed_by):
    device = Device()
    device.boot(wait=0, synced=True, wall=0)
    device.a_sensor_is_read(flush=True, readings=1)
    if passed_by:
        device.the_clock_is_synchronised(error=passed_by)
        device.the_agent_is_killed_and_the_clock_set_meanwhile(observed=True, wall=0)
        device.the_clock_is_synchronised(error=-120_000)
    else:
        device.the_clock_is_synchronised(error=-250)
        device.the_agent_is_killed_and_the_clock_set_meanwhile(observed=False, wall=0)
    device.a_sensor_is_read(flush=True, readings=1)
    device.teardown()


def test_nor_does_one_that_ends_an_estimate_before_the_agent_is_killed():
    device = Device()
    device.boot(wait=0, synced=False, wall=0)
    device.a_sensor_is_read(flush=True, readings=1)
    device.messages_are_sent(ack=False, connected_for=0, many=1, newest=False)
    device.a_sensor_is_read(flush=True, readings=1)
    device.the_clock_is_synchronised(error=-250)
    device.the_agent_is_killed_and_the_clock_set_meanwhile(observed=False, wall=0)
    device.a_sensor_is_read(flush=True, readings=1)
    device.teardown()


def test_an_example_that_fails_leaves_no_open_files(monkeypatch):
    device = Device()
    device.boot(wait=0, synced=True, wall=0)
    device.a_sensor_is_read(flush=True, readings=1)
    loop = device.runner.get_loop()

    def fail(_raw):
        raise AssertionError

    monkeypatch.setattr(device, "arrived", fail)
    with pytest.raises(AssertionError):
        device.teardown()
    assert loop.is_closed()
