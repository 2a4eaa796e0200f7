"""The agents of the simulated fleet: their certificates, their configuration files, their process."""

import json
import os
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from local import processes
from local.deploy import client
from local.errors import DeployError
from local.fleet import SimulatedDevice
from local.instance import CHECKOUT, Instance

if TYPE_CHECKING:
    import subprocess

    from mypy_boto3_iot import IoTClient

NAB = CHECKOUT / "simulator" / "sample_data" / "nab"
INTERVAL_S = 1.0
QUEUE_MIB = 4
"""Many devices share this disk, and the broker is never away for long."""


def write_agents(instance: Instance, devices: tuple[SimulatedDevice, ...]) -> None:
    """For each device its certificate as the template's resource issued it, and the agent's TOML; for all the CA.

    Files of devices that are no longer in the fleet are removed, their keys and queues are not.
    """
    with urllib.request.urlopen(f"{instance.ports.aws_url}/_ministack/iot/ca.pem", timeout=10) as answer:  # noqa: S310 - loopback
        instance.ca_file.write_bytes(answer.read())
    iot: IoTClient = client("iot", instance.ports.aws_url)
    agents = instance.fleet_dir / "agents"
    agents.mkdir(exist_ok=True)
    for path in agents.glob("*.toml"):
        if path.stem not in {device.name for device in devices}:
            path.unlink()
    for index, device in enumerate(devices):
        certificate = instance.fleet_dir / "identities" / f"{device.name}.pem"
        certificate.write_text(certificate_pem(iot, device.name), encoding="utf-8")
        (agents / f"{device.name}.toml").write_text(_agent_toml(instance, device, index), encoding="utf-8")


def certificate_pem(iot: "IoTClient", thing: str) -> str:
    """The active certificate that is attached to the thing. Raises DeployError when there is none."""
    for principal in iot.list_thing_principals(thingName=thing)["principals"]:
        described = iot.describe_certificate(certificateId=principal.rsplit("/", 1)[1])["certificateDescription"]
        if described["status"] == "ACTIVE":
            return described["certificatePem"]
    raise DeployError(f"No active certificate is attached to {thing}.")


def start(instance: Instance) -> "subprocess.Popen[bytes]":
    """Start every agent in one process. Call it from the main thread."""
    command = [sys.executable, "-m", "simulator", "--config-dir", str(instance.fleet_dir / "agents")]
    log = instance.log_dir / "simulator.log"
    return processes.start(command, env=dict(os.environ), log=log, cwd=CHECKOUT, mark=str(instance.root))


def _agent_toml(instance: Instance, device: SimulatedDevice, index: int) -> str:
    identities = instance.fleet_dir / "identities"
    queue = instance.fleet_dir / "queues" / device.name
    queue.parent.mkdir(exist_ok=True)
    keys = {
        "thing": device.name,
        "model": device.model,
        "endpoints": [instance.ports.mqtt_endpoint],
        "ca": str(instance.ca_file),
        "certificate": str(identities / f"{device.name}.pem"),
        "private_key": str(identities / f"{device.name}.key"),
        "queue": str(queue),
        "queue_max_mib": QUEUE_MIB,
        "state": str(queue.with_suffix(".state")),
        "flush_interval_s": INTERVAL_S,
    }
    # A laptop's clock is right, also where its kernel cannot know: in a virtual machine the host keeps it.
    return _lines(keys) + '[clock]\nsync = "system"\n' + "".join(_SENSORS[device.model](index))


def _climate(index: int) -> Iterator[str]:
    yield _replay("ambient_temperature_system_failure.csv", index)
    yield _simulated(INTERVAL_S, {"humidity": 45.0, "pressure": 1013.0})


def _machine(index: int) -> Iterator[str]:
    yield _replay("machine_temperature_system_failure.csv", index)
    yield _simulated(INTERVAL_S, {"vibration": 4.0, "current": 12.0})
    # Pins that move nothing, driven by the same code: the relay obeys, and tells what it does.
    yield '\n[gpio]\nfactory = "mock"\n\n[[actuator]]\nname = "relay"\nkind = "relay"\npin = 17\n'


def _tracker(index: int) -> Iterator[str]:
    # Each device somewhere else around Utrecht, resting on a table.
    home = {"latitude": 52.09 + index / 1000, "longitude": 5.12, "altitude": 8.0, "speed": 1.0, "battery": 80.0}
    yield _simulated(INTERVAL_S, {**home, "acceleration_z": 9.81})


def _replay(file: str, index: int) -> str:
    # Every device plays the same recording from another row on.
    keys = {"kind": "replay", "file": str(NAB / file), "interval_s": INTERVAL_S, "start_row": index * 500}
    # The recordings are in degrees Fahrenheit, the models in Celsius.
    column = {"metric": "temperature", "scale": 5 / 9, "offset": -160 / 9, "decimals": 4}
    return f"\n[[sensor]]\n{_lines(keys)}[sensor.columns.value]\n{_lines(column)}"


def _simulated(interval_s: float, home: dict[str, float]) -> str:
    return f"\n[[sensor]]\n{_lines({'kind': 'simulated', 'interval_s': interval_s})}[sensor.home]\n{_lines(home)}"


def _lines(keys: Mapping[str, object]) -> str:
    # Strings, numbers and lists of strings are written alike in JSON and TOML.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


_SENSORS = {"climate": _climate, "machine": _machine, "tracker": _tracker}
