"""Readings become telemetry messages: unusable values are left out, batches are split by size."""

import math
from collections.abc import Iterator, Mapping, Sequence

from contract import telemetry
from contract.errors import EnvelopeError
from contract.telemetry import MAX_TEXT_CHARS, Envelope, Measurement, Value

AIM_BYTES = 5_000
"""A message costs by every 5 KB begun; a little below counts once."""


class EnvelopeWriter:
    """Writes the messages of one start of the agent: `boot` is its own, `seq` counts up from 0 without a gap."""

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self._next_seq = 0

    def write(self, measurements: Sequence[Measurement], sent: int) -> list[bytes]:
        """The messages that carry the measurements, in order. They use up no numbers until `confirm`.

        Raises:
            contract.errors.EnvelopeError: a measurement is too large for any message.
        """
        chunks = _split(measurements, self.boot, sent)
        return [
            telemetry.encode(Envelope(boot=self.boot, seq=self._next_seq + index, sent=sent, m=tuple(chunk)))
            for index, chunk in enumerate(chunks)
        ]

    def confirm(self, messages: int) -> None:
        """Count messages as made, once they are stored."""
        self._next_seq += messages


def usable(values: Mapping[str, Value]) -> dict[str, Value]:
    """The values that a message can carry: finite numbers, booleans, texts of bounded length."""
    return {metric: value for metric, value in values.items() if _is_usable(value)}


def _is_usable(value: Value) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT_CHARS
    return math.isfinite(value)


def _split(measurements: Sequence[Measurement], boot: str, sent: int) -> Iterator[Sequence[Measurement]]:
    """Consecutive parts of about equal length, as few as the aim allows; a single measurement may be above it."""
    if not measurements:
        return
    size = _size(measurements, boot, sent)
    if size <= AIM_BYTES or len(measurements) == 1:
        yield measurements
        return
    parts = min(len(measurements), max(2, math.ceil(size / AIM_BYTES)))
    for part in range(parts):
        start, end = (len(measurements) * edge // parts for edge in (part, part + 1))
        yield from _split(measurements[start:end], boot, sent)


def _size(measurements: Sequence[Measurement], boot: str, sent: int) -> int:
    largest_seq = telemetry.MAX_INTEGER - 1
    try:
        return len(telemetry.encode(Envelope(boot=boot, seq=largest_seq, sent=sent, m=tuple(measurements))))
    except EnvelopeError as error:
        if error.reason == "too_large" or len(measurements) > 1:
            return telemetry.MAX_MESSAGE_BYTES
        raise
