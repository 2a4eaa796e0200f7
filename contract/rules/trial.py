"""Tests of rules: what comes of a device, and what is to become of its alarm.

    - test: a warm hour raises it
      rule: too-warm
      series:
        temperature:
          - {ramp: [4, 10], from: 0s, to: 30m, every: 1m}
          - {repeat: 10, from: 31m, to: 1h, every: 1m}
      expect:
        - {at: 27m, raised: major, message: "store-1: 9.4 °C"}

They run through the same life cycle as in the cloud. A file of tests is named `….test.yaml`; rules are found by ids.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contract.durations import UNITS_MS
from contract.models import Severity
from contract.rules.lifecycle import RuleProgram, Step
from contract.rules.rule import Moment, Rule
from contract.telemetry import Value

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MAX_STEPS", "Expected", "Outcome", "Trial", "read_trials", "run"]

MAX_STEPS: Final = 1_000
"""Of one test: whoever has more of them looks at none, and each is compared with all that are expected."""

_WORDS: Final[dict[Moment, str]] = {
    "raised": "raised",
    "escalated": "escalated to",
    "downgraded": "downgraded to",
    "flapping": "flapping",
    "cleared": "cleared",
}


class Expected(NamedTuple):
    """A step of the alarm at an instant, or in between two (both included)."""

    kind: Moment
    severity: Severity | None
    earliest: int
    latest: int
    message: str | None = None


class Trial(NamedTuple):
    """A test. `samples` are in the order of their times (ms since the epoch), with attributes and `$online` among them.

    `relative` is whether it is written in times after the start, so that results are shown likewise.
    """

    name: str
    source: str
    line: int | None
    rule: Rule
    start: int
    until: int
    samples: tuple[tuple[int, Mapping[str, Value | None]], ...]
    expected: tuple[Expected, ...]
    device: str = "device"
    device_name: str = "Device"
    relative: bool = True


class Outcome(NamedTuple):
    trial: Trial
    steps: tuple[Step, ...]
    differences: tuple[str, ...]
    """Lines for people, if any: `=` came as expected, `-` was expected only, `+` came only, `?` says more of it."""

    @property
    def passed(self) -> bool:
        return not self.differences


def read_trials(text: bytes | str, source: str, rules: Mapping[str, Rule], folder: "Path | None" = None) -> list[Trial]:
    """Read a file of tests; raises RuleError with every problem, its path and its line.

    CSV files are looked for in `folder`, and refused without one.
    """
    from contract.rules import _trial_reader

    return _trial_reader.read(text, source, rules, folder)


def run(trial: Trial, each: Callable[[], None] = lambda: None) -> Outcome:
    """`each` is called before each look at the rule, and ends the test by raising."""
    program = RuleProgram(trial.rule)
    steps = tuple(islice(_steps(program, trial, each), MAX_STEPS + 1))
    if len(steps) > MAX_STEPS:
        return Outcome(trial, steps[:MAX_STEPS], (f"? more than {MAX_STEPS} steps came, too many to compare",))
    pairs = list(_aligned(trial.expected, steps))
    wrong = [
        (expected, step)
        for expected, step in pairs
        if expected is None or step is None or _message_differs(program, trial, expected, step)
    ]
    if not wrong:
        return Outcome(trial, steps, ())
    return Outcome(trial, steps, tuple(_told(program, trial, pairs)))


def _steps(program: RuleProgram, trial: Trial, each: Callable[[], None]) -> Iterator[Step]:
    state = program.start(trial.start)
    for at, values in (*trial.samples, (trial.until + 1, None)):
        each()
        while (due := program.next_due(state)) is not None and due <= at:
            each()
            state, steps = program.advance(state, due)
            yield from steps
        if values is not None:
            state, steps = program.observe(state, at, values)
            yield from steps


def _aligned(expected: Sequence[Expected], steps: Sequence[Step]) -> Iterator[tuple[Expected | None, Step | None]]:
    """The longest common subsequence, and around it what is only expected or only came."""
    rows, columns = len(expected), len(steps)
    common = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in reversed(range(rows)):
        for column in reversed(range(columns)):
            either = max(common[row + 1][column], common[row][column + 1])
            fits = _fits(expected[row], steps[column])
            common[row][column] = max(either, common[row + 1][column + 1] + 1) if fits else either
    row = column = 0
    while row < rows or column < columns:
        if (
            row < rows
            and column < columns
            and common[row][column] > max(common[row + 1][column], common[row][column + 1])
        ):
            yield expected[row], steps[column]
            row, column = row + 1, column + 1
        elif column == columns or (row < rows and common[row + 1][column] >= common[row][column + 1]):
            yield expected[row], None
            row += 1
        else:
            yield None, steps[column]
            column += 1


def _fits(expected: Expected, step: Step) -> bool:
    same = expected.kind == step.kind and expected.severity in (None, step.severity)
    return same and expected.earliest <= step.at <= expected.latest


def _message_differs(program: RuleProgram, trial: Trial, expected: Expected, step: Step) -> bool:
    said = program.message(step, device=trial.device, name=trial.device_name)
    return expected.message is not None and expected.message != said


def _told(program: RuleProgram, trial: Trial, pairs: list[tuple[Expected | None, Step | None]]) -> Iterator[str]:
    for expected, step in pairs:
        if step is None and expected is not None:
            yield f"- {_times(trial, expected)}  {_words(expected.kind, expected.severity)}"
            yield f"?     then: {_explained(program, trial, expected.latest)}"
        elif step is not None and expected is None:
            yield f"+ {_time(trial, step.at)}  {_words(step.kind, step.severity)}"
            yield f"?     because: {_tree(step.why)}"
        elif step is not None and expected is not None:
            yield f"= {_time(trial, step.at)}  {_words(step.kind, step.severity)}"
            if _message_differs(program, trial, expected, step):
                yield f"-     message: {expected.message}"
                yield f"+     message: {program.message(step, device=trial.device, name=trial.device_name)}"


def _explained(program: RuleProgram, trial: Trial, at: int) -> str:
    """How the rule stood at an instant at which something had been expected."""
    state = program.start(trial.start)
    for when, values in trial.samples:
        if when > at:
            break
        state, _ = program.observe(state, when, values)
    state, _ = program.advance(state, min(at, trial.until) + 1)
    bands = program.explain(state)["bands"]
    return "; ".join(
        f"{band['severity']} {'fired' if band['fired'] else 'not fired'}: {_tree(band.get('clear', band['when']))}"
        for band in bands
    )


def _tree(node: Mapping[str, Any]) -> str:
    """A trace in a line: each part as it is written, with its value and verdict."""
    verdict = f"is {node['verdict']}" if "verdict" in node else ""
    for word in ("all", "any"):
        if word in node:
            return f"{word}({', '.join(_tree(part) for part in node[word])}) {verdict}".strip()
    if "not" in node:
        return f"not({_tree(node['not'])}) {verdict}"
    left_out = {"verdict", "age_ms"}
    return " ".join([*(f"{key}={_shown(value)}" for key, value in node.items() if key not in left_out), verdict])


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _words(kind: Moment, severity: Severity | None) -> str:
    return f"{_WORDS[kind]} {severity}" if severity else _WORDS[kind]


def _times(trial: Trial, expected: Expected) -> str:
    first = _time(trial, expected.earliest)
    return first if expected.latest == expected.earliest else f"{first} to {_time(trial, expected.latest)}"


def _time(trial: Trial, at: int) -> str:
    from contract.rules._series import shown_instant

    if not trial.relative or at < trial.start:
        return shown_instant(at)
    left, parts = at - trial.start, []
    for unit, size in UNITS_MS.items():
        if left >= size and unit != "w":
            parts.append(f"{left // size}{unit}")
            left %= size
    return "".join(parts) or "0s"
