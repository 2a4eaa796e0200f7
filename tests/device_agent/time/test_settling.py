"""What was recorded before the first synchronisation is corrected, unless it may have been sent before."""

import pytest

from device_agent.errors import QueueError
from device_agent.time.machine_boots import Settled
from device_agent.time.timekeeper import ClockSettings
from tests.device_agent.time.timed_device import NOW, URGENT, Device


async def test_what_was_recorded_before_the_synchronisation_is_corrected_by_it(unsynced):
    message = await unsynced.store()
    assert await unsynced.settle(message, connected_at=0) is None

    await unsynced.clock.advance(20)
    unsynced.synchronise(NOW)
    assert await unsynced.settle(message) == Settled(NOW - 20_000, estimated=False)


async def test_it_is_corrected_after_a_restart_and_a_reboot_too(unsynced):
    message = await unsynced.store()
    unsynced.synchronise(NOW)
    expected = await unsynced.settle(message)
    await unsynced.clock.advance(5)

    await unsynced.start()
    assert await unsynced.settle(message) == expected
    unsynced.clock.reboot(wall_ms=0)
    await unsynced.start()
    assert await unsynced.settle(message) == expected


async def test_a_restart_after_the_synchronisation_corrects_what_an_earlier_process_has_left(unsynced):
    message = await unsynced.store()
    unsynced.clock.set_wall_ms(NOW)
    unsynced.clock.set_synced(True)
    await unsynced.start()

    assert await unsynced.settle(message) == Settled(NOW - unsynced.clock.boot_ms(), estimated=False)


async def test_it_is_corrected_by_the_first_synchronisation_whatever_came_later(unsynced):
    message = await unsynced.store()
    unsynced.synchronise(NOW)
    unsynced.synchronise(NOW + 7_000)

    assert (await unsynced.settle(message)).offset == NOW - unsynced.clock.boot_ms()


async def test_it_is_sent_as_estimated_after_waiting_over_connections_of_so_many_seconds_in_all(unsynced):
    message = await unsynced.store()
    for _ in range(11):
        since = unsynced.clock.boot_ms()
        assert await unsynced.settle(message, connected_at=since) is None
        await unsynced.clock.advance(10)
        assert await unsynced.settle(message, connected_at=since) is None
        await unsynced.clock.advance(3600)  # without a connection
    since = unsynced.clock.boot_ms()
    assert await unsynced.settle(message, connected_at=since) is None
    await unsynced.clock.advance(10)

    settled = await unsynced.settle(message, connected_at=since)
    assert settled == Settled(message[0].offset, estimated=True)


async def test_an_alarm_does_not_wait_and_does_not_make_telemetry_estimated(unsynced):
    telemetry = await unsynced.store()
    alarm = await unsynced.store(URGENT)
    assert (await unsynced.settle(alarm, URGENT)).estimated
    assert await unsynced.settle(telemetry, connected_at=0) is None

    unsynced.synchronise(NOW)
    assert (await unsynced.settle(alarm, URGENT)).estimated
    assert not (await unsynced.settle(telemetry)).estimated


async def test_what_was_sent_as_estimated_stays_so_and_the_rest_is_corrected(log):
    device = Device(log, ClockSettings(wait_s=0))
    device.clock.reboot(wall_ms=0)
    await device.start()
    sent, kept = await device.store(), await device.store()
    before = await device.settle(sent)
    assert before.estimated
    device.synchronise(NOW)

    assert await device.settle(sent) == before
    assert not (await device.settle(kept)).estimated
    device.clock.reboot(wall_ms=0)
    await device.start()
    assert await device.settle(sent) == before
    assert not (await device.settle(kept)).estimated


async def test_what_may_have_been_sent_before_a_crash_stays_estimated(log):
    device = Device(log, ClockSettings(wait_s=0))
    device.clock.reboot(wall_ms=0)
    await device.start()
    first, second = await device.store(), await device.store()
    before = await device.settle(second)
    await device.start()
    device.synchronise(NOW)
    later = await device.store()

    assert await device.settle(second) == before
    assert (await device.settle(first)).estimated
    assert not (await device.settle(later)).estimated


async def test_a_decision_that_cannot_be_stored_is_not_acted_upon(log):
    device = Device(log, ClockSettings(wait_s=0))
    device.clock.reboot(wall_ms=0)
    await device.start()
    message = await device.store()
    device.storage.broken = True
    with pytest.raises(QueueError):
        await device.settle(message)
    device.synchronise(NOW)
    with pytest.raises(QueueError):
        await device.settle(message)

    device.storage.broken = False
    assert not (await device.settle(message)).estimated


async def test_behind_an_estimate_that_was_a_little_ahead_the_rest_is_not_corrected_so_that_order_holds(log):
    device = Device(log, ClockSettings(wait_s=0))
    device.clock.reboot(wall_ms=NOW + 60_000)
    await device.start()
    sent, kept = await device.store(), await device.store()
    await device.settle(sent)
    device.synchronise(NOW)

    assert (await device.settle(kept)) == Settled(kept[0].offset, estimated=True)
    assert device.keeper.offset().after == NOW + 60_000


async def test_an_estimate_that_was_ahead_and_told_to_nobody_is_forgotten(unsynced):
    unsynced.clock.reboot(wall_ms=NOW + 60_000)
    await unsynced.start()
    kept = await unsynced.store()
    unsynced.synchronise(NOW)

    assert not (await unsynced.settle(kept)).estimated
    assert unsynced.keeper.offset().after is None
