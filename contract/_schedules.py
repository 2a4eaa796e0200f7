"""Weekly schedules as closures: whether the wall clock of a time zone shows a time in one of the windows.

What counts is what the clock on the wall shows. So a window in the hour that is skipped in spring never holds on that
day, and one in the hour that comes twice in autumn holds twice.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from contract._moments import NEVER, VERDICTS, Box, Moment, Node, Slots, Verdict
from contract.conditions import Schedule, to_document

__all__ = ["Calendar", "compile_schedule"]

_DAY_MINUTES: Final = 1_440
_DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS: Final = 253_402_300_799_999 - 10 * _DAY_MS  # what a datetime can hold, less how far is looked ahead
_AHEAD_DAYS: Final = 8


def compile_schedule(condition: Schedule, _: Slots) -> Node:
    calendar = Calendar(condition)
    shown = to_document(condition)
    shown.pop("for_ms", None)

    def judge(moment: Moment) -> Verdict:
        verdict, until = calendar.at(moment.at)
        if until < NEVER:
            moment.wake(until)
        return verdict

    def explain(moment: Moment) -> dict[str, Any]:
        told = {**shown, "verdict": VERDICTS[judge(moment)]}
        local = calendar.wall_clock(moment.at)
        return told if local is None else {**told, "wall_clock": local.strftime("%a %H:%M").lower()}

    def narrow(_: Moment, __: Box) -> None:
        return  # no sample matters

    return Node(judge, explain, narrow)


class Calendar:
    """A schedule in its zone. The last answer is kept, since most questions are about the same window."""

    def __init__(self, schedule: Schedule) -> None:
        from zoneinfo import ZoneInfo  # only schedules need the database

        self._zone = ZoneInfo(schedule.zone)
        self._windows = schedule.windows
        self._known = (0, 0, False)

    def at(self, ms: int) -> tuple[Verdict, int]:
        """Whether it holds at an instant, and until when that is sure; None beyond what a calendar can tell."""
        since, until, holds = self._known
        if since <= ms < until:
            return holds, until
        if not 0 <= ms < _LAST_MS:
            return None, NEVER
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
        minutes = {minute % _DAY_MINUTES for window in self._windows for minute in (window.start, window.end)}
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
