"""The process ends, whatever a driver of others does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.device_agent.cli.conftest import write_device

ROOT = Path(__file__).parents[3]
DRIVER = """
import asyncio


class Stubborn:
    metrics = ("vibration",)
    interval_s = 1.0

    def __init__(self, table, name, model, claimed):
        self.name = name

    def make(self, host, position):
        return self

    async def read(self, now):
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

    def close(self):
        pass
"""


def test_a_driver_that_cannot_be_cancelled_does_not_keep_the_process(tmp_path, credentials):
    packages = tmp_path / "packages"
    info = packages / "stubborn-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stubborn\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[fieldline.sensors]\nstubborn = stubborn_driver:Stubborn\n")
    (packages / "stubborn_driver.py").write_text(DRIVER)
    config = write_device(tmp_path, credentials)
    config.write_text(config.read_text() + '\n[[sensor]]\nname = "stubborn"\nkind = "stubborn"\n')
    agent = subprocess.Popen(
        [sys.executable, "-m", "device_agent.cli", "run", "--config", config],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(packages)])},
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in agent.stderr:
        if "started" in line:
            break
    time.sleep(0.5)  # the driver is read once it runs; there is nothing to wait for
    agent.send_signal(signal.SIGTERM)

    assert agent.wait(20) == 0
    assert "stopped" in agent.stderr.read()
