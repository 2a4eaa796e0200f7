"""What a comparison with a reference found out about a sensor: how to correct its values, since when, until when."""

import datetime as dt
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from contract.errors import shown
from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.sensors import Host, Reading, Sensor, SensorSettings

MOST_COEFFICIENTS = 6
LEAST_POINTS = 2


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The correction of one metric: a polynomial, or straight lines between points."""

    metric: str
    coefficients: tuple[float, ...] = ()
    """c0 + c1·x + c2·x² + …; empty if there are points."""
    points: tuple[tuple[float, float], ...] = ()
    """(what the sensor says, what is true), the first growing strictly; beyond the ends their lines go on."""
    date: dt.date | None = None
    due: dt.date | None = None
    """The last day on which it holds."""

    def apply(self, value: float) -> float:
        """The true value. May be infinite for values far outside of what was calibrated."""
        if self.coefficients:
            result = 0.0
            for coefficient in reversed(self.coefficients):
                result = result * value + coefficient
            return result
        index = bisect_right(self.points, value, 1, len(self.points) - 1, key=lambda point: point[0])
        (x0, y0), (x1, y1) = self.points[index - 1], self.points[index]
        return y0 + (value - x0) * (y1 - y0) / (x1 - x0)

    def is_overdue(self, today: dt.date) -> bool:
        return self.due is not None and today > self.due


@dataclass(frozen=True)
class CalibratedSettings:
    """A sensor whose values are corrected before anybody sees them."""

    settings: SensorSettings
    calibrations: tuple[Calibration, ...]

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def metrics(self) -> tuple[str, ...]:
        return self.settings.metrics

    def make(self, host: Host, position: str | None) -> "CalibratedSensor":
        return CalibratedSensor(self.settings.make(host, position), self.calibrations)


class CalibratedSensor:
    """Corrects what a sensor reads. A value that the correction makes infinite is a fault."""

    def __init__(self, sensor: Sensor, calibrations: Iterable[Calibration]) -> None:
        self._sensor = sensor
        self._by_metric = {calibration.metric: calibration for calibration in calibrations}

    @property
    def interval_s(self) -> float:
        return self._sensor.interval_s

    async def read(self, now: int) -> Reading | None:
        reading = await self._sensor.read(now)
        if reading is None:
            return None
        values = dict(reading.values)
        faults = dict(reading.faults)
        for metric, value in reading.values.items():
            calibration = self._by_metric.get(metric)
            if calibration is None or isinstance(value, (bool, str)):
                continue
            if math.isfinite(true := calibration.apply(value)):
                values[metric] = float(f"{true:.12g}")
            else:
                del values[metric]
                faults[metric] = f"its calibration makes {true} of {value:g}"
        return replace(reading, values=values, faults=faults)

    def close(self) -> None:
        self._sensor.close()


def parse(table: Table, settings: SensorSettings, model: DeviceModel) -> SensorSettings:
    """The sensor with the corrections of `[sensor.calibration.METRIC]`; what is wrong is noted in the table."""
    if "calibration" not in table:
        return settings
    tables = table.named_tables("calibration", shorthand="coefficients")
    found = []
    for metric, options in tables:
        if metric not in settings.metrics:
            table.problem(f"calibration.{metric}", f"one of {', '.join(settings.metrics)}", "none of them")
        elif (known := model.metrics.get(metric)) is not None and known.type != "number":
            table.problem(f"calibration.{metric}", "a metric that is a number", f"a {known.type}")
        found.append(_calibration(options, metric))
        options.finish()
    return CalibratedSettings(settings, tuple(found))


def _calibration(table: Table, metric: str) -> Calibration:
    ways = [key for key in ("coefficients", "points", "gain") if key in table]
    if "offset" in table and "gain" not in ways:
        ways.append("gain")
    if len(ways) != 1:
        got = " and ".join(ways) or "none of them"
        table.problem("coefficients", "one of coefficients, points, or gain and offset", got)
    coefficients: tuple[float, ...] = ()
    points: tuple[tuple[float, float], ...] = ()
    if "points" in table:
        points = _points(table)
    elif "coefficients" in table:
        coefficients = table.number_list("coefficients")
        if not 1 <= len(coefficients) <= MOST_COEFFICIENTS:
            table.problem("coefficients", f"1 to {MOST_COEFFICIENTS} numbers", f"{len(coefficients)}")
    # Read also beside another way, so that they are not called unknown keys.
    line = (table.number("offset", default=0.0), table.number("gain", default=1.0))
    date, due = _date(table, "date"), _date(table, "due")
    if date is not None and due is not None and due <= date:
        table.problem("due", f"a day after {date}, the calibration's", f"{due}")
    return Calibration(
        metric=metric, coefficients=() if points else coefficients or line, points=points, date=date, due=due
    )


def _points(table: Table) -> tuple[tuple[float, float], ...]:
    points = table.points("points")
    if len(points) < LEAST_POINTS or any(b[0] <= a[0] for a, b in pairwise(points)):
        expected = f"at least {LEAST_POINTS} pairs [what the sensor says, what is true], the first growing strictly"
        table.problem("points", expected, shown(points))
        return ()
    return points


def _date(table: Table, key: str) -> dt.date | None:
    """A TOML date, or the same as a text."""
    found: Any = table.value(key)
    if found is None:
        return None
    if isinstance(found, str):
        try:
            return dt.date.fromisoformat(found)
        except ValueError:
            pass
    if isinstance(found, dt.date) and not isinstance(found, dt.datetime):
        return found
    table.problem(key, "a day such as 2026-01-31", shown(found))
    return None


def listed(sensors: Iterable[SensorSettings]) -> list[tuple[str, Calibration]]:
    """Every calibration of a device, with the name of its sensor."""
    return [
        (sensor.name, calibration)
        for sensor in sensors
        if isinstance(sensor, CalibratedSettings)
        for calibration in sensor.calibrations
    ]


def report(calibrations: Sequence[tuple[str, Calibration]], today: dt.date) -> list[dict[str, Any]]:
    """What to tell of each calibration, for health and events; days are ISO 8601."""
    return [
        {
            "sensor": sensor,
            "metric": calibration.metric,
            "date": None if calibration.date is None else calibration.date.isoformat(),
            "due": None if calibration.due is None else calibration.due.isoformat(),
            "overdue": calibration.is_overdue(today),
        }
        for sensor, calibration in calibrations
    ]
