"""What is killed or stopped comes back, and nothing is lost or doubled on the way.

What the cloud itself does when a part of it is killed is tested in tests/local.
"""

import csv
import random
import signal
import time

from contract import topics
from tests.e2e.cloud import ROOT, wait_for
from tests.e2e.probe import Probe
from tests.e2e.test_messages import message, now_ms

RECORDING = ROOT / "simulator" / "sample_data" / "nab" / "machine_temperature_system_failure.csv"
ROWS = 3000
KILLS = 4


def recorded():
    with RECORDING.open() as file:
        return [float(row["value"]) for row, _ in zip(csv.DictReader(file), range(ROWS), strict=False)]


def test_an_agent_killed_in_mid_stream_loses_no_point_and_doubles_none(cloud, tmp_path):
    part = tmp_path / "machine.csv"
    part.write_text("\n".join(RECORDING.read_text().splitlines()[: ROWS + 1]) + "\n")
    sensor = f"""
[[sensor]]
kind = "replay"
file = {str(part)!r}
interval_s = 0.004
loop = false
columns.value = "temperature"
"""
    config = cloud.agent_config("survivor", "machine", sensor, flush_interval_s=0.3)
    start, chance = now_ms(), random.Random(7)
    for _ in range(KILLS):
        agent = cloud.start_agent(config)
        time.sleep(chance.uniform(1.0, 3.0))
        agent.send_signal(signal.SIGKILL)
        agent.wait(timeout=10)
    agent = cloud.start_agent(config)
    try:
        rows = wait_for(
            f"{ROWS} points",
            lambda: len(r := cloud.points("survivor", "temperature", start, now_ms() + 1)) >= ROWS and r,
            within_s=90,
            every_s=2,
        )
    finally:
        agent.terminate()
        assert agent.wait(timeout=20) == 0
    assert [row["value"] for row in rows] == recorded()


def test_a_clean_restart_keeps_what_was_stored(cloud):
    ts = now_ms()
    with Probe(cloud, "probe") as device:
        device.publish(topics.telemetry("probe"), message(0, (ts, 12.5), boot=f"kept-{ts}"))
    wait_for("the point", lambda: cloud.points("probe", "temperature", ts, ts + 1))
    cloud.run("local", "down", "--port", str(cloud.port))
    assert cloud.processes() == []
    cloud.up()
    assert [row["value"] for row in cloud.points("probe", "temperature", ts, ts + 1)] == [12.5]
