"""The `[[sensor]]` tables as a whole: each of its kind, and no two that get in each other's way."""

from collections.abc import Sequence

from contract.errors import shown
from device_agent.actuators.readings import NAME as ACTUATORS
from device_agent.actuators.settings import ActuatorSettings
from device_agent.config.following import Following, interval_of
from device_agent.config.table import Table
from device_agent.flow import DERIVED
from device_agent.sensors import SensorSettings
from device_agent.sensors.kinds import KINDS


def sensors(root: Table, following: Following, actuators: Sequence[ActuatorSettings]) -> tuple[SensorSettings, ...]:
    """Read every `[[sensor]]`; one that gives no `interval_s` follows the model's `interval_ms`, if that can be set.

    The metric that tells what is true of one of the `actuators` is read back from its pins, and no sensor's.
    """
    found: list[SensorSettings] = []
    names = {ACTUATORS, DERIVED}
    claimed = {actuator.metric: f"actuator {actuator.name}" for actuator in actuators if actuator.metric is not None}
    interval = interval_of(following.model)
    for index, table in enumerate(root.tables("sensor")):
        table.follow(following)
        if interval is not None:
            table.assume("interval_s", interval)
        kind = table.kind(KINDS)
        name = table.text("name", f"{kind or 'sensor'}-{index}")
        if name in names:
            table.problem("name", "a name that no other sensor has", shown(name))
        names.add(name)
        if kind is None:
            continue
        settings = KINDS[kind](table, name, following.model, tuple(claimed))
        for metric in settings.metrics:
            if metric in claimed:
                table.problem(f"metric {metric}", "a metric that no other sensor produces", f"one of {claimed[metric]}")
            claimed.setdefault(metric, name)
        found.append(settings)
    return tuple(found)
