"""Maintenance windows: times in which alarms of devices are kept, and nobody is told and nothing done about them."""

from collections.abc import Iterable
from typing import Final

import msgspec

from functions.domain.access import By, Target
from functions.domain.devices import parse_text
from functions.errors import RequestError

MAX_REASON_CHARS: Final = 300
MIN_LENGTH_MS: Final = 60_000
MAX_LENGTH_MS: Final = 31 * 86_400_000
"""Longer ones are forgotten, and with them the alarms."""
MAX_AHEAD_MS: Final = 366 * 86_400_000
MAX_WINDOWS: Final = 1_000
"""Those that run or are to come: each delivery looks at all of them, once in some seconds."""
KEEP_MS: Final = 400 * 86_400_000
"""How long one that is over stays on the list: as long as the history of alarms."""


class Window(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """It holds from `start` until before `end` for the devices of `scope`. `ended_by` is whoever ended it early.

    `id` is a ULID. `version` is that of the stored item.
    """

    id: str
    scope: str
    start: int
    end: int
    reason: str
    by: By
    created_at: int
    ended_by: By | None = None
    version: int = 0

    def holds(self, now: int) -> bool:
        return self.start <= now < self.end

    def ended(self, by: By, now: int) -> "Window":
        """From now on; one that has not begun yet never does, and one that is over stays as it was."""
        end = max(now, self.start)
        return self if end >= self.end else msgspec.structs.replace(self, end=end, ended_by=by)


class WindowPage(msgspec.Struct, frozen=True):
    """Newest first; `before` is the id to go on from."""

    windows: tuple[Window, ...]
    before: str | None


def holding(windows: Iterable[Window], thing: str, group: str, now: int) -> Window | None:
    """The one of these that holds longest for a device; None where none does."""
    scopes = Target(thing, group).scopes
    held = [window for window in windows if window.scope in scopes and window.holds(now)]
    return max(held, key=lambda window: (window.end, window.id), default=None)


def check_times(start: int, end: int, now: int) -> None:
    """Raises RequestError."""
    if not now - MIN_LENGTH_MS <= start <= now + MAX_AHEAD_MS:
        raise RequestError("from", "a time in milliseconds, from now to a year ahead", str(start))
    if not start + MIN_LENGTH_MS <= end <= start + MAX_LENGTH_MS:
        raise RequestError("to", "a time in milliseconds, from a minute to 31 days behind the beginning", str(end))


def parse_reason(text: str) -> str:
    return parse_text("reason", text, MAX_REASON_CHARS)
