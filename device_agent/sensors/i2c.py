"""The I²C bus as the drivers see it, and the kernel's by smbus2."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from device_agent.errors import SensorError

if TYPE_CHECKING:
    from device_agent.config.table import Table

MOST_BUSES = 255


@dataclass(frozen=True)
class I2cSettings:
    """The `[i2c]` table: the bus of a sensor that names none. A Raspberry Pi's header has bus 1."""

    bus: int = 1


def parse(table: "Table") -> I2cSettings:
    """Read the `[i2c]` table; what is wrong is noted in the table."""
    return I2cSettings(bus=table.integer("bus", minimum=0, maximum=MOST_BUSES, default=1))


class Bus(Protocol):
    """One I²C bus. Calls block."""

    def transfer(self, address: int, write: bytes, read: int = 0) -> bytes:
        """Write, then read so many bytes after a repeated start, without a stop in between; either may be none.

        Raises:
            SensorError: nothing answers at the 7-bit address, or the transfer broke off.
        """
        ...

    def close(self) -> None: ...


class SmBus:
    """`/dev/i2c-N`. Each transfer is one call of the kernel, which lets no other device of the bus come in between."""

    def __init__(self, number: int) -> None:
        try:
            from smbus2 import SMBus

            self._bus = SMBus(number)
        except ImportError as error:
            raise SensorError("smbus2 is not installed: I²C needs the extra `hardware`") from error
        except OSError as error:
            raise SensorError(
                f"I²C bus {number} cannot be opened: {error.strerror}; is I²C enabled, and may this user open it?"
            ) from error
        self._number = number

    def transfer(self, address: int, write: bytes, read: int = 0) -> bytes:
        from smbus2 import i2c_msg

        messages = [i2c_msg.write(address, write)] if write else []
        if read:
            messages.append(i2c_msg.read(address, read))
        try:
            self._bus.i2c_rdwr(*messages)
        except OSError as error:
            raise SensorError(f"I²C bus {self._number}, address 0x{address:02x}: {error.strerror}") from error
        return bytes(messages[-1]) if read else b""

    def close(self) -> None:
        self._bus.close()


def open_smbus(number: int) -> Bus:
    """The bus `/dev/i2c-{number}`. Raises SensorError."""
    return SmBus(number)
