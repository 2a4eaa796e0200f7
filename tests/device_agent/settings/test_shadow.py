"""When new settings run, when they are confirmed, and when they are taken back."""

import asyncio

import pytest

from device_agent.config.agent import ConfigFiles
from device_agent.settings.shadow import LOOK_S
from device_agent.settings.trial import MAX_STARTS, STANDING_MS, UNREACHABLE_MS
from tests.device_agent.settings.settings_device import NEW, device_test, write_files


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return ConfigFiles(write_files(tmp_path_factory.mktemp("agent")))


@device_test
async def test_a_change_runs_at_once_and_is_confirmed_while_the_connection_stands(device):
    await device.desire(NEW)
    assert device.running == device.config_of(NEW)
    assert device.settings.state.trial is not None

    await device.wait(STANDING_MS / 1000 + LOOK_S)
    assert device.settings.state.trial is None
    device.drop()
    await device.wait(2 * UNREACHABLE_MS / 1000)
    assert device.running == device.config_of(NEW)
    assert [kind for kind, _ in device.events] == ["config_applied"]


@device_test
async def test_a_device_that_is_alone_for_five_minutes_goes_back_and_does_not_try_again(device):
    await device.desire(NEW)
    device.drop()
    await device.wait(UNREACHABLE_MS / 1000 - LOOK_S)
    assert device.running == device.config_of(NEW)
    await device.wait(2 * LOOK_S)
    assert device.running == device.config_of({})

    device.connect()
    await device.desire(NEW)
    await device.wait(60)
    assert device.running == device.config_of({})
    assert [kind for kind, _ in device.events] == ["config_applied", "config_reverted"]


@device_test
async def test_the_five_minutes_go_on_over_a_restart_of_the_agent(device):
    await device.desire(NEW)
    device.drop()
    await device.wait(UNREACHABLE_MS / 1000 - 60)
    await device.start()
    assert device.running == device.config_of(NEW)
    await device.wait(60 + LOOK_S)

    assert device.running == device.config_of({})


@device_test
async def test_a_reversion_that_the_disk_did_not_take_is_stored_once_it_can_be(device):
    await device.desire(NEW)
    device.drop()
    device.store.fails = "before"
    await device.wait(UNREACHABLE_MS / 1000 + LOOK_S)
    device.store.fails = None
    await device.wait(LOOK_S)
    await device.start()

    assert device.running == device.config_of({})


@device_test
async def test_another_wish_after_a_reversion_is_tried_and_so_is_the_refused_one_after_it(device):
    await device.desire(NEW)
    device.drop()
    await device.wait(UNREACHABLE_MS / 1000 + LOOK_S)
    device.connect()
    await device.desire({})
    await device.desire(NEW)

    assert device.running == device.config_of(NEW)


@device_test
async def test_a_change_that_cannot_be_applied_is_taken_back_at_once(device):
    device.failing_applies = 1
    await device.desire(NEW)

    assert device.running == device.config_of({})
    assert device.settings.state.refused.reason == "they could not be applied: a sensor is stuck"


@device_test
async def test_if_going_back_fails_too_it_is_tried_until_something_whole_runs(device):
    device.failing_applies = 3
    await device.desire(NEW)
    assert device.running is None

    await device.wait(3 * LOOK_S)
    assert device.running == device.config_of({})


@device_test
async def test_a_switch_that_was_cut_off_is_finished(device):
    switching = asyncio.Event()

    async def hang(config):
        device.running = None
        switching.set()
        await asyncio.Event().wait()

    device.shadow._apply, apply = hang, device.shadow._apply
    task = asyncio.create_task(device.desire(NEW))
    await switching.wait()
    task.cancel()
    await asyncio.wait([task])
    device.shadow._apply = apply
    await device.wait(LOOK_S)

    assert device.running == device.config_of(NEW)


@device_test
async def test_what_changes_nothing_that_runs_restarts_nothing(device):
    before = device.running
    await device.desire({"stop_on_overheat": False})

    assert device.running is before
    assert device.settings.values["stop_on_overheat"] is False


@device_test
async def test_a_device_that_rests_on_purpose_is_not_alone(device):
    await device.desire(NEW)
    device.drop()
    device.link.is_resting = True
    await device.wait(2 * UNREACHABLE_MS / 1000)
    assert device.running == device.config_of(NEW)


@device_test
async def test_settings_taken_back_at_a_start_are_told_once(device):
    await device.desire(NEW)
    for _ in range(MAX_STARTS + 1):
        await device.start()
    await device.wait(60)
    await device.start()
    await device.wait(60)

    reason = f"no connection in {MAX_STARTS} starts of the agent"
    assert [data for kind, data in device.events if kind == "config_reverted"] == [{"reason": reason}]
