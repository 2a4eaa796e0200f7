"""Output lines at the device's pins, by gpiozero, which is loaded by the first that is claimed.

Levels are logical: 1.0 is active, whatever that is electrically. The guardian loads this module: it imports little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from device_agent.errors import ActuatorError

LEVEL_TOLERANCE: Final = 0.011
"""A duty cycle is kept in whole percent by lgpio."""


@dataclass(frozen=True)
class Line:
    """One pin by its BCM number. With `pwm_hz` its level is a duty cycle, else it is 0 or 1."""

    pin: int
    active_high: bool = True
    pwm_hz: int | None = None


@dataclass(frozen=True)
class Step:
    """Levels by pin, and how long to hold them before the next step."""

    levels: Mapping[int, float]
    hold_s: float = 0.0


class Lines:
    """The lines of one actuator, claimed together and for nobody else."""

    def __init__(self, lines: Sequence[Line], levels: Mapping[int, float], factory: Any) -> None:
        """Claim them at these levels, or none of them. `factory` is gpiozero's pin factory.

        Raises:
            ActuatorError: a line is taken or cannot be reached.
        """
        self._devices: dict[int, Any] = {}
        for line in lines:
            try:
                self._devices[line.pin] = _claim(line, levels[line.pin], factory)
            except Exception as error:  # lgpio.error, OSError, gpiozero's own: each factory raises others
                self.close()
                raise ActuatorError(f"pin {line.pin} cannot be claimed: {_text(error)}") from error

    def write(self, levels: Mapping[int, float]) -> None:
        """Set the levels, those that go to zero first: two halves of a bridge are never on together.

        Raises:
            ActuatorError: a line could not be written, or reads otherwise than it was written.
        """
        for pin, level in sorted(levels.items(), key=lambda item: item[1] != 0.0):
            try:
                self._devices[pin].value = level
            except Exception as error:  # see above
                raise ActuatorError(f"pin {pin} cannot be written: {_text(error)}") from error
        read = self.read()
        for pin, level in levels.items():
            if abs(read[pin] - level) > LEVEL_TOLERANCE:
                raise ActuatorError(f"pin {pin} reads {read[pin]:g} after it was set to {level:g}")

    def read(self) -> dict[int, float]:
        """The levels as they are at the pins. Raises ActuatorError."""
        levels = {}
        for pin, device in self._devices.items():
            try:
                levels[pin] = float(device.value)
            except Exception as error:  # see above
                raise ActuatorError(f"pin {pin} cannot be read: {_text(error)}") from error
        return levels

    def close(self) -> None:
        """Give the lines back. What drives them then is the wiring."""
        for device in self._devices.values():
            device.close()
        self._devices.clear()


def _claim(line: Line, level: float, factory: Any) -> Any:
    from gpiozero import DigitalOutputDevice, PWMOutputDevice

    options = {"active_high": line.active_high, "pin_factory": factory}
    if line.pwm_hz is None:
        return DigitalOutputDevice(line.pin, initial_value=bool(level), **options)
    return PWMOutputDevice(line.pin, initial_value=level, frequency=line.pwm_hz, **options)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
