"""Units by their UCUM codes: whether one can stand for another, and how a value changes on the way.

>>> conversion("Pa", "hPa").of(101325.0)
1013.25
>>> conversion("Pa", "Cel") is None
True
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Conversion:
    """value × scale + offset."""

    scale: float = 1.0
    offset: float = 0.0

    def of(self, value: float) -> float:
        """The value in the other unit, without what binary fractions add after the twelfth digit."""
        if self == SAME:
            return value
        return float(f"{value * self.scale + self.offset:.12g}")


SAME = Conversion()

# To the first unit of its group: value × scale + offset. Conversions are exact by definition (UCUM 2.1; NIST SP 811,
# appendix B.8 for the inch-pound ones).
_GROUPS: tuple[Mapping[str, tuple[float, float]], ...] = (
    {"K": (1, 0), "Cel": (1, 273.15), "[degF]": (5 / 9, 459.67 * 5 / 9), "mK": (1e-3, 0)},
    {"Pa": (1, 0), "hPa": (100, 0), "kPa": (1e3, 0), "mbar": (100, 0), "bar": (1e5, 0), "MPa": (1e6, 0)},
    {"m": (1, 0), "mm": (1e-3, 0), "cm": (1e-2, 0), "km": (1e3, 0), "[in_i]": (0.0254, 0), "[ft_i]": (0.3048, 0)},
    {"m/s": (1, 0), "mm/s": (1e-3, 0), "km/h": (1 / 3.6, 0), "[kn_i]": (1852 / 3600, 0)},
    {"m/s2": (1, 0), "[g]": (9.80665, 0), "mm/s2": (1e-3, 0)},
    {"V": (1, 0), "mV": (1e-3, 0), "uV": (1e-6, 0), "kV": (1e3, 0)},
    {"A": (1, 0), "mA": (1e-3, 0), "uA": (1e-6, 0)},
    {"W": (1, 0), "mW": (1e-3, 0), "kW": (1e3, 0)},
    {"J": (1, 0), "kJ": (1e3, 0), "W.h": (3600, 0), "kW.h": (3.6e6, 0)},
    {"Hz": (1, 0), "kHz": (1e3, 0), "MHz": (1e6, 0), "/min": (1 / 60, 0), "{rpm}": (1 / 60, 0)},
    {"1": (1, 0), "%": (1e-2, 0), "[ppth]": (1e-3, 0), "[ppm]": (1e-6, 0), "[ppb]": (1e-9, 0)},
    {"s": (1, 0), "ms": (1e-3, 0), "min": (60, 0), "h": (3600, 0), "d": (86_400, 0)},
    {"By": (1, 0), "kBy": (1e3, 0), "MBy": (1e6, 0), "GBy": (1e9, 0), "KiBy": (1024, 0), "MiBy": (2**20, 0)},
    {"lx": (1, 0), "klx": (1e3, 0)},
    {"rad": (1, 0), "deg": (3.141592653589793 / 180, 0)},
    {"kg": (1, 0), "g": (1e-3, 0), "t": (1e3, 0)},
    {"m3": (1, 0), "L": (1e-3, 0), "mL": (1e-6, 0)},
)


def conversion(of: str | None, to: str | None) -> Conversion | None:
    """From one unit to another; None if neither is known to measure what the other does."""
    if of == to:
        return SAME
    for group in _GROUPS:
        if of is not None and to is not None and of in group and to in group:
            (scale, offset), (to_scale, to_offset) = group[of], group[to]
            return Conversion(scale / to_scale, (offset - to_offset) / to_scale)
    return None
