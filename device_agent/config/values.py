"""What values of a configuration are: pure checks and conversions, without a table around them."""

import math
import os
import re
import sys
from pathlib import Path
from typing import Any, Final

_LARGEST: Final = sys.float_info.max
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_PATH_BYTES: Final = 4096
_NAME_BYTES: Final = 255
_PART: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|min|[smhd])(?![a-z])")


def seconds(text: str) -> float | None:
    """A duration such as "90 s", "5 min", "1h30m" or "250ms" in seconds; None if it is none."""
    total, at, text = 0.0, 0, text.strip()
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            return None
        total += float(part[1]) * _UNITS[part[2]]
        at = part.end()
    return total if text else None


def a_number(minimum: float, maximum: float) -> str:
    """What is expected, in words."""
    if minimum > -math.inf:
        return (
            f"a number from {minimum:g} to {maximum:g}" if maximum < math.inf else f"a number of at least {minimum:g}"
        )
    return f"a number of at most {maximum:g}" if maximum < math.inf else "a number"


def is_within(value: float, minimum: float, maximum: float) -> bool:
    """Whether a number is finite and within both bounds."""
    return is_finite(value) and minimum <= value <= maximum


def is_finite(value: Any) -> bool:
    """Whether a value is a number that a float can hold, other than NaN and infinity; booleans are none."""
    # Compared, not converted: TOML's integers have any length.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -_LARGEST <= value <= _LARGEST


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_path(text: str) -> bool:
    """Whether a system could open a file of this name: Linux takes 255 bytes for each part, and 4095 in all."""
    name = os.fsencode(text)
    return 0 not in name and len(name) < _PATH_BYTES and all(len(part) <= _NAME_BYTES for part in name.split(b"/"))


def path_problem(path: Path, *, must_exist: bool) -> tuple[str, str] | None:
    """What was expected and what came, if a path is none, or no file is there that must be."""
    if not is_path(str(path)):
        return "a path", no_path(str(path))
    if must_exist and not path.is_file():
        return "a file", f"{path}, which is not there"
    return None


def no_path(text: str) -> str:
    """What came instead of a path, in words: it may be a key that was pasted in place of its file's name."""
    return f"a text of {len(text)} characters that is none"


def is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == len(("x", "y")) and all(map(is_finite, value))


def pair(value: list[float]) -> tuple[float, float]:
    return float(value[0]), float(value[1])
