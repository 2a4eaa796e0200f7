"""How far a device's clock is behind the cloud's.

A message was sent before it was received: what lies between is the error of the clock and how long the message was on
its way. The device's newest messages say it, the least of them best. A lag that falls is believed at once. One that
rises counts while messages tell of it, and is believed when for a while none says less: while a backlog comes in, each
message is younger than the one before. So rules wait for a backlog, and its age is forgotten with its last message.
"""

from typing import Final

import msgspec

RISE_MS: Final = 60_000
"""So long all messages must tell of a greater lag before it is believed; so long it counts behind the last of them."""
STEP_MS: Final = 10_000
_LEAST_STEP_MS: Final = 1_000


class Lag(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`ms` is believed. From `since`, if it is not 0, until `heard` messages told of more: of `least` at the least."""

    ms: int = 0
    since: int = 0
    least: int = 0
    heard: int = 0

    def at(self, now: int) -> int:
        """What counts now."""
        return self.least if self.since and now < self.heard + RISE_MS else self.ms

    def passed(self, time: int) -> int:
        """When it is later than `time` by what counts then, if nothing more is heard."""
        if not self.since:
            return time + self.ms
        return min(time + self.least, max(time + self.ms, self.heard + RISE_MS))


NO_LAG: Final = Lag()


def step_ms(hold_ms: int) -> int:
    """A lag counts in whole steps, so that the usual device has none. The hold makes up for what is left of one."""
    return max(_LEAST_STEP_MS, min(STEP_MS, hold_ms))


def heard(known: Lag, received_at: int, sent: int, *, step: int, most: int) -> Lag:
    """The lag after one of a device's newest messages."""
    found = min(max(0, received_at - sent), most) // step * step
    if found <= known.ms:
        return Lag(found)
    if not known.since or found < known.least:
        return Lag(known.ms, received_at, found, received_at)
    if received_at - known.since >= RISE_MS:
        return Lag(known.least)
    return Lag(known.ms, known.since, known.least, max(known.heard, received_at))
