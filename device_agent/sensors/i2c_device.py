"""One chip on an I²C bus: where a `[[sensor]]` table says it is, and how its registers are read and written."""

from collections.abc import Callable
from typing import TypeVar

from device_agent.config.table import Table
from device_agent.sensors import Host
from device_agent.sensors.i2c import MOST_BUSES, Bus

D = TypeVar("D")
LOWEST_ADDRESS = 0x08
HIGHEST_ADDRESS = 0x77
"""The 7-bit addresses that are not reserved (I²C specification UM10204, table 4)."""


class I2cDevice:
    """A chip by its address. Whoever opened it closes it; every call may raise SensorError."""

    def __init__(self, bus: Bus, address: int, pause: Callable[[float], None]) -> None:
        self.pause = pause
        self._bus = bus
        self._address = address

    def write(self, *data: int) -> None:
        self._bus.transfer(self._address, bytes(data))

    def read(self, count: int) -> bytes:
        return self._bus.transfer(self._address, b"", count)

    def read_from(self, register: int, count: int) -> bytes:
        """So many bytes from a register on, for chips that count the register up by themselves."""
        return self._bus.transfer(self._address, bytes([register]), count)

    def close(self) -> None:
        self._bus.close()


def parse(table: Table, address: int, start: Callable[[I2cDevice], D]) -> Callable[[Host], D]:
    """Read `bus` and `address`; what opens the driver that `start` makes of the chip.

    The bus is by default that of the `[i2c]` table. It is closed again if `start` fails.
    """
    number = table.optional_integer("bus", minimum=0, maximum=MOST_BUSES)
    at = table.integer("address", minimum=LOWEST_ADDRESS, maximum=HIGHEST_ADDRESS, default=address)

    def connect(host: Host) -> D:
        chip = I2cDevice(host.open_bus(host.i2c.bus if number is None else number), at, host.pause)
        try:
            return start(chip)
        except BaseException:
            chip.close()
            raise

    return connect
