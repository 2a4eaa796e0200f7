"""What literals of the text mean."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from math import isfinite

_UNITS: Mapping[str, int] = {
    "SECOND": 10**9,
    "MINUTE": 60 * 10**9,
    "HOUR": 3600 * 10**9,
    "DAY": 86_400 * 10**9,
}
_number = re.compile(r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?").fullmatch
_whole = re.compile(r"[0-9]{1,9}").fullmatch
_moment = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[ T]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
).fullmatch


def double(text: str) -> float | None:
    if not _number(text):
        return None
    value = float(text)
    return value if isfinite(value) else None


def interval_ns(amount: str, unit: str) -> int | None:
    """Of `INTERVAL '5' MINUTE`."""
    size = _UNITS.get(unit.upper().removesuffix("S"))
    return None if size is None or not _whole(amount) else int(amount) * size


def timestamp_ns(text: str) -> int | None:
    """Of `2022-07-07 17:44:43.771000000`, also with a T between; None before 1970 and for what is no moment."""
    found = _moment(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        when = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC)
    except ValueError:
        return None
    seconds = int(when.timestamp())
    if zone and zone != "Z":
        hours, minutes = zone[1:].split(":")
        shift = int(hours) * 3600 + int(minutes) * 60
        seconds += -shift if zone[0] == "+" else shift
    ns = seconds * 10**9 + int((fraction or "").ljust(9, "0"))
    return ns if 0 <= ns < 2**63 else None


def day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None  # noqa: PLR2004 - YYYY-MM-DD
    except ValueError:
        return None
