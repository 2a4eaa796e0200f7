"""The configuration with which a device's agent starts: a text that is valid as it is, and says what is still to do.

It holds no secret. Lines that begin with `#` and go on without a blank are settings to be switched on.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from contract.models import DeviceModel, MetricType


class Sensors(StrEnum):
    """`HARDWARE` is for the agent's package on a device, `SIMULATED` for trying it in a folder of one's own."""

    HARDWARE = "hardware"
    SIMULATED = "simulated"


class _Suggested(msgspec.Struct, frozen=True):
    """A kind of sensor with the readings that it gives, under the names by which it publishes them."""

    kind: str
    what: str
    readings: tuple[str, ...]
    lines: tuple[str, ...] = ()
    type: MetricType = "number"

    def of(self, model: DeviceModel, left: Sequence[str]) -> list[str]:
        """Which of the metrics that are left it may measure."""
        return [key for key in self.readings if key in left and model.metrics[key].type == self.type]


_SUGGESTED: Final = (
    _Suggested("ds18b20", "DS18B20 on the 1-Wire bus", ("temperature",)),
    _Suggested("bme280", "BME280 on the I2C bus", ("temperature", "humidity", "pressure"), ("address = 0x76",)),
    _Suggested("scd4x", "SCD40 or SCD41 on the I2C bus", ("carbon_dioxide", "temperature", "humidity")),
    _Suggested("bh1750", "BH1750 on the I2C bus", ("illuminance",)),
    _Suggested(
        "adxl345",
        "ADXL345 on the I2C bus",
        ("acceleration_x", "acceleration_y", "acceleration_z", "acceleration_rms"),
    ),
    _Suggested(
        "gpsd",
        "a GPS receiver, through gpsd",
        ("latitude", "longitude", "altitude", "speed", "track", "position_error"),
    ),
    _Suggested("hc-sr04", "HC-SR04 at two pins", ("distance",), ("trigger_pin = 23", "echo_pin = 24")),
    _Suggested("contact", "a contact at a pin", ("closed",), ("pin = 27",), "boolean"),
    _Suggested("motion", "a motion detector at a pin", ("motion",), ("pin = 22",), "boolean"),
)
_ITSELF: Final = ("cpu_temperature", "memory_used", "disk_used", "uptime")
_STATE: Final = "/var/lib/fieldline"
"""Where the package's service may write."""


def agent_toml(
    thing: str, model: DeviceModel, endpoints: Sequence[str], sensors: Sensors, *, model_file: str | None = None
) -> str:
    """`agent.toml`, for certificate, key and CA beside it.

    `model_file` is the file beside it that holds the model, where the agent does not bring it along.
    """
    parts = [_head(thing, model, endpoints, model_file, sensors)]
    parts += [_simulated()] if sensors is Sensors.SIMULATED else [_itself(), *_measured(model)]
    parts += [_actuator(name) for name in model.actuators] if sensors is Sensors.HARDWARE else []
    return "\n".join(parts)


def _head(thing: str, model: DeviceModel, endpoints: Sequence[str], model_file: str | None, sensors: Sensors) -> str:
    keys: dict[str, object] = {
        "thing": thing,
        "model": model.name if model_file is None else f"./{model_file}",
        "endpoints": list(endpoints),
        "ca": "ca.pem",
        "certificate": f"{thing}.pem",
        "private_key": f"{thing}.key",
    }
    if sensors is Sensors.HARDWARE:
        keys |= {"queue": f"{_STATE}/queue", "state": f"{_STATE}/state"}
    said = [f"# The agent of {thing}, a {model.name}. Relative paths count from this file's folder."]
    if model_file is not None:
        said.append(f"# {model_file} is the device model, as GET /models/{model.name} answers it.")
    return "\n".join([*said, *_lines(keys), ""])


def _simulated() -> str:
    return (
        "# A laptop's clock is right, also where its kernel cannot tell.\n"
        '[clock]\nsync = "system"\n\n'
        "# Made-up values of every metric. Replace it by the sensors that there are.\n"
        '[[sensor]]\nkind = "simulated"\n'
    )


def _itself() -> str:
    table = _table("sensor", {"kind": "system", "readings": list(_ITSELF)})
    return f"# The machine itself: it works on every device, and shows that data arrive.\n{table}"


def _measured(model: DeviceModel) -> Iterator[str]:
    """A table for each sensor that may measure what is left of the model, to be switched on."""
    left = [key for key, one in model.metrics.items() if one.derived is None and key not in _read_back(model)]
    if left:
        yield "# What the model measures: take the # away from the lines of what is connected.\n"
    while left:
        best = max(_SUGGESTED, key=lambda one: len(one.of(model, left)))
        found = best.of(model, left)
        if not found:
            break
        left = [metric for metric in left if metric not in found]
        table = _table("sensor", {"kind": best.kind}, best.lines, {"readings": found})
        yield f"# {best.what}\n{_off(table)}"
    numbers = [metric for metric in left if model.metrics[metric].type == "number"]
    if numbers:
        inputs = "".join(_input(metric, at, model.metrics[metric].unit) for at, metric in enumerate(numbers[:4]))
        table = _table("sensor", {"kind": "ads1115"}) + inputs
        yield f"# ADS1115 on the I2C bus: what gives a voltage; the value is V x scale + offset\n{_off(table)}"
    if others := [metric for metric in left if metric not in numbers[:4]]:
        yield f"# Of your own choice, by docs/sensors.md: {', '.join(others)}\n"


def _read_back(model: DeviceModel) -> set[str]:
    """The metrics that tell what actuators do."""
    return {one.metric for one in model.actuators.values() if one.metric is not None}


def _input(metric: str, pin: int, unit: str | None) -> str:
    told = "" if unit is None else f", unit = {json.dumps(unit)}"
    return f'inputs.{metric} = {{ pins = "a{pin}", scale = 1, offset = 0{told} }}\n'


def _actuator(name: str) -> str:
    table = _table("actuator", {"name": name, "kind": "relay"}, ("pin = 17",))
    return f"# Wire it so that an undriven pin is safe.\n{_off(table)}"


def _table(
    name: str, keys: Mapping[str, object], lines: Sequence[str] = (), more: Mapping[str, object] | None = None
) -> str:
    return "\n".join([f"[[{name}]]", *_lines(keys), *lines, *_lines(more or {}), ""])


def _lines(keys: Mapping[str, object]) -> list[str]:
    # Texts and lists of texts are written alike in JSON and TOML.
    return [f"{key} = {json.dumps(value)}" for key, value in keys.items()]


def _off(table: str) -> str:
    return "".join(f"#{line}\n" for line in table.splitlines())
