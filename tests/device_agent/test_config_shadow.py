"""What runs is the old or the new configuration, whatever is desired, lost, restarted or broken in between."""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import models, schema
from device_agent.clock import ManualClock
from device_agent.config import ConfigFiles
from device_agent.config_shadow import LOOK_S, ConfigShadow
from device_agent.errors import QueueError
from device_agent.settings import Settings
from device_agent.settings_trial import STANDING_MS, UNREACHABLE_MS

MACHINE = models.shipped()["machine"]
LOG = logging.LoggerAdapter(logging.getLogger("device_agent.test"), {})
TOML = """
thing = "pump-7"
model = "machine"
endpoints = ["localhost:1"]
ca = "file"
certificate = "file"
private_key = "file"

[[sensor]]
kind = "simulated"
seed = { setting = "interval_ms", scale = -1, offset = 60000 }
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agent")
    (folder / "file").touch(mode=0o600)
    (folder / "agent.toml").write_text(TOML)
    return ConfigFiles(folder / "agent.toml")


class Store:
    def __init__(self):
        self.sections = {}
        self.fails = None

    async def read_state(self, section):
        return self.sections.get(section)

    async def write_state(self, section, value):
        if self.fails != "before":
            self.sections[section] = json.loads(json.dumps(value))
        if self.fails:
            raise QueueError("the disk is on fire")


@dataclass
class StillLink:
    """What is seen of a link, to be set by hand; nothing is sent."""

    is_connected: bool = False
    is_resting: bool = False
    connected_at: int | None = None

    def subscribe(self, topic_filter, handler):
        pass

    def on_connect(self, hook):
        pass


class Device:
    """An agent's part around the shadow, over restarts; `running` is what `apply` has switched to last."""

    def __init__(self, files):
        self.files = files
        self.clock = ManualClock()
        self.store = Store()
        self.link = StillLink()
        self.failing_applies = 0
        self.events = []
        self.version = 0

    async def start(self):
        self.link = StillLink(is_resting=self.link.is_resting)
        self.settings = Settings(self.files, self.store, clock=self.clock, log=LOG)
        self.running = await self.settings.start()
        self.shadow = ConfigShadow(
            self.settings,
            self.link,
            apply=self.apply,
            event=lambda kind, data: self.events.append((kind, data)),
            clock=self.clock,
            log=LOG,
        )

    async def apply(self, config):
        self.running = None
        if self.failing_applies:
            self.failing_applies -= 1
            raise OSError("a sensor is stuck")
        self.running = config

    async def desire(self, values):
        self.version += 1
        with suppress(OSError):  # ends the task, which the supervisor starts again
            await self.shadow._on_desired(values, self.version)

    async def wait(self, seconds):
        for _ in range(int(seconds // LOOK_S)):
            await self.clock.advance(LOOK_S)
            with suppress(OSError):
                await self.shadow._look()

    def connect(self):
        self.link.is_connected, self.link.connected_at = True, self.clock.boot_ms()

    def drop(self):
        self.link.is_connected = False

    def config_of(self, values):
        return self.files.configure(values)


def device_test(test):
    """Each in an event loop of its own, with a started and connected device."""

    async def run(files):
        device = Device(files)
        await device.start()
        device.connect()
        await device.clock.advance(1)
        await test(device)

    return lambda files: asyncio.run(run(files))


NEW = {"interval_ms": 9000}


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
