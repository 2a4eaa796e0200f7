"""Durations (`5m`, `24h`, `1h30m`, `7d`) and points in time, in milliseconds."""

import re
from datetime import UTC, datetime

from contract.durations import UNITS_MS, milliseconds
from contract.telemetry import MAX_TIMESTAMP_MS

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2}))?"
)
_EPOCH_MS = re.compile(r"[0-9]{12,15}")
_LONGEST = 100 * 366 * UNITS_MS["d"]


class DurationError(ValueError):
    """The text is no duration or time; the message says what was expected and what came."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}; got {got!r}")


def parse_duration(text: str) -> int:
    """Milliseconds, at least 1 and at most 100 years."""
    total = milliseconds(text)
    if total is None:
        raise DurationError("a duration such as 30s, 24h or 1h30m (units: ms, s, m, h, d, w, each at most once)", text)
    if not 0 < total <= _LONGEST:
        raise DurationError("a duration of more than nothing and at most 100 years", text)
    return total


def format_duration(ms: int) -> str:
    """The shortest single-unit text that `parse_duration` reads back as the same number."""
    unit = next(unit for unit, size in UNITS_MS.items() if ms % size == 0)
    return f"{ms // UNITS_MS[unit]}{unit}"


def parse_instant(text: str, now_ms: int) -> int:
    """Milliseconds since the epoch of `now`, of a duration ago (`24h`), of an RFC 3339 time, or of that number."""
    if text == "now":
        return now_ms
    if milliseconds(text.removeprefix("-")) is not None:
        return max(0, now_ms - parse_duration(text.removeprefix("-")))
    if _EPOCH_MS.fullmatch(text):
        ms = int(text)
    elif _RFC3339.fullmatch(text):
        ms = _from_rfc3339(text)
    else:
        raise DurationError("a duration ago (24h), a time (2026-01-31, 2026-01-31T08:00:00Z) or `now`", text)
    if not 0 <= ms <= MAX_TIMESTAMP_MS:
        raise DurationError("a time between 1970 and 9999", text)
    return ms


def format_instant(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, which `parse_instant` reads back."""
    whole, part = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{part:03d}Z"


def _from_rfc3339(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as exc:
        raise DurationError("a time that exists", text) from exc
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime.fromtimestamp(0, UTC)
    return since.days * UNITS_MS["d"] + since.seconds * 1000 + since.microseconds // 1000
