"""The kinds of sensor that a `[[sensor]]` table may name."""

from collections.abc import Callable, Mapping

from contract.models import DeviceModel
from device_agent.config_table import Table
from device_agent.sensors import SensorSettings, replay, simulated

Parse = Callable[[Table, str, DeviceModel, tuple[str, ...]], SensorSettings]
"""Read a table into settings: the sensor's name, the device's model, and the metrics that sensors above produce."""

KINDS: Mapping[str, Parse] = {
    "replay": replay.parse,
    "simulated": simulated.parse,
}
