"""What a rule would have found in a device's history: a job, its result, and how that is worked out. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from contract.models import SEVERITIES, Severity
from contract.rules import Moment, Rule, to_document
from contract.rules.lifecycle import RuleProgram, Step
from contract.telemetry import Value
from functions.domain.access import By

MAX_RANGE_MS: Final = 92 * 86_400_000
MAX_SHOWN: Final = 500
"""Of transitions, and a fifth of it of each kind of difference: a result fits into an item."""
MAX_ATTEMPTS: Final = 3
KEEP_MS: Final = 7 * 86_400_000
GIVEN_UP_MS: Final = 3_600_000
WARM_UP_MS: Final = 86_400_000
"""How far before its range a replay begins besides what the rule itself looks back: slow metrics come once a day."""
MAX_LOOKBACK_MS: Final = 32 * 86_400_000

Values = Mapping[str, Value | None]


class Stage(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"

    @property
    def ended(self) -> bool:
        return self in {Stage.DONE, Stage.FAILED}


class Found(msgspec.Struct, frozen=True):
    """A transition. `value`, `peak` are of the rule's first metric."""

    kind: Moment
    at: int
    severity: Severity
    since: int
    value: Value | None
    peak: Value | None
    count: int


class Episode(msgspec.Struct, frozen=True):
    """An alarm from its raising to its clearing, None where it is active at the end; `severity` is its worst."""

    raised_at: int
    cleared_at: int | None
    severity: Severity


class Finding(msgspec.Struct, frozen=True):
    """What one rule found. `transitions` are the first of `counts` in all, `alarms` likewise of `raised`.

    `active_ms` is how long an alarm was active within the range.
    """

    transitions: tuple[Found, ...]
    counts: Mapping[str, int]
    alarms: tuple[Episode, ...]
    raised: int
    active_ms: int


class Changed(msgspec.Struct, frozen=True):
    installed: Episode
    tested: Episode


class Difference(msgspec.Struct, frozen=True):
    """Alarms of the tested rule beside those of the installed version; of each kind the first are named.

    Two that overlap in time are the same alarm, perhaps changed.
    """

    same: int
    changed: int
    added: int
    removed: int
    changes: tuple[Changed, ...]
    additions: tuple[Episode, ...]
    removals: tuple[Episode, ...]


class Result(msgspec.Struct, frozen=True):
    """`samples` are instants with data within the range. Without a version installed, or itself that, no difference."""

    samples: int
    tested: Finding
    installed: Finding | None = None
    difference: Difference | None = None


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """A job. `rule` and `installed` are documents as JSON; `start` and `end` in ms, the end not included.

    `metrics` are those to be read from `begin` on, `attributes` the device's when it was asked for.
    """

    id: str
    thing: str
    rule: str
    begin: int
    start: int
    end: int
    metrics: tuple[str, ...]
    attributes: Mapping[str, Value]
    by: By
    created_at: int
    installed: str | None = None
    installed_version: int | None = None
    stage: Stage = Stage.QUEUED
    attempts: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    problem: str | None = None
    result: Result | None = None
    version: int = 0

    @property
    def forget_at(self) -> int:
        return self.created_at + KEEP_MS

    def at(self, now: int) -> "Backtest":
        """As it is by now: whatever has not ended for so long was given up by its queue."""
        if self.stage.ended or now < (self.started_at or self.created_at) + GIVEN_UP_MS:
            return self
        return msgspec.structs.replace(self, stage=Stage.FAILED, problem="it was given up; ask for it again")


class Replay:
    """A rule at work on stored data of one device, from `begin` on."""

    def __init__(self, rule: Rule, begin: int, attributes: Values) -> None:
        self.program = RuleProgram(rule)
        self.state = self.program.start(begin)
        self.steps: list[Step] = []
        self.feed(begin, attributes)

    def feed(self, at: int, values: Values) -> None:
        """Data of time `at`, which never goes back."""
        self.state, steps = self.program.observe(self.state, at, values)
        if steps:
            self.steps += steps

    def until(self, end: int) -> None:
        """What was due before the end of the range."""
        self.state, steps = self.program.advance(self.state, end)
        self.steps += steps


def lookback_ms(rule: Rule, interval_ms: int) -> int:
    """How far back what a rule finds may depend on data, as far as its windows tell."""
    spans = [
        _span(part, interval_ms)
        for band in _bands(rule)
        for part in (band["when"], band.get("clear"))
        if part is not None
    ]
    return min(MAX_LOOKBACK_MS, max(spans, default=0) + (rule.stale_after_ms or 0) + WARM_UP_MS)


def finding(steps: Sequence[Step], start: int, end: int) -> Finding:
    """What falls into `[start, end)`: alarms that were active when it began too, but no transition before it."""
    alarms = [one for one in episodes(steps) if one.cleared_at is None or one.cleared_at >= start]
    inside = [step for step in steps if step.at >= start]
    counts: dict[str, int] = {}
    for step in inside:
        counts[step.kind] = counts.get(step.kind, 0) + 1
    active = sum((end if one.cleared_at is None else one.cleared_at) - max(start, one.raised_at) for one in alarms)
    transitions = tuple(
        Found(step.kind, step.at, step.severity, step.since, step.last, step.peak, step.count)
        for step in inside[:MAX_SHOWN]
    )
    return Finding(transitions, counts, tuple(alarms[:MAX_SHOWN]), len(alarms), active)


def episodes(steps: Iterable[Step]) -> list[Episode]:
    found: list[Episode] = []
    for step in steps:
        if step.kind == "raised":
            found.append(Episode(step.at, None, step.severity))
        elif step.kind == "cleared":
            found[-1] = msgspec.structs.replace(found[-1], cleared_at=step.at)
        else:
            worst = min(found[-1].severity, step.severity, key=SEVERITIES.index)
            found[-1] = msgspec.structs.replace(found[-1], severity=worst)
    return found


def difference(installed: Sequence[Episode], tested: Sequence[Episode]) -> Difference:
    """Each alarm is paired with the first of the other side that it overlaps."""
    same, changes = 0, list[Changed]()
    additions, removals = list[Episode](), list[Episode]()
    old, new = list(installed), list(tested)
    at_old = at_new = 0
    while at_old < len(old) and at_new < len(new):
        one, other = old[at_old], new[at_new]
        if one.cleared_at is not None and one.cleared_at <= other.raised_at and one != other:
            removals.append(one)
            at_old += 1
        elif other.cleared_at is not None and other.cleared_at <= one.raised_at and one != other:
            additions.append(other)
            at_new += 1
        else:
            if one == other:
                same += 1
            else:
                changes.append(Changed(one, other))
            at_old, at_new = at_old + 1, at_new + 1
    removals += old[at_old:]
    additions += new[at_new:]
    shown = MAX_SHOWN // 5
    return Difference(
        same=same,
        changed=len(changes),
        added=len(additions),
        removed=len(removals),
        changes=tuple(changes[:shown]),
        additions=tuple(additions[:shown]),
        removals=tuple(removals[:shown]),
    )


def result(samples: int, tested: Sequence[Step], installed: Sequence[Step] | None, start: int, end: int) -> Result:
    found = finding(tested, start, end)
    if installed is None:
        return Result(samples, found)
    told = [[one for one in episodes(some) if (one.cleared_at or end) >= start] for some in (installed, tested)]
    return Result(samples, found, finding(installed, start, end), difference(*told))


def _bands(rule: Rule) -> list[dict[str, Any]]:
    document = to_document(rule)
    bands: list[dict[str, Any]] = document.get("bands", [document] if rule.bands else [])
    return bands


def _span(node: Any, interval_ms: int) -> int:
    """Of a condition's document: its own windows and the longest below it, one after the other."""
    if isinstance(node, list):
        return max((_span(one, interval_ms) for one in node), default=0)
    if not isinstance(node, dict):
        return 0
    own = sum(value for key, value in node.items() if key.endswith("_ms") and isinstance(value, int))
    samples = max((node[key] for key in ("count", "of") if isinstance(node.get(key), int)), default=0)
    below = max((_span(value, interval_ms) for key, value in node.items() if isinstance(value, dict | list)), default=0)
    return int(own + samples * interval_ms + below)
