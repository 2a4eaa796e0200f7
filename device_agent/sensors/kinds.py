"""The kinds of sensor that a `[[sensor]]` table may name: ours, and those of installed packages.

A kind's module is loaded when a configuration names it, so that drivers nobody uses cost no memory. A package offers
one by an entry point of the group `fieldline.sensors`: its name is the kind, its object a `Parse`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from typing import TypeAlias

from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.sensors import SensorSettings, calibration, third_party

Parse: TypeAlias = Callable[[Table, str, DeviceModel, tuple[str, ...]], SensorSettings]
"""Read a table into settings: the sensor's name, the device's model, and the metrics that sensors above produce."""

BUILT_IN: Mapping[str, str] = {
    "ads1115": "ads1115:parse",
    "adxl345": "adxl345:parse",
    "bh1750": "bh1750:parse",
    "bme280": "bme280:parse",
    "bmp280": "bme280:parse_bmp280",
    "contact": "contact:parse",
    "ds18b20": "ds18b20:parse",
    "gpsd": "gpsd:parse",
    "hc-sr04": "hcsr04:parse",
    "hwmon": "hwmon:parse",
    "iio": "iio:parse",
    "motion": "contact:parse_motion",
    "replay": "replay:parse",
    "scd4x": "scd4x:parse",
    "sht3x": "sht3x:parse",
    "simulated": "simulated:parse",
    "system": "system:parse",
    "thermal": "thermal:parse",
}
"""Each kind's module in this package, and the parser in it."""


class Kinds(Mapping[str, Parse]):
    """Looks a kind up when it is asked for. Entry points are read only for a name that is none of ours."""

    def __getitem__(self, kind: str) -> Parse:
        if kind not in self:
            raise KeyError(kind)
        return partial(_parse, kind)

    def __contains__(self, kind: object) -> bool:
        return kind in BUILT_IN or kind in third_party.installed()

    def __iter__(self) -> Iterator[str]:
        yield from BUILT_IN
        yield from (kind for kind in third_party.installed() if kind not in BUILT_IN)

    def __len__(self) -> int:
        return len(list(iter(self)))


KINDS: Mapping[str, Parse] = Kinds()


def _parse(kind: str, table: Table, name: str, model: DeviceModel, claimed: tuple[str, ...]) -> SensorSettings:
    """A kind's own parser, then what holds for every kind."""
    if kind in BUILT_IN:
        module, _, function = BUILT_IN[kind].partition(":")
        parse: Parse = getattr(import_module(f"device_agent.sensors.{module}"), function)
        settings = parse(table, name, model, claimed)
    else:
        settings = third_party.parse(kind, table, name, model, claimed)
    return calibration.parse(table, settings, model)
