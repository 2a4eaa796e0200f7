"""Where messages lie in the lake: in objects below a prefix for each UTC day and hour, named by the delivery stream."""

import re
from datetime import UTC, datetime

import msgspec

from contract.telemetry import MAX_TIMESTAMP_MS

PREFIX = "raw/"
HOUR_MS = 3_600_000
BUFFER_MS = 15 * 60_000
"""The longest that a delivery stream gathers: how much younger than its oldest message an object's others may be."""
MAX_LINE_BYTES = 1_048_576
"""Several times that of the largest message as the lake keeps it."""

_OURS = re.compile(rf"{PREFIX}day=\d{{4}}-\d\d-\d\d/hour=\d\d/.+")


class StoredObject(msgspec.Struct, frozen=True):
    """`size` is in bytes as stored, which is compressed."""

    key: str
    size: int


class ObjectsPage(msgspec.Struct, frozen=True):
    """A page may be empty before the last one, which has no cursor."""

    objects: tuple[StoredObject, ...]
    cursor: str | None


def is_delivered(key: str) -> bool:
    """Whether the delivery stream would name an object so; by anything else in the bucket no move is held up."""
    return _OURS.fullmatch(key) is not None


def hour_prefix(ms: int) -> str:
    """What the names of the objects of an hour begin with; they sort as time does."""
    return f"{PREFIX}{datetime.fromtimestamp(ms // 1000, UTC):day=%Y-%m-%d/hour=%H/}"


def span(start: int, end: int) -> tuple[str, str]:
    """Between which keys, the second excluded, the objects lie that may hold what arrived in `[start, end)`."""
    last = min(max(start, end - 1), MAX_TIMESTAMP_MS - HOUR_MS)  # there is no hour after the last
    return hour_prefix(max(0, start - BUFFER_MS)), hour_prefix(last - last % HOUR_MS + HOUR_MS)
