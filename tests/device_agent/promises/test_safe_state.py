"""The whole agent with its guardian and pins that others can see: whatever becomes of it, its actuators get safe."""

import fcntl
import os
import signal
import time
from pathlib import Path

import pytest

from tests.device_agent.actuators import file_pins_site
from tests.device_agent.promises.device import RELAY, answers, command, numbers

OFF, ON = 1.0, 0.0
WATCHDOG_S = 2.0
SLACK_S = 3.0
"""What the machine that tests run on may add: it has few cores, and they are busy."""
CLOSES_WHEN_LOW = f"{RELAY}active_high = false\nwatchdog_s = {WATCHDOG_S}\n"


class Pin:
    """GPIO17, as anybody can see it."""

    def __init__(self, folder):
        self._file = folder / "GPIO17"
        self._history = folder / "history"
        self._file.write_text(f"{ON:.6f}")  # as a crash has left it

    @property
    def level(self):
        return float(self._file.read_text())

    def is_free(self):
        """Whether no process holds the line any more."""
        with self._file.open() as line:
            try:
                fcntl.flock(line, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
        return True

    def changes(self):
        """When it was driven, to what level, and by which process."""
        lines = [line.split() for line in self._history.read_text().splitlines()]
        return [(float(at), float(level), int(pid)) for at, _, level, pid in lines if level != "released"]


@pytest.fixture
def environment(tmp_path):
    return file_pins_site.environment(tmp_path)


@pytest.fixture
def pin(environment):
    return Pin(Path(environment["FILE_PINS"]))


@pytest.fixture
def switch_on(device, environment, pin, mosquitto, app, at_last):
    """Start the device, whose relay is found off before anything else is heard of it, and switch the relay on."""

    async def switch_on_():
        device.write(mosquitto.endpoint, pins="files", tables=CLOSES_WHEN_LOW)
        device.start(environment=environment.items())
        await at_last(lambda: numbers(app.received))
        assert {(level, pid) for _, level, pid in pin.changes()} == {(OFF, device.pid)}
        app.publish(*command("c1", on=True))
        await at_last(lambda: len(answers(app.received, "c1")) == 2)
        assert answers(app.received, "c1")[-1].status == "SUCCEEDED"
        assert pin.level == ON

    return switch_on_


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
async def test_an_agent_that_is_stopped_or_killed_has_its_actuators_safe_within_the_watchdog_time(
    device, pin, switch_on, eventually, number
):
    await switch_on()
    since = time.monotonic()
    os.kill(device.pid, number)
    # The history is written after the level.
    await eventually(lambda: pin.level == OFF and any(change[0] > since for change in pin.changes()))
    at, _, by = next(change for change in pin.changes() if change[0] > since)
    assert at - since < WATCHDOG_S + SLACK_S
    assert by != device.pid
    await eventually(lambda: device.ended() == -signal.SIGKILL)
    await eventually(pin.is_free)


async def test_an_agent_that_is_told_to_stop_leaves_its_actuators_safe(device, pin, switch_on):
    await switch_on()
    device.stop()
    assert pin.level == OFF
    assert {pid for *_, pid in pin.changes()} == {device.pid}
