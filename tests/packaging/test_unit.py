"""The service's sandbox, as systemd rates it."""

import json
import re
import subprocess

from tests import debian
from tests.packaging.conftest import ROOT

UNIT = ROOT / "packaging" / "fieldline-agent.service"
MOST_EXPOSED = 2.5


def rated(*options):
    analyze = debian.tool("systemd-analyze")
    command = [analyze, "security", "--offline=true", "--no-pager", *options, UNIT]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_its_exposure_is_low():
    done = rated("--threshold=25")
    level = re.search(r"Overall exposure level for fieldline-agent.service: (\d+\.\d+)", done.stdout)
    assert level, done.stdout + done.stderr
    assert float(level[1]) <= MOST_EXPOSED
    assert done.returncode == 0


def test_it_may_do_nothing_as_root_and_reaches_only_pins_and_buses():
    found = {line["json_field"]: line for line in json.loads(rated("--json=short").stdout)}
    assert found["UserOrDynamicUser"]["set"]
    assert all(found[name]["set"] for name in found if name.startswith("CapabilityBoundingSet_"))
    allowed = re.findall(r"^DeviceAllow=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert allowed == ["char-gpiochip rw", "char-i2c rw"]


def test_the_watchdog_is_slower_than_the_stop_is_long_and_nothing_gives_up():
    settings = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE))
    assert settings["Type"] == "notify"
    assert settings["Restart"] == "always"
    assert settings["StartLimitIntervalSec"] == "0"
    # A stop drains for up to 60 s, the most that shutdown_grace_s takes.
    assert int(settings["TimeoutStopSec"]) > 60
    assert 0 < int(settings["WatchdogSec"]) <= 60
