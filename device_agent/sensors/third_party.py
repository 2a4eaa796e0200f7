"""Sensors of installed packages. Whatever they do wrong is a problem of their sensor and of nothing else."""

from functools import cache
from typing import Any

from contract.errors import shown
from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import Host, Sensor, SensorSettings
from device_agent.sensors.driver import DriverSettings
from device_agent.sensors.guarded import GuardedSensor

GROUP = "fieldline.sensors"


@cache
def installed() -> dict[str, Any]:
    """The entry points by the kind that they offer; the first found wins."""
    from importlib.metadata import entry_points  # a megabyte, which only those pay who use such a package

    found: dict[str, Any] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, point)
    return found


def parse(kind: str, table: Table, name: str, model: DeviceModel, claimed: tuple[str, ...]) -> SensorSettings:
    """Have a package read its table. One that cannot be loaded or fails is noted in the table."""
    point = installed()[kind]
    try:
        settings = point.load()(table, name, model, claimed)
        metrics = tuple(settings.metrics)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is: a configuration is judged, not executed
        table.problem("kind", f"a driver that works ({point.value})", f"{type(error).__name__}: {error}")
        return _Unusable(name)
    if not callable(getattr(settings, "make", None)) or not all(isinstance(metric, str) for metric in metrics):
        table.problem("kind", f"a driver whose parser returns SensorSettings ({point.value})", shown(settings))
        return _Unusable(name)
    # What is built with `driver_settings` is guarded already: thread, timeout, faults.
    return settings if isinstance(settings, DriverSettings) else Guarded(settings, name)


class _Unusable:
    """Stands in for what could not be parsed; the problem that was noted keeps it from being used."""

    metrics: tuple[str, ...] = ()

    def __init__(self, name: str) -> None:
        self.name = name

    def make(self, host: Host, position: str | None) -> Sensor:  # noqa: ARG002 - the port's
        raise SensorError(f"{self.name} has no driver that works")


class Guarded:
    """Settings of a package that brings a Sensor of its own."""

    def __init__(self, settings: SensorSettings, name: str) -> None:
        self.name = name
        self.metrics = tuple(settings.metrics)
        self._settings = settings

    def make(self, host: Host, position: str | None) -> Sensor:
        try:
            return GuardedSensor(self._settings.make(host, position), self.metrics, host.clock)
        except SensorError:
            raise
        except (Exception, SystemExit) as error:
            raise SensorError(f"{self.name}: {type(error).__name__}: {error}") from error
