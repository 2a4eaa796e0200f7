"""What runs is the old or the new configuration, whatever is desired, lost, restarted or broken in between."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import models, schema
from device_agent.config.agent import ConfigFiles
from device_agent.settings.shadow import LOOK_S
from device_agent.settings.trial import STANDING_MS, UNREACHABLE_MS
from tests.device_agent.settings.settings_device import NEW, Device, write_files

MACHINE = models.shipped()["machine"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return ConfigFiles(write_files(tmp_path_factory.mktemp("agent")))


VALUES = st.one_of(
    st.sampled_from([{}, NEW, {"interval_ms": 1000}, {"interval_ms": 60_001}, {"stop_on_overheat": False}]),
    st.dictionaries(
        st.sampled_from(["interval_ms", "stop_on_overheat", "colour", ""]),
        st.one_of(
            st.none(), st.booleans(), st.integers(-10, 10**7), st.text(max_size=3), st.lists(st.integers(), max_size=2)
        ),
        max_size=3,
    ),
)
STEPS = st.one_of(
    st.tuples(st.just("desire"), VALUES),
    st.tuples(st.just("wait"), st.sampled_from([5, 60, 130, 330])),
    st.sampled_from([("connect",), ("drop",), ("restart",), ("reboot",), ("rest",), ("wake",)]),
    st.tuples(st.just("fail apply"), st.integers(1, 3)),
    st.tuples(st.just("disk"), st.sampled_from([None, "before", "after"])),
)


@settings(deadline=None, max_examples=150)
@given(steps=st.lists(STEPS, max_size=25))
def test_what_runs_is_whole_valid_and_old_or_new_and_what_was_confirmed_never_reverts(files, steps):
    async def run():
        device = Device(files)
        await device.start()
        for step in steps:
            await check(device, *step)

    asyncio.run(run())


async def check(device, step, *details):
    before, tried, refused = device.settings.state, device.settings.config, device.settings.state.refused
    await do(device, step, *details)
    state = device.settings.state
    allowed = [device.config_of(state.confirmed), *([device.config_of(state.trial.values)] if state.trial else [])]
    if device.running is None:
        assert device.shadow._applied is None  # a switch failed, and is done again at the next look
    else:
        assert device.running in allowed
        assert device.running == device.settings.config
    assert list(schema.violations(MACHINE.configuration, device.settings.values)) == []
    if step != "desire":
        # Without a wish what is in force stays, unless it was on trial and goes back to what was confirmed.
        assert state.in_force == before.in_force or (before.trial and state.in_force == before.confirmed)
        assert state.confirmed in (before.confirmed, before.in_force)
    elif refused is not None and details[0] == refused.values:
        assert device.settings.config == tried
    if step == "wait" and details[0] > UNREACHABLE_MS / 1000 and not device.link.is_connected:
        assert device.link.is_resting or state.trial is None
    if step == "wait" and details[0] > STANDING_MS / 1000 and device.link.is_connected and not device.store.fails:
        assert state.trial is None


async def do(device, step, *details):
    match step:
        case "desire" if device.link.is_connected:
            await device.desire(*details)
        case "wait":
            await device.wait(*details)
        case "connect":
            device.link.is_resting = False
            device.connect()
        case "drop" | "rest" | "wake":
            device.link.is_resting = step == "rest"
            if step != "wake":
                device.drop()
        case "restart" | "reboot":
            if step == "reboot":
                device.clock.reboot()
            await restart(device)
        case "fail apply":
            (device.failing_applies,) = details
        case "disk":
            (device.store.fails,) = details


async def restart(device):
    """Not before the disk has taken what was decided: what it has not is decided anew, which is no promise broken."""
    if device.settings._unsaved:
        device.store.fails = None
        await device.wait(LOOK_S)
    await device.start()
