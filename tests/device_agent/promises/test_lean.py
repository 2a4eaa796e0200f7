"""The whole agent at work has in its memory what it works with, and not what it needed once at its start."""

from pathlib import Path

from tests.device_agent.promises.device import numbers

SPIED = Path(__file__).with_name("spied.py")
HEAVY = {"boto3", "cryptography", "gpiozero", "http.client", "lgpio", "multiprocessing", "paho", "smbus2", "zoneinfo"}


def libraries(pid):
    """The shared libraries of Python packages that a process has in its memory, by package."""
    lines = Path(f"/proc/{pid}/maps").read_text(encoding="ascii").splitlines()
    paths = {Path(line.split(maxsplit=5)[5]) for line in lines if "/site-packages/" in line}
    return {path.parts[path.parts.index("site-packages") + 1].partition(".")[0] for path in paths}


async def test_a_running_agent_has_loaded_little_and_checked_its_credentials_in_another_process(
    device, mosquitto, app, at_last, tmp_path
):
    device.write(mosquitto.endpoint)
    record = tmp_path / "used"
    device.start(command=[str(SPIED), str(record)])
    await at_last(lambda: len(numbers(app.received)) > 20)
    assert device.ask()["connected"]
    assert libraries(device.pid) == {"_awscrt", "msgspec"}
    device.stop()

    used = [line.split() for line in record.read_text().splitlines()]
    by_agent = {what for pid, what in used if int(pid) == device.pid}
    assert "awscrt.mqtt5" in by_agent
    assert by_agent.isdisjoint(HEAVY)
    assert "context" not in by_agent
    assert "context" in {what for _, what in used}, "certificate and key were checked"
