"""The whole agent on a disk that is really full: what needs no room goes on, and the rest does once there is room."""

import os
import subprocess
from pathlib import Path

import pytest

from tests import debian
from tests.device_agent.promises.device import (
    HOT_AND_COLD,
    RELAY,
    answers,
    are_complete,
    command,
    events,
    numbers,
    relay,
)
from tests.device_agent.queue.on_a_small_disk import fill

SMALL = 'set -e; mount -t tmpfs -o size=4m none "$0"; {full} exec "$@"'
FULL = 'dd if=/dev/zero of="$0/ballast" bs=4k 2>/dev/null || true;'


class SmallDisk:
    """The device's disk, as its process alone sees it: 4 MiB, which others may fill."""

    def __init__(self, device, user):
        self._device = device
        self._user = user

    def start(self, full=""):
        shell = SMALL.format(full=full)
        self._device.start("unshare", *self._user, "--mount", "sh", "-c", shell, str(self._device.disk))

    @property
    def _ballast(self):
        return Path(f"/proc/{self._device.pid}/root{self._device.disk}/ballast")

    def fill(self):
        fill(self._ballast)
        assert os.statvfs(self._ballast).f_bavail == 0

    def make_room(self):
        self._ballast.unlink()


@pytest.fixture
def small_disk(device):
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    trial = ["unshare", *user, "--mount", "sh", "-c", SMALL.format(full=""), str(device.disk), "true"]
    done = subprocess.run(trial, capture_output=True, text=True, check=False)
    if done.returncode:
        refusal = f"this machine lets nobody mount a tmpfs here: {done.stderr.strip()}"
        if os.environ.get(debian.REQUIRED):
            pytest.fail(f"{refusal} ({debian.REQUIRED} is set)")
        pytest.skip(refusal)
    return SmallDisk(device, user)


def since(app, mark):
    return app.received[mark:]


async def test_a_disk_that_fills_up_stops_nothing_and_what_was_read_meanwhile_is_all_there(
    device, small_disk, mosquitto, app, at_last, eventually
):
    # So much that it comes to places on the disk which nothing was written to before.
    device.write(mosquitto.endpoint, interval_s=0.03, texts=24, rows=2_000, tables=RELAY + HOT_AND_COLD)
    small_disk.start()
    await at_last(lambda: numbers(app.received))
    small_disk.fill()
    mark = len(app.received)

    app.publish(*command("c1", on=True))
    await at_last(lambda: len(answers(app.received, "c1")) == 2)
    assert answers(app.received, "c1")[-1].status == "SUCCEEDED"
    await at_last(lambda: len(set(relay(since(app, mark)))) == 2)
    await at_last(lambda: {event.data["rule"] for event in events(since(app, mark), "rule_fired")} == {"hot", "cold"})
    await at_last(lambda: len(numbers(since(app, mark))) > 120)
    status = device.ask()
    assert (status["lost"], status["dropped"]) == (0, 0)
    await at_last(lambda: device.ask("queue.stats")["messages"] <= 3)

    small_disk.make_room()
    mark = len(app.received)
    await at_last(lambda: numbers(since(app, mark)))
    device.stop()
    await eventually(lambda: are_complete(app.received))


async def test_an_agent_that_starts_on_a_full_disk_senses_and_acts_and_tells_it_all_once_there_is_room(
    device, small_disk, mosquitto, app, at_last, eventually
):
    device.write(mosquitto.endpoint, tables=RELAY + HOT_AND_COLD)
    small_disk.start(FULL)
    await at_last(lambda: device.readings() > 10)
    await at_last(lambda: device.ask()["connected"])
    for truth in (True, False, True):
        await at_last(lambda: device.ask("actuators")["truth"]["relay"] == {"on": truth})  # noqa: B023 - called at once

    app.publish(*command("dangerous", on=True))
    app.publish(*command("harmless", on=False))
    await at_last(lambda: "command harmless: relay" in device.said())
    before = device.readings()
    await at_last(lambda: device.readings() > before + 50)
    status = device.ask()
    assert "No space left on device" in status["last_error"]
    assert (status["recorded"], status["lost"]) == (0, 0)
    assert app.received == []

    small_disk.make_room()
    await at_last(lambda: answers(app.received, "dangerous") and len(answers(app.received, "harmless")) == 2)
    [refused] = answers(app.received, "dangerous")
    assert refused.status == "REJECTED"
    assert "cannot be remembered, so it is not done" in refused.reason
    assert answers(app.received, "harmless")[-1].status == "SUCCEEDED"
    await at_last(lambda: len(numbers(app.received)) > before + 100)
    device.stop()
    await eventually(lambda: are_complete(app.received))
    assert {event.data["rule"] for event in events(app.received, "rule_fired")} == {"hot", "cold"}
    assert events(app.received, "boot")
