"""A metered link carries no more than it may, but for what is urgent, whatever is restarted."""

import pytest

from device_agent.clock import ManualClock
from device_agent.health import BudgetStatus
from device_agent.publishing.budget import (
    CONNECTION_BYTES,
    FURTHER_SEGMENT_BYTES,
    OVERHEAD_BYTES,
    PING_BYTES,
    Budget,
    BudgetSettings,
)
from device_agent.queue import Priority
from device_agent.time.timekeeper import ClockSettings, Timekeeper
from tests.device_agent.background import running
from tests.device_agent.memory_storage import MemoryStorage
from tests.device_agent.tables import parsed

URGENT, TELEMETRY, LOG = Priority
MIDNIGHT = 1_790_035_200_000  # 2026-09-22, UTC
DAY_S = 86_400
TOPIC = "dt/pump-7/telemetry"
SIZE = len(TOPIC) + OVERHEAD_BYTES
KEEP_ALIVE_S = 45


class Device:
    def __init__(self, log, **limits):
        self.clock = ManualClock(MIDNIGHT)
        self.log = log
        self.limits = limits
        self.events = []
        self.disk = MemoryStorage().disk

    async def start(self):
        self.storage = MemoryStorage(self.disk)
        await self.storage.open()
        keeper = Timekeeper(ClockSettings(), clock=self.clock, storage=self.storage, log=self.log)
        await keeper.open()
        self.keeper = keeper
        self.budget = Budget(
            BudgetSettings(**self.limits),
            keep_alive_s=KEEP_ALIVE_S,
            timekeeper=keeper,
            storage=self.storage,
            clock=self.clock,
            log=self.log,
            event=lambda kind, data: self.events.append((kind, data)),
        )
        await self.budget.open()
        return self

    def publish(self, size):
        """Messages that cost `size` in all, of a packet each."""
        while size > 0:
            part = size if size < 1_400 else 1_000
            self.budget.sent(TOPIC, b"x" * (part - SIZE))
            size -= part


async def test_when_the_day_is_used_up_only_what_is_urgent_may_go(log):
    device = await Device(log, bytes_per_day=5_000).start()
    device.publish(4_999)
    assert device.budget.allows(TELEMETRY)
    device.publish(1_000)

    assert [device.budget.allows(priority) for priority in Priority] == [True, False, False]
    assert device.budget.status() == BudgetStatus(
        used_up=True, day_used=5_999, day_limit=5_000, month_used=5_999, month_limit=None
    )


async def test_it_is_told_once(log):
    device = await Device(log, bytes_per_day=5_000).start()
    for _ in range(3):
        device.publish(5_000)
    await device.budget.close()
    await device.start()
    device.publish(5_000)

    assert device.events == [("budget_used_up", {"period": "day", "limit": 5_000, "used": 5_000})]


async def test_each_day_has_a_budget_of_its_own(log):
    device = await Device(log, bytes_per_day=5_000).start()
    device.publish(5_000)
    await device.clock.advance(DAY_S - 1)
    assert not device.budget.allows(LOG)
    await device.clock.advance(1)
    assert device.budget.allows(LOG)
    assert device.budget.status().day_used == 0


async def test_each_month_too(log):
    device = await Device(log, bytes_per_month=10_000).start()
    for _ in range(10):
        device.publish(1_000)
        await device.clock.advance(0.8 * DAY_S)
    assert not device.budget.allows(TELEMETRY)
    await device.clock.advance(0.9 * DAY_S)  # 22 September and 8.9 days: 30 September
    assert not device.budget.allows(TELEMETRY)
    await device.clock.advance(0.2 * DAY_S)
    assert device.budget.allows(TELEMETRY)


async def test_time_that_is_set_over_midnight_and_back_does_not_spend_a_day_twice(log):
    device = await Device(log, bytes_per_day=5_000).start()
    device.publish(5_000)
    device.clock.set_wall_ms(MIDNIGHT - 60_000)
    device.keeper.observe()
    assert not device.budget.allows(TELEMETRY)
    device.clock.set_wall_ms(MIDNIGHT + 60_000)
    device.keeper.observe()
    assert not device.budget.allows(TELEMETRY)


async def test_a_time_that_was_years_ahead_does_not_stop_the_device_for_years(log):
    device = Device(log, bytes_per_day=5_000)
    device.clock.set_wall_ms(MIDNIGHT + 3650 * DAY_S * 1000)
    await device.start()
    device.publish(5_000)
    device.clock.set_wall_ms(MIDNIGHT)
    device.keeper.observe()
    assert device.budget.allows(TELEMETRY)


@pytest.mark.parametrize("cleanly", [True, False])
async def test_a_restart_counts_on_and_a_crash_rather_too_much(log, cleanly):
    device = await Device(log, bytes_per_day=100_000).start()
    async with running(device.budget.run(lambda: None)):
        for _ in range(40):
            device.publish(1_000)
            await device.clock.advance(15)
    if cleanly:
        await device.budget.close()
    await device.start()

    assert 40_000 <= device.budget.status().day_used <= (40_000 if cleanly else 41_000)


async def test_counting_writes_little(log):
    device = await Device(log, bytes_per_day=10**7).start()
    before = device.storage.state_writes
    async with running(device.budget.run(lambda: None)):
        for _ in range(1_000):
            device.publish(5_000)
            await device.clock.advance(60)
    assert device.storage.state_writes - before < 110


async def test_a_disk_that_refuses_stops_no_counting(log, caplog):
    device = await Device(log, bytes_per_day=5_000).start()
    device.storage.broken = True
    async with running(device.budget.run(lambda: None)):
        device.publish(5_000)
        await device.clock.advance(30)
    assert not device.budget.allows(TELEMETRY)
    assert "cannot be stored" in caplog.text


async def test_everything_that_the_link_carries_is_counted(log):
    device = await Device(log, bytes_per_day=10**6).start()
    used = [0]

    def more():
        used.append(device.budget.status().day_used)
        return used[-1] - used[-2]

    device.budget.connected()
    assert more() == CONNECTION_BYTES
    device.budget.sent(TOPIC, b"x" * 100)
    assert more() == SIZE + 100
    device.budget.received(TOPIC, b"x" * 100)
    assert more() == SIZE + 100
    device.budget.sent(TOPIC, b"x" * 10_000)
    assert more() == SIZE + 10_000 + 7 * FURTHER_SEGMENT_BYTES


async def test_a_connection_that_stands_costs_its_pings_and_one_that_rests_nothing(log):
    device = await Device(log, bytes_per_day=10**6).start()
    async with running(device.budget.run(lambda: None)):
        device.budget.connected()
        await device.clock.advance(100)
        assert device.budget.status().day_used == CONNECTION_BYTES + 2 * PING_BYTES
        await device.clock.advance(40)
        device.budget.disconnected()
        stood = CONNECTION_BYTES + 3 * PING_BYTES
        assert device.budget.status().day_used == stood
        await device.clock.advance(10_000)
        device.budget.disconnected()
        assert device.budget.status().day_used == stood
        device.budget.connected()
        await device.clock.advance(50)
        assert device.budget.status().day_used == stood + CONNECTION_BYTES + PING_BYTES


def test_the_settings_are_read(tmp_path):
    assert parsed("", "budget", tmp_path) == (None, [])
    assert parsed("bytes_per_day = 5_000_000", "budget", tmp_path) == (BudgetSettings(bytes_per_day=5_000_000), [])
    _, problems = parsed("bytes_per_day = 5\nbytes_per_month = 1e6\nbytes = 2", "budget", tmp_path)
    assert [problem.key for problem in problems] == ["budget.bytes_per_day", "budget.bytes_per_month", "budget.bytes"]
