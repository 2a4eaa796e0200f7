"""The command itself, without a broker: it starts, tells its status, and ends in good order."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.__main__ import EXIT_NO_CONFIG, main

SAMPLES = Path(__file__).parents[2] / "simulator" / "sample_data" / "nab"


def test_a_directory_without_configuration_is_an_error(tmp_path, capsys):
    assert main(["--config-dir", str(tmp_path)]) == EXIT_NO_CONFIG
    assert "expected a directory with TOML files" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_fleet_keeps_what_it_cannot_send_and_ends_with_0(tmp_path, write_agents, number):
    for path in write_agents("d-1", "d-2"):
        path.write_text("shutdown_grace_s = 0\n" + path.read_text())
    file = tmp_path / "status.json"
    command = [sys.executable, "-m", "simulator", "--config-dir", str(tmp_path), "--status-file", str(file)]
    fleet = subprocess.Popen([*command, "--status-interval-s", "0.1", "--log-level", "ERROR"])
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            devices = json.loads(file.read_text())["devices"] if file.exists() else {}
            if len(devices) == 2 and all(device["queued"] for device in devices.values()):
                break
            time.sleep(0.02)
        fleet.send_signal(number)
        assert fleet.wait(20) == 0
    finally:
        fleet.kill()

    assert set(devices) == {"d-1", "d-2"}
    assert all(device["queued"] and not device["connected"] for device in devices.values())
    assert all("localhost:1" in device["last_error"] for device in devices.values())


def test_the_sample_data_comes_with_its_licence_and_windows():
    assert "Numenta" in (SAMPLES / "LICENSE.txt").read_text()
    windows = json.loads((SAMPLES / "windows.json").read_text())
    assert {path.name for path in SAMPLES.glob("*.csv")} == set(windows)
