"""Boot time becomes UTC: exactly while the clock is kept, never absurdly otherwise, and never twice differently."""

import logging

import pytest

from device_agent.time.timekeeper import HOLD_MS, RELEASED_MS, SAVE_S, ClockSettings
from tests.device_agent.background import running
from tests.device_agent.tables import parsed
from tests.device_agent.time.timed_device import NOW, Device

YEARS_10 = 10 * 365 * 86_400_000


async def test_while_the_kernel_keeps_the_clock_utc_is_the_wall_clock(device):
    await device.start()
    await device.clock.advance(3600)
    device.keeper.observe()

    assert (device.keeper.synced, device.utc()) == (True, NOW + 3_600_000)
    assert device.keeper.offset().final


async def test_the_offset_is_one_object_while_the_clocks_only_jitter(device):
    await device.start()
    before = device.keeper.offset()
    for wall in (3, -3, 5, -5):
        device.clock.set_wall_ms(NOW + wall)
        device.keeper.observe()

    assert device.keeper.offset() is before


async def test_a_synchronised_step_forward_is_followed(device):
    await device.start()
    device.clock.set_wall_ms(NOW + 2_000)
    device.keeper.observe()

    assert device.utc() == NOW + 2_000
    assert device.keeper.offset().after is None


async def test_a_small_synchronised_step_back_says_what_was_told_before_until_time_has_caught_up(device):
    await device.start()
    device.clock.set_wall_ms(NOW - 60_000)
    device.keeper.observe()
    assert (device.utc(), device.keeper.offset().after) == (NOW - 60_000, NOW)

    await device.clock.advance(61)
    device.keeper.observe()
    assert device.keeper.offset().after is None


async def test_a_synchronised_step_back_beyond_what_the_cloud_accepts_is_followed(device):
    await device.start()
    device.clock.set_wall_ms(NOW - YEARS_10 // 20)
    device.keeper.observe()

    assert device.utc() == NOW - YEARS_10 // 20
    assert device.keeper.offset().after is None


@pytest.mark.parametrize("years", [YEARS_10, -YEARS_10])
async def test_who_sets_the_clock_by_hand_changes_nothing(device, years):
    await device.start()
    await device.clock.advance(10)
    before = device.keeper.offset()
    device.clock.set_wall_ms(device.clock.wall_ms() + years)
    device.clock.set_synced(False)  # as the kernel does with it
    device.keeper.observe()

    assert device.keeper.offset() is before


async def test_boot_time_goes_on_from_the_last_synchronisation_and_is_an_estimate_after_a_day(device):
    await device.start()
    device.clock.set_synced(False)
    await device.clock.advance(HOLD_MS / 1000)
    device.keeper.observe()
    assert device.keeper.synced

    await device.clock.advance(2)
    device.keeper.observe()
    assert not device.keeper.synced
    assert device.keeper.offset().final
    assert device.utc() == NOW + HOLD_MS + 2_000


async def test_the_hold_is_not_lengthened_by_a_restart_of_the_agent(device):
    await device.start()
    await device.keeper.close()
    device.clock.set_synced(False)
    await device.clock.advance(HOLD_MS / 1000 + 2)
    device.clock.set_wall_ms(5)
    await device.start()

    assert not device.keeper.synced
    assert device.utc() == NOW + HOLD_MS + 2_000


async def test_nothing_is_from_1970(unsynced):
    assert not unsynced.keeper.synced
    assert unsynced.utc() == RELEASED_MS


async def test_nothing_is_from_before_the_certificate(log):
    device = Device(log, not_before_ms=NOW - 5)
    device.clock.reboot(wall_ms=0)
    await device.start()
    assert device.utc() == NOW - 5


async def test_a_battery_backed_clock_is_better_than_a_floor(device):
    device.clock.reboot(wall_ms=NOW + 7)
    await device.start()
    assert (device.keeper.synced, device.utc()) == (False, NOW + 7)


async def test_time_does_not_go_back_over_reboots_without_any_clock(device):
    await device.start()
    last = 0
    for _ in range(5):
        await device.clock.advance(100)
        last = device.utc()
        await device.stop()
        device.clock.reboot(wall_ms=0)
        await device.start()
        assert not device.keeper.synced
        assert last <= device.utc() <= last + 1000


async def test_time_does_not_go_back_over_a_power_cut_either(device):
    await device.start()
    keeping = device.keeper.run(lambda: None)
    async with running(keeping):
        for _ in range(20):
            await device.clock.advance(61)
            last = device.utc()
    device.clock.reboot(wall_ms=0)
    await device.start()

    assert last <= device.utc() <= last + 1000 * 2 * SAVE_S


@pytest.mark.parametrize("years", [YEARS_10, -YEARS_10])
async def test_steps_of_years_without_synchronisation_change_nothing_also_over_a_restart_of_the_agent(unsynced, years):
    before = unsynced.utc()
    unsynced.clock.set_wall_ms(NOW + years)
    unsynced.keeper.observe()
    assert unsynced.utc() == before

    await unsynced.start()
    assert unsynced.utc() == before


async def test_a_clock_that_is_said_to_be_right_before_the_agent_existed_is_not_believed(device, caplog):
    device.clock.set_wall_ms(RELEASED_MS - 1024 * 7 * 86_400_000)  # a GPS receiver after its week counter began anew
    await device.start()

    assert (device.keeper.synced, device.utc()) == (False, RELEASED_MS)
    device.keeper.observe()
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1


async def test_where_the_host_keeps_the_time_the_wall_clock_is_trusted_as_it_is(log):
    device = Device(log, ClockSettings(sync="system"))
    device.clock.set_synced(False)
    await device.start()
    assert (device.keeper.synced, device.utc()) == (True, NOW)

    device.clock.set_wall_ms(NOW + 90_000)
    device.keeper.observe()
    assert device.utc() == NOW + 90_000


async def test_steady_work_writes_little_state(device):
    await device.start()
    before = device.storage.state_writes
    async with running(device.keeper.run(lambda: None)):
        for _ in range(24 * 60):
            await device.clock.advance(60)

    assert device.storage.state_writes - before <= 86_400 / SAVE_S


async def test_a_disk_that_refuses_stops_no_clock(device, caplog):
    await device.start()
    device.storage.broken = True
    async with running(device.keeper.run(lambda: None)):
        await device.clock.advance(1000)
        assert device.utc() == NOW + 1_000_000
    assert "cannot be stored" in caplog.text


@pytest.mark.parametrize("state", [None, 7, {}, {"v": 2}, {"v": 1, "boots": [{"id": 3}]}, {"v": 1, "seen": "x"}])
async def test_a_state_that_cannot_be_read_counts_as_none(device, state):
    await device.storage.open()
    await device.storage.write_state("clock", state)
    await device.start()
    assert device.utc() == NOW


def test_the_settings_have_defaults(tmp_path):
    assert parsed("", "clock", tmp_path) == (ClockSettings("kernel", 120.0), [])
    assert parsed('sync = "system"\nwait_s = 5', "clock", tmp_path) == (ClockSettings("system", 5.0), [])


def test_every_problem_of_the_settings_is_told(tmp_path):
    _, problems = parsed('sync = "ntp"\nwait_s = -1\nwait = 3', "clock", tmp_path)
    assert [problem.key for problem in problems] == ["clock.sync", "clock.wait_s", "clock.wait"]
