"""How far a device's clock is behind the cloud's.

A message was sent before it was received: what lies between is the error of the clock and how long the message was on
its way. The device's newest messages say it, the least of them best. A lag that falls is believed at once. One that
rises is believed when for a while nothing was received that says less: while a backlog comes in, each message is
younger than the one before, and the age of what waited is no error of the clock.
"""

from typing import Final

import msgspec

RISE_MS: Final = 60_000
"""So long all messages must tell of a greater lag before it is believed."""
STEP_MS: Final = 10_000
_LEAST_STEP_MS: Final = 1_000


class Lag(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`ms` is believed. Since `since`, if it is not 0, messages tell of more: of `least` at the least."""

    ms: int = 0
    since: int = 0
    least: int = 0


def step_ms(hold_ms: int) -> int:
    """A lag counts in whole steps, so that the usual device has none. The hold makes up for what is left of one."""
    return max(_LEAST_STEP_MS, min(STEP_MS, hold_ms))


def heard(known: Lag | None, received_at: int, sent: int, *, step: int, most: int) -> Lag:
    """The lag after one of a device's newest messages. Without a known one it is believed as the message tells it."""
    found = min(max(0, received_at - sent), most) // step * step
    if known is None or found <= known.ms:
        return Lag(found)
    if not known.since or found < known.least:
        return Lag(known.ms, received_at, found)
    return Lag(known.least) if received_at - known.since >= RISE_MS else known
