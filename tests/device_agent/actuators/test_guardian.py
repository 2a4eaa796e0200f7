"""The guardian with real processes and pins that they share: whatever becomes of the agent, its actuators get safe."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from device_agent.actuators import guardian
from device_agent.actuators.guardian import BEAT, PATIENCE
from device_agent.actuators.making import make_all_safe
from device_agent.gpio import GpioSettings
from device_agent.json_lines import THING_VARIABLE

from . import agent_process, file_pins_site

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SLACK_S = 1.5
"""What the machine that tests run on may add: it has few cores, and they are busy."""
SAFE = {"GPIO17": 1.0, "GPIO5": 0.0, "GPIO6": 0.0}


class Device:
    """The agent's process, and the pins as anybody can see them."""

    def __init__(self, directory, environment):
        self.pins = directory
        self.environment = environment
        self.agent = None
        self.guardian = None

    def start(self, then):
        self.agent = subprocess.Popen(
            [sys.executable, HERE / "agent_process.py", then],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=(self.pins / "log").open("ab"),
            text=True,
        )
        line = self.agent.stdout.readline().split()
        assert line[:1] == ["on"], (self.pins / "log").read_text()
        self.guardian = int(line[1])
        # What was driven rather than what is: an agent that ends at once may have been made safe by now.
        assert 0.0 in {level for _, level, _ in self.changes("GPIO17")}
        return time.monotonic()

    def levels(self):
        return {name: float((self.pins / name).read_text()) for name in SAFE}

    def changes(self, pin):
        lines = [line.split() for line in (self.pins / "history").read_text().splitlines()]
        return [
            (float(at), float(level), int(pid)) for at, name, level, pid in lines if name == pin and level != "released"
        ]

    def released_by(self, pid):
        lines = [line.split() for line in (self.pins / "history").read_text().splitlines()]
        return {name for _, name, what, by in lines if what == "released" and int(by) == pid}

    def until(self, condition, timeout_s=20):
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, (self.pins / "log").read_text()
            time.sleep(0.01)

    def safe_after(self, since):
        """Seconds from `since` until the relay was off; the valve is closed a little later."""
        self.until(lambda: self.levels()["GPIO17"] == 1.0)
        self.until(lambda: not alive(self.guardian))
        at, _, by = next(change for change in self.changes("GPIO17") if change[0] > since and change[1] == 1.0)
        assert by == self.guardian
        assert self.levels() == SAFE
        assert self.released_by(self.guardian) == set(), "a line that is let go is driven by nobody"
        assert any(at > since and level == 1.0 for at, level, _ in self.changes("GPIO6")), "the valve was not closed"
        return at - since


def alive(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@pytest.fixture
def environment(tmp_path):
    return file_pins_site.environment(tmp_path)


@pytest.fixture
def device(environment):
    @contextmanager
    def running():
        device = Device(Path(environment["FILE_PINS"]), environment)
        try:
            yield device
        finally:
            if device.agent is not None:
                device.agent.kill()
                device.agent.wait()
                device.agent.stdout.close()
            if device.guardian is not None:
                device.until(lambda: not alive(device.guardian))

    with running() as device:
        yield device


def test_a_killed_agent_leaves_its_actuators_safe_at_once(device):
    since = device.start("sleep")
    device.agent.kill()
    assert device.safe_after(since) < agent_process.WATCHDOG_S / 2 + SLACK_S


def test_a_stopped_agent_is_killed_and_its_actuators_are_safe_within_the_watchdog_time(device):
    device.start("sleep")
    device.agent.send_signal(signal.SIGSTOP)
    since = time.monotonic()
    took = device.safe_after(since)
    assert took < agent_process.WATCHDOG_S + SLACK_S
    assert device.agent.wait() == -signal.SIGKILL


@pytest.mark.parametrize("as_json", [False, True])
def test_the_guardian_says_what_it_did_as_the_agent_would_have(device, as_json):
    if as_json:
        device.environment[THING_VARIABLE] = "pump-7"
    device.start("sleep")
    device.agent.kill()
    device.until(lambda: not alive(device.guardian))

    said = (device.pins / "log").read_text().splitlines()[-1]
    text = "guardian: the agent ended without a goodbye: it was killed, and its actuators made safe"
    if as_json:
        line = json.loads(said)
        assert list(line) == ["time", "level", "text", "thing"]
        assert (line["level"], line["text"], line["thing"]) == ("error", text, "pump-7")
    else:
        assert said == text


def test_an_agent_whose_event_loop_hangs_is_killed_and_its_actuators_are_safe_within_the_watchdog_time(device):
    since = device.start("block")
    took = device.safe_after(since)
    assert took < agent_process.WATCHDOG_S + SLACK_S
    assert device.agent.wait() == -signal.SIGKILL


@pytest.mark.parametrize("then", ["raise", "exit"])
def test_an_agent_that_ends_by_itself_leaves_its_actuators_safe(device, then):
    device.start(then)
    device.until(lambda: device.levels()["GPIO17"] == 1.0)
    device.until(lambda: not alive(device.guardian))
    assert device.levels() == SAFE


def test_an_agent_that_works_is_left_alone(device):
    since = device.start("sleep")
    time.sleep(2 * agent_process.WATCHDOG_S)
    assert device.agent.poll() is None
    assert [change for change in device.changes("GPIO17") if change[0] > since] == []


def test_after_an_orderly_stop_the_guardian_leaves_without_touching_a_pin(device):
    device.start("sleep")
    device.agent.terminate()
    assert device.agent.wait() == 0
    assert not alive(device.guardian)
    assert device.levels() == SAFE
    assert {by for _, _, by in device.changes("GPIO17")} == {device.agent.pid}


def test_a_guardian_outlives_the_signals_that_stop_an_agent(device):
    since = device.start("sleep")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(device.guardian, number)
    device.agent.kill()
    device.safe_after(since)


def test_a_guardian_that_was_killed_is_replaced(device):
    device.start("sleep")
    first = device.guardian
    os.kill(first, signal.SIGKILL)
    device.guardian = replaced(device, first)
    assert device.levels()["GPIO17"] == 0.0
    since = time.monotonic()
    device.agent.kill()
    device.safe_after(since)


def test_a_guardian_that_was_stopped_is_replaced(device):
    device.start("sleep")
    first = device.guardian
    os.kill(first, signal.SIGSTOP)
    device.guardian = replaced(device, first)
    device.until(lambda: not alive(first))
    device.agent.kill()
    device.until(lambda: device.levels() == SAFE)


def replaced(device, first):
    """The process that watches in place of the first."""
    for line in device.agent.stdout:
        word, pid, watching = line.split()
        if word == "guardian" and pid not in ("None", str(first)) and watching == "True":
            return int(pid)
    raise AssertionError((device.pins / "log").read_text())


def test_without_an_agent_every_actuator_can_be_made_safe(environment, monkeypatch):
    monkeypatch.setenv("FILE_PINS", environment["FILE_PINS"])
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])
    done = subprocess.run(
        [sys.executable, "-c", MAKE_SAFE], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "{}"
    assert Device(Path(environment["FILE_PINS"]), environment).levels() == SAFE


def test_an_agent_that_runs_keeps_others_from_its_pins(device):
    device.start("sleep")
    done = subprocess.run(
        [sys.executable, "-c", MAKE_SAFE], env=device.environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "pin 17 cannot be claimed" in done.stdout
    assert device.levels()["GPIO17"] == 0.0


MAKE_SAFE = """
import agent_process
from device_agent.actuators.making import make_all_safe
from device_agent.gpio import GpioSettings
from device_agent.json_lines import THING_VARIABLE
print(make_all_safe(agent_process.settings(), GpioSettings(factory="files"), give_up_s=0.5))
"""


def test_nothing_to_make_safe_needs_no_pins():
    assert make_all_safe((), GpioSettings(factory="none")) == {}


def test_a_part_of_the_watchdog_time_is_left_for_killing_and_driving():
    assert PATIENCE < 1


def test_beats_that_were_sent_long_ago_prove_nothing():
    """Those of an agent that hangs now wait in the socket while its guardian is stopped, or has no processor."""
    fed_s, ended = 10.0, threading.Event()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    old = BEAT.pack(b"b", time.monotonic_ns())

    def feed():
        until = time.monotonic() + fed_s
        while time.monotonic() < until and not ended.wait(0.02):
            ours.send(old)

    with ours, theirs, subprocess.Popen(["sleep", "60"]) as agent:
        feeding = threading.Thread(target=feed)
        feeding.start()
        since = time.monotonic()
        said = guardian._listen(theirs, os.pidfd_open(agent.pid), round(0.3e9))
        took = time.monotonic() - since
        ended.set()
        feeding.join()
        agent.kill()
    assert said is not None
    assert said.startswith("no heartbeat for")
    assert took < fed_s


def test_the_guardian_loads_little(environment):
    script = "import sys, device_agent.actuators.guardian; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "device_agent.actuators.safe" in loaded
    assert loaded.isdisjoint({"asyncio", "msgspec", "logging", "gpiozero", "awscrt", "device_agent.clock"})
