"""Durations as people write them: `90s`, `5m`, `1h30m`.

    >>> milliseconds("1h30m")
    5400000

Documents say `for: 5m` or `for_ms: 300000`; what we write says the latter.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from contract.errors import shown

__all__ = ["PATTERN", "UNITS_MS", "milliseconds", "read_duration", "spelled"]

UNITS_MS: Final = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PART: Final = re.compile(r"([0-9]{1,15})(ms|[wdhms])")
PATTERN: Final = r"([0-9]{1,15}(ms|[wdhms]))+"
_DURATION: Final = re.compile(PATTERN)


def milliseconds(text: str) -> int | None:
    """How long the text says; None if it is no duration, or has a unit twice."""
    if not _DURATION.fullmatch(text):
        return None
    parts = _PART.findall(text)
    if len({unit for _, unit in parts}) < len(parts):
        return None
    return sum(int(count) * UNITS_MS[unit] for count, unit in parts)


def spelled(ms: int) -> str:
    """What `milliseconds` reads back, with each unit that it takes, the greatest first.

    >>> spelled(5_410_000)
    '1h30m10s'
    """
    parts = []
    for unit, size in UNITS_MS.items():
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def read_duration(
    document: Mapping[str, Any], key: str, minimum: int, maximum: int, note: Callable[[str, str, str], None]
) -> int | None:
    """The ms of `{key}_ms`, or of the text `{key}`; None without either, or if it is wrong, which is noted.

    `note` takes the key that is wrong, what was expected, and what came.
    """
    as_number = f"{key}_ms"
    if as_number in document:
        value = document[as_number]
        if key in document:
            note(key, f"left out beside `{as_number}`", shown(document[key]))
        elif type(value) is int and minimum <= value <= maximum:
            return value
        else:
            note(as_number, f"an integer from {minimum} to {maximum}", shown(value))
    elif key in document:
        value = document[key]
        read = milliseconds(value) if isinstance(value, str) else None
        if read is None:
            note(key, "a duration such as 90s, 5m or 1h30m (units: ms, s, m, h, d, w)", shown(value))
        elif minimum <= read <= maximum:
            return read
        else:
            note(key, f"a duration from {minimum} to {maximum} ms", shown(value))
    return None
