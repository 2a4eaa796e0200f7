"""What is killed comes back, and nothing is lost or doubled on the way. Runs last: it kills the cloud itself."""

import csv
import os
import random
import signal
import time

import pytest

from contract import topics
from tests.e2e.cloud import ROOT, wait_for
from tests.e2e.probe import Probe, RefusedError
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


def test_a_device_whose_certificate_was_revoked_is_refused(cloud):
    with Probe(cloud, "outcast") as device:
        device.publish(topics.telemetry("outcast"), message(0, (now_ms(), 20.0), boot="before"))
    iot = cloud.aws("iot")
    principal = iot.list_thing_principals(thingName="outcast")["principals"][0]
    iot.update_certificate(certificateId=principal.rsplit("/", 1)[1], newStatus="REVOKED")
    with pytest.raises(RefusedError):
        Probe(cloud, "outcast").__enter__()


def test_a_killed_simulator_is_started_again_and_its_devices_lose_nothing(cloud):
    before = cloud.pid("simulator")
    os.kill(before, signal.SIGKILL)
    wait_for("another simulator", lambda: cloud.pid("simulator") != before)
    stored = cloud.status()["messages_stored"]
    wait_for("messages to flow", lambda: cloud.status()["messages_stored"] > stored)
    assert cloud.status()["ready"]


@pytest.mark.parametrize("victim", ["ministack", "supervisor"])
def test_a_killed_cloud_says_so_and_up_recovers(cloud, victim):
    os.kill(cloud.pid(victim), signal.SIGKILL)
    down = wait_for("status to notice", lambda: not (s := cloud.status())["ready"] and s, within_s=30)
    assert down["reason"]
    wait_for("every process to be gone", lambda: not cloud.processes(), within_s=30)
    cloud.up()
    wait_for("devices to be back", lambda: cloud.status().get("devices") == 12, within_s=60)
    stored = cloud.status()["messages_stored"]
    wait_for("messages to flow", lambda: cloud.status()["messages_stored"] > stored, within_s=60)


def test_a_clean_restart_keeps_what_was_stored(cloud):
    ts = now_ms()
    with Probe(cloud, "probe") as device:
        device.publish(topics.telemetry("probe"), message(0, (ts, 12.5), boot=f"kept-{ts}"))
    wait_for("the point", lambda: cloud.points("probe", "temperature", ts, ts + 1))
    cloud.run("local", "down", "--port", str(cloud.port))
    assert cloud.processes() == []
    cloud.up()
    assert [row["value"] for row in cloud.points("probe", "temperature", ts, ts + 1)] == [12.5]
