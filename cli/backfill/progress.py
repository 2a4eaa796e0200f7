"""What a person sees while history moves, and at its end. Nothing here goes to standard output but the end."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, Self

from cli.backfill.planning import Plan
from cli.backfill.totals import Totals
from cli.output import console, note, print_fields
from contract.backfill import LAKE, Copied

if TYPE_CHECKING:
    from rich.progress import TaskID

LINE_EVERY_S = 10.0
BYTES_A_POINT = 6
"""Of the lake, compressed: an estimate for messages of five metrics."""
POINTS_A_SECOND = 20_000
"""Of one invocation, an estimate too: docs/moving-stores.md says what was measured."""
_MINUTE_S, _HOUR_S = 60, 3600


class Shown(Protocol):
    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def told(self, piece: int, copied: Copied) -> None:
        """A slice is written down; its piece is done where the slice says so."""
        ...


class Pace:
    """How far a run has come. What was done before it counts as done, and not for its speed."""

    def __init__(self, plan: Plan, done: set[int], clock_s: Callable[[], float] = time.monotonic) -> None:
        self._plan = plan
        self._clock_s = clock_s
        self._begun = clock_s()
        self.pieces = len(done)
        self.size = self._before = sum(plan.pieces[piece].size for piece in done)
        self.points = 0

    def add(self, piece: int, copied: Copied) -> None:
        self.points += copied.points
        if copied.next is None:
            self.pieces += 1
            self.size += self._plan.pieces[piece].size

    @property
    def seconds(self) -> float:
        return self._clock_s() - self._begun

    @property
    def points_per_s(self) -> float:
        return self.points / self.seconds if self.seconds > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """None while there is nothing to judge by."""
        moved = self.size - self._before
        return self.seconds * (self._plan.size - self.size) / moved if moved else None

    def __str__(self) -> str:
        left = self.left_s
        pieces, speed = f"{self.pieces:,} of {len(self._plan.pieces):,} pieces", f"{self.points_per_s:,.0f} a second"
        text = f"{pieces}, {self.points:,} points, {speed}"
        return text if left is None else f"{text}, {span(left)} left"


class Lines:
    """For what is no terminal: a line now and then."""

    def __init__(self, pace: Pace, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._pace = pace
        self._clock_s = clock_s
        self._last = clock_s()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def told(self, piece: int, copied: Copied) -> None:
        self._pace.add(piece, copied)
        if self._clock_s() - self._last >= LINE_EVERY_S:
            self._last = self._clock_s()
            note(str(self._pace))


class Bar:
    """For a terminal."""

    def __init__(self, pace: Pace, plan: Plan) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._pace = pace
        self._progress = Progress(
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.description}"),
            console=console(stderr=True),
            transient=True,
        )
        self._task: TaskID = self._progress.add_task(str(pace), total=plan.size, completed=pace.size)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def told(self, piece: int, copied: Copied) -> None:
        self._pace.add(piece, copied)
        self._progress.update(self._task, completed=self._pace.size, description=str(self._pace))


def shown(pace: Pace, plan: Plan) -> Shown:
    return Bar(pace, plan) if console(stderr=True).is_terminal else Lines(pace)


def estimate(plan: Plan, source: str, parallel: int) -> tuple[int, float] | None:
    """How many points and seconds, about; nobody knows how many points a store has."""
    if source != LAKE:
        return None
    points = plan.size // BYTES_A_POINT
    return points, points / (POINTS_A_SECOND * min(parallel, max(1, len(plan.pieces))))


def print_plan(plan: Plan, source: str, parallel: int) -> None:
    fields = [("Pieces", f"{len(plan.pieces):,}"), *_extent(plan, source)]
    about = estimate(plan, source, parallel)
    if about is not None:
        fields.append(("About", f"{about[0]:,} points, {span(about[1])} with {parallel} pieces at once"))
    print_fields(fields)


def print_totals(totals: Totals, pace: Pace, source: str) -> None:
    fields = [
        ("Points", f"{totals.points:,}"),
        ("Time", f"{span(pace.seconds)}, {pace.points_per_s:,.0f} points a second"),
    ]
    if source == LAKE:
        fields += [
            ("Messages", f"{totals.messages:,} in {totals.lines:,} lines"),
            ("Known already", f"{totals.duplicates + totals.repeats:,} messages sent or delivered twice"),
        ]
        if totals.outside:
            fields.append(("Received at another time", f"{totals.outside:,} messages"))
        if totals.faults:
            fields.append(("Not taken by ingest either", _reasons(totals.faults)))
        if totals.bad_lines:
            fields.append(("Lines of no message", f"{totals.bad_lines:,}"))
    fields.append(("Received later by the target", f"{totals.superseded:,} points"))
    if totals.whole:
        part = "" if totals.whole == totals.comparisons else f", of {totals.whole:,} comparisons that could tell"
        fields.append(("Only in the target", f"{totals.extra:,} points{part}"))
    if totals.refused:
        fields.append(("Refused by the target", _reasons(totals.refused)))
    verdict = (
        "every one the same" if not totals.unverified else f"{len(totals.unverified):,} days of devices do not verify"
    )
    fields.append(("Compared", f"{totals.comparisons:,} times a device's day, {verdict}"))
    print_fields(fields)


def span(seconds: float) -> str:
    """In its largest unit that says enough."""
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.1f} h"


def _extent(plan: Plan, source: str) -> list[tuple[str, str]]:
    if source == LAKE:
        return [("Objects", f"{plan.objects:,}, {plan.size / 1e6:,.1f} MB compressed")]
    return [("Devices", f"{plan.devices:,}"), ("Days", f"{plan.days:,}")]


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
