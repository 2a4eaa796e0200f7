"""The pins of the device: which of gpiozero's factories drives them. Sensors and actuators share one factory.

gpiozero is loaded by the first call of `factory`, never by parsing.
"""

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from contract.errors import shown
from device_agent.errors import GpioError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from device_agent.config.table import Table

GROUP = "gpiozero_pin_factories"
"""The entry points that gpiozero and its extensions offer their pin factories by."""
STANDARD = ("lgpio", "mock", "native", "pigpio", "rpigpio")
"""gpiozero's own, for which the entry points need not be read."""
MOST_CHIPS = 63


@dataclass(frozen=True, eq=False)
class GpioSettings:
    """The `[gpio]` table. Two settings are never equal: each stands for the pins of one agent."""

    factory: str = "lgpio"
    chip: int | None = None
    """The number of the gpiochip; None: what the factory finds right for this board."""


_making = threading.Lock()
_made: WeakKeyDictionary[GpioSettings, Any] = WeakKeyDictionary()


def parse(table: "Table") -> GpioSettings:
    """Read the `[gpio]` table: `factory` is one that is installed, `chip` is for lgpio alone."""
    name = table.text("factory", "lgpio")
    chip = table.optional_integer("chip", minimum=0, maximum=MOST_CHIPS)
    if name not in STANDARD and name not in (installed := _installed()):
        table.problem("factory", f"one of {', '.join(sorted(installed.union(STANDARD)))}", shown(name))
    if chip is not None and name != "lgpio":
        table.problem("chip", 'no chip, or factory = "lgpio"', f"chip {chip} with factory {shown(name)}")
    return GpioSettings(factory=name, chip=chip)


def factory(settings: GpioSettings) -> Any:
    """The pin factory, made at the first call and the same for the same settings: it knows which pins are taken.

    Blocks for up to a second at the first call; may be called from any thread.

    Raises:
        GpioError: gpiozero or the factory's library is not installed, or the pins cannot be reached.
    """
    with _making:
        if settings not in _made:
            _made[settings] = _make(settings)
        return _made[settings]


def close(settings: GpioSettings) -> None:
    """Give every pin back, if any was taken. `factory` then makes a new one."""
    with _making:
        if (made := _made.pop(settings, None)) is not None:
            made.close()


def _make(settings: GpioSettings) -> Any:
    from importlib.metadata import entry_points

    options: dict[str, Any] = {} if settings.chip is None else {"chip": settings.chip}
    if settings.factory == "mock":
        options["pin_class"] = "mockpwmpin"  # a real header's pins take PWM too
    try:
        (point,) = entry_points(group=GROUP, name=settings.factory)
        with _private_directory():
            return point.load()(**options)
    except Exception as error:  # lgpio.error, OSError, ImportError, gpiozero's own: each factory raises others
        raise GpioError(
            f"the pins cannot be reached by {settings.factory}: {str(error) or type(error).__name__}; "
            "is a GPIO chip there, and may this user open it (group gpio)?"
        ) from error


def _installed() -> set[str]:
    from importlib.metadata import entry_points

    return {point.name for point in entry_points(group=GROUP)}


@contextmanager
def _private_directory() -> "Iterator[None]":
    """A working directory that can be written: importing lgpio opens a pipe there, and a service's is read-only.

    Other threads see the change too. None of ours uses a relative path after the configuration was read.
    """
    import tempfile  # with what compresses and copies files, for a moment's use

    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="fieldline-gpio-") as directory:
        os.chdir(directory)
        try:
            yield
        finally:
            os.chdir(before)
