"""A thermal zone of the kernel: the temperature of a processor or a board.

Files: the kernel's Documentation/driver-api/thermal/sysfs-api.rst.
"""

from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.sensors import Host, sysfs
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings, FunctionDriver
from device_agent.sensors.driver_table import driver_settings

DIRECTORY = "sys/class/thermal"
ZONES = "thermal_zone*"

TEMPERATURE = ReadingDescription[float](
    key="temperature", unit="Cel", minimum=-55, maximum=150, decimals=2, read=lambda celsius: celsius
)


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `thermal`; what is wrong is noted in the table."""
    zone = table.text("zone", "thermal_zone0")

    def open_driver(host: Host) -> FunctionDriver[float]:
        found = sysfs.find_device(host.root / DIRECTORY, ZONES, zone, "type")
        return FunctionDriver(lambda: sysfs.number(found / "temp") / 1000)

    return driver_settings(table, name, model, (TEMPERATURE,), open_driver)
