"""Reads what every blocking driver's `[[sensor]]` table may say: rhythm, timeout, and what its readings are called."""

from collections.abc import Callable, Sequence
from typing import Any

from contract.errors import IdentityError, shown
from contract.identity import parse_metric
from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.sensors import Host
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import Driver, DriverSettings, Output
from device_agent.sensors.units import SAME, Conversion, conversion

LEAST_INTERVAL_S = 0.001
MOST_INTERVAL_S = 86_400
LEAST_TIMEOUT_S = 0.01
MOST_TIMEOUT_S = 60


def driver_settings(
    table: Table,
    name: str,
    model: DeviceModel,
    readings: Sequence[ReadingDescription[Any]],
    open_driver: Callable[[Host], Driver[Any]],
    *,
    timeout_s: float = 5.0,
) -> DriverSettings:
    """The settings of a driver that gives `readings`; `timeout_s` is how long one measurement may take by default.

    Reads `interval_s`, `timeout_s`, `readings` (which of them: by default all) and `metrics` (what they are called: by
    default what their descriptions say). What is wrong, and what does not fit the model, is noted in the table.
    """
    return DriverSettings(
        name=name,
        interval_s=interval_s(table, model),
        timeout_s=table.number("timeout_s", minimum=LEAST_TIMEOUT_S, maximum=MOST_TIMEOUT_S, default=timeout_s),
        outputs=outputs(table, model, readings),
        open=open_driver,
    )


def interval_s(table: Table, model: DeviceModel) -> float:
    """How often to read; by default as often as the model expects."""
    return table.number(
        "interval_s", minimum=LEAST_INTERVAL_S, maximum=MOST_INTERVAL_S, default=model.interval_ms / 1000
    )


def outputs(table: Table, model: DeviceModel, readings: Sequence[ReadingDescription[Any]]) -> tuple[Output, ...]:
    """The chosen readings under the names and in the units that they are published by."""
    known = {reading.key: reading for reading in readings}
    expected = f"some of {', '.join(known)}"
    chosen = table.texts("readings", default=tuple(known))
    if not chosen:
        table.problem("readings", expected, "none")
    for key in chosen:
        if key not in known:
            table.problem("readings", expected, shown(key))
    renamed = table.table("metrics")
    for key in renamed:
        if key not in chosen:
            table.problem(f"metrics.{key}", f"one of {', '.join(chosen)}", "a reading that is none of them")
    found = []
    for key in dict.fromkeys(chosen):
        if key in known:
            metric = renamed.metric(key) if key in renamed else _default(table, key)
            found.append(Output(metric, known[key], fit(table, model, metric, known[key])))
    _check_names(table, found)
    return tuple(found)


def fit(table: Table, model: DeviceModel, metric: str, reading: ReadingDescription[Any]) -> Conversion:
    """How a reading becomes the model's metric; one that does not fit it is noted in the table.

    A metric that the model does not know takes the reading as it is.
    """
    known = model.metrics.get(metric)
    if known is None:
        return SAME
    if known.type != reading.type:
        table.problem(
            f"metrics.{reading.key}",
            f"a metric that is a {reading.type}, as this reading is",
            f"{metric}, a {known.type} in the model {model.name}",
        )
        return SAME
    if reading.type != "number":
        return SAME
    found = conversion(reading.unit, known.unit)
    if found is None:
        table.problem(
            f"metrics.{reading.key}",
            f"a metric in {reading.unit or 'no unit'} or what that can be converted to",
            f"{metric}, in {known.unit or 'no unit'} by the model {model.name}",
        )
        return SAME
    return found


def _default(table: Table, key: str) -> str:
    try:
        return parse_metric(key)
    except IdentityError as error:
        table.problem(f"metrics.{key}", f"a name for this reading, since {shown(key)} is no metric", str(error))
        return key


def _check_names(table: Table, found: list[Output]) -> None:
    names: set[str] = set()
    for output in found:
        if output.metric in names:
            key = f"metrics.{output.reading.key}"
            table.problem(key, "a metric that no other reading becomes", shown(output.metric))
        names.add(output.metric)
