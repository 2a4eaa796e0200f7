"""What of a reading a telemetry message can carry, and how many readings go into one message."""

import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Final

import msgspec

from contract.identity import METRIC_PATTERN
from contract.telemetry import MAX_INTEGER, MAX_TEXT_CHARS, MAX_VALUES_PER_MEASUREMENT, Value

AIM_BYTES: Final = 5_000
"""A message costs by every 5 KB begun; a little below counts once."""
ENVELOPE_BYTES: Final = 120
"""The envelope's own, at most, with a boot of 16 characters and a sequence number of 16 digits."""
MEASUREMENT_BYTES: Final = 33
"""A measurement's own, at most, with a time of 15 digits and the quality `good`, which is not written."""
QUALITY_BYTES: Final = 16
"""What another quality adds, at most."""
_MOST_VALUES_BYTES: Final = 65_536  # half of what a message may have, so that it always fits with what is around it

_is_metric = re.compile(METRIC_PATTERN).fullmatch
_known_metrics: set[str] = set()
_MOST_KNOWN = 1_000
_encoder = msgspec.json.Encoder()


def usable(values: Mapping[str, Value]) -> dict[str, Value]:
    """The values that a message can carry, as `contract.telemetry` has it, under names that are metric keys."""
    return {metric: value for metric, value in values.items() if _is_usable(value) and _is_known(metric)}


def parts(values: dict[str, Value]) -> Iterator[tuple[dict[str, Value], int]]:
    """Usable values in as few parts as a measurement can carry, each with the size of its JSON in bytes."""
    size = len(_encoder.encode(values))
    if size <= _MOST_VALUES_BYTES and len(values) <= MAX_VALUES_PER_MEASUREMENT:
        yield values, size
        return
    items = list(values.items())
    middle = len(items) // 2
    yield from parts(dict(items[:middle]))
    yield from parts(dict(items[middle:]))


def _is_usable(value: Any) -> bool:
    kind = type(value)
    if kind is float:
        return isfinite(value)
    if kind is bool:
        return True
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    return kind is str and len(value) <= MAX_TEXT_CHARS and _is_unicode(value)


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _is_known(metric: str) -> bool:
    if metric in _known_metrics:
        return True
    if not _is_metric(metric):
        return False
    if len(_known_metrics) < _MOST_KNOWN:
        _known_metrics.add(metric)
    return True
