"""Times of the week by the clock on the wall: how they are written, and when the windows that they make begin and end.

>>> parse_time("22:30"), spelled_time(1350)
(1350, '22:30')

What counts is what the clock on the wall shows. So a window in the hour that is skipped in spring never holds on that
day, and one in the hour that comes twice in autumn holds twice.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from contract.conditions import Window
from contract.telemetry import MAX_TIMESTAMP_MS

__all__ = ["DAY_MINUTES", "TIME_PATTERN", "ZONE_PATTERN", "Calendar", "parse_time", "parse_zone", "spelled_time"]

DAY_MINUTES: Final = 1_440
TIME_PATTERN: Final = r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00"
ZONE_PATTERN: Final = r"[A-Z][A-Za-z0-9_+-]*(?:/[A-Z][A-Za-z0-9_+-]*){0,2}"
"""Not what a machine adds to the database, such as localtime."""

_TIME: Final = re.compile(TIME_PATTERN)
_ZONE: Final = re.compile(ZONE_PATTERN)
_DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD_DAYS: Final = 8
_LAST_MS: Final = MAX_TIMESTAMP_MS - 10 * _DAY_MS  # what a datetime can hold, less how far is looked ahead


def parse_time(text: str) -> int | None:
    """Minutes after midnight, up to those of 24:00; None for what is no time of day."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    return DAY_MINUTES if match[1] is None else int(match[1]) * 60 + int(match[2])


def spelled_time(minutes: int) -> str:
    """What `parse_time` reads back."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def parse_zone(text: str) -> str | None:
    """A time zone of the IANA database as that spells it; None for what is none."""
    from zoneinfo import ZoneInfo  # only schedules need the database

    try:
        return ZoneInfo(text).key if _ZONE.fullmatch(text) else None
    except (OSError, ValueError, KeyError):  # none such, or a folder of the database
        return None


class Calendar:
    """Windows of the week in a zone. The last answer is kept, since most questions are about the same window."""

    def __init__(self, zone: str, windows: tuple[Window, ...]) -> None:
        from zoneinfo import ZoneInfo

        self._zone = ZoneInfo(zone)
        self._windows = windows
        self._known = (0, 0, False)

    def at(self, ms: int) -> tuple[bool | None, int | None]:
        """Whether one holds at an instant, and until when that is sure, some days ahead at most.

        None for both beyond what a calendar can tell.
        """
        since, until, holds = self._known
        if since <= ms < until:
            return holds, until
        if not 0 <= ms < _LAST_MS:
            return None, None
        holds = self._holds(ms)
        until = self._next_change(ms, holds=holds)
        self._known = (ms, until, holds)
        return holds, until

    def wall_clock(self, ms: int) -> datetime | None:
        return None if not 0 <= ms < _LAST_MS else (_EPOCH + timedelta(milliseconds=ms)).astimezone(self._zone)

    def _holds(self, ms: int) -> bool:
        local = (_EPOCH + timedelta(milliseconds=ms)).astimezone(self._zone)
        day, minute = local.weekday(), local.hour * 60 + local.minute
        for window in self._windows:
            overnight = window.end <= window.start
            if day in window.days and window.start <= minute and (overnight or minute < window.end):
                return True
            if overnight and (day - 1) % 7 in window.days and minute < window.end:
                return True
        return False

    def _next_change(self, ms: int, *, holds: bool) -> int:
        """The first instant after `ms` at which it is otherwise, or one up to which nothing changes."""
        moments = sorted({*self._boundaries(ms), *self._shifts(ms)})
        return next((at for at in moments if at > ms and self._holds(at) != holds), ms + _AHEAD_DAYS * _DAY_MS)

    def _boundaries(self, ms: int) -> set[int]:
        """When the wall clock shows a beginning or an end, in the days around; twice where an hour comes twice."""
        today = (_EPOCH + timedelta(milliseconds=ms)).astimezone(self._zone).replace(tzinfo=None)
        midnight = datetime(today.year, today.month, today.day)  # noqa: DTZ001 - a wall clock
        minutes = {minute % DAY_MINUTES for window in self._windows for minute in (window.start, window.end)}
        found = set()
        for day in range(_AHEAD_DAYS + 1):
            for minute in minutes:
                wall = midnight + timedelta(days=day, minutes=minute)
                for fold in (0, 1):
                    since = wall.replace(tzinfo=self._zone, fold=fold) - _EPOCH
                    found.add(since // timedelta(milliseconds=1))
        return found

    def _shifts(self, ms: int) -> list[int]:
        """When the zone's clocks are put forward or back, to the ms."""
        found = []
        for day in range(_AHEAD_DAYS + 1):
            low, high = ms + day * _DAY_MS, ms + (day + 1) * _DAY_MS
            if self._offset(low) == self._offset(high):
                continue
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if self._offset(middle) == self._offset(low) else (low, middle)
            found.append(high)
        return found

    def _offset(self, ms: int) -> timedelta | None:
        return (_EPOCH + timedelta(milliseconds=ms)).astimezone(self._zone).utcoffset()
