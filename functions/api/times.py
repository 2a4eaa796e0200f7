"""Times, durations and lists as a query string spells them."""

import re
from datetime import datetime

from contract.telemetry import MAX_TIMESTAMP_MS
from functions.errors import RequestError

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"([1-9][0-9]{0,11})(ms|s|m|h|d|w)")
_MILLISECONDS = re.compile(r"[0-9]{1,15}")
_SHOWN_CHARS = 60


def shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…")


def duration_ms(field: str, text: str) -> int:
    """`5m` or `300000ms`."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise RequestError(field, "a duration such as 30s, 5m, 1h or 7d", shown(text))
    return int(found[1]) * _UNITS_MS[found[2]]


def moment(field: str, text: str, now: int) -> int:
    """Milliseconds since the epoch, from those, an RFC 3339 time, or a duration before now such as `-24h`."""
    expected = "milliseconds since the epoch, an RFC 3339 time with its offset, or a duration before now such as -24h"
    if text.startswith("-"):
        ts = max(0, now - duration_ms(field, text[1:]))
    elif _MILLISECONDS.fullmatch(text):
        ts = int(text)
    else:
        try:
            parsed = datetime.fromisoformat(text)
        except ValueError as exc:
            raise RequestError(field, expected, shown(text)) from exc
        if parsed.tzinfo is None:
            raise RequestError(field, expected, f"{shown(text)} without an offset")
        ts = round(parsed.timestamp() * 1000)
    if not 0 <= ts <= MAX_TIMESTAMP_MS:
        raise RequestError(field, "a time from 1970 to 9999", shown(text))
    return ts


def listed(texts: list[str]) -> tuple[str, ...]:
    """`a&b` and `a,b` alike, each once."""
    parts = (part.strip() for text in texts for part in text.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))
