"""The simulated fleet of an instance: which devices, their keys and certificate requests, the fleet file."""

from dataclasses import dataclass
from pathlib import Path

from local.errors import SetupError

MODELS = ("climate", "machine", "tracker")
DEVICES_PER_LINE = 6
LINES_PER_PLANT = 4
MAX_DEVICES = 90


@dataclass(frozen=True)
class SimulatedDevice:
    name: str
    model: str
    group: str


def simulated(count: int) -> tuple[SimulatedDevice, ...]:
    """The first `count` devices, the same ones each time: climate-001, machine-002, tracker-003, climate-004, …"""
    if not 0 <= count <= MAX_DEVICES:
        raise SetupError(f"--devices must be between 0 and {MAX_DEVICES}, got {count}.")
    devices = []
    for index in range(count):
        model = MODELS[index % len(MODELS)]
        line = index // DEVICES_PER_LINE
        group = f"plant-{line // LINES_PER_PLANT + 1}/line-{line % LINES_PER_PLANT + 1}"
        devices.append(SimulatedDevice(f"{model}-{index + 1:03d}", model, group))
    return tuple(devices)


def require_usable(path: Path) -> None:
    """Raises SetupError with every problem of a fleet file of the user's own, which the synthesis would meet late."""
    from contract.errors import FleetError
    from contract.fleet import load

    try:
        load(path)
    except FleetError as exc:
        raise SetupError(str(exc)) from exc


def write_fleet_file(folder: Path, devices: tuple[SimulatedDevice, ...]) -> Path:
    """`fleet.toml` with a CSR for each device; an identity is made once and kept, whatever later starts ask for."""
    from device_agent import identity

    identities = folder / "identities"
    for device in devices:
        key, request = identities / f"{device.name}.key", identities / f"{device.name}.csr"
        if key.exists() and request.exists():
            continue
        # Half an identity is left by a start that was killed just then: nothing was ever issued for it.
        key.unlink(missing_ok=True)
        request.unlink(missing_ok=True)
        identity.create(device.name, identities)
    path = folder / "fleet.toml"
    path.write_text("".join(_entry(device) for device in devices), encoding="utf-8")
    return path


def _entry(device: SimulatedDevice) -> str:
    # Every value is a name of ours: none needs quoting.
    return (
        f'[[device]]\nname = "{device.name}"\nmodel = "{device.model}"\ngroup = "{device.group}"\n'
        f'csr = "identities/{device.name}.csr"\n\n'
    )
