"""Conditions as the oracle understands them: each says at an instant whether it holds, None where nobody can know.

Written for reading, not for speed, and from the words of the documentation: nothing here is the engine's.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

Verdict = bool | None


class Facts:
    """What is known at an instant. `fresh` are the metrics that have come at it, `heard` whether anything has."""

    def __init__(self, stale_after: int | None) -> None:
        self.at = 0
        self.samples: dict[str, tuple[int, Any]] = {}
        self.fresh: set[str] = set()
        self.heard = False
        self.wakes: list[int] = []
        self._stale_after = stale_after

    def value(self, metric: str) -> Any:
        """The last value, None where there is none to rely on."""
        if metric not in self.samples:
            return None
        came, value = self.samples[metric]
        if self._stale_after is None or value is None:
            return value
        if self.at - came >= self._stale_after:
            return None
        self.wakes.append(came + self._stale_after)
        return value


class Condition(Protocol):
    def holds(self, facts: Facts) -> Verdict: ...

    def forget(self) -> None:
        """Begin anew."""
        ...


@dataclass
class Over:
    metric: str
    limit: float
    until: float | None = None
    held: bool = False

    def holds(self, facts: Facts) -> Verdict:
        value = facts.value(self.metric)
        if value is None:
            return None
        self.held = bool(value > (self.until if self.held and self.until is not None else self.limit))
        return self.held

    def forget(self) -> None:
        self.held = False


@dataclass
class Under:
    metric: str
    limit: float

    def holds(self, facts: Facts) -> Verdict:
        value = facts.value(self.metric)
        return None if value is None else bool(value < self.limit)

    def forget(self) -> None:
        pass


@dataclass
class Is:
    metric: str
    wanted: bool

    def holds(self, facts: Facts) -> Verdict:
        value = facts.value(self.metric)
        return None if value is None else value is self.wanted

    def forget(self) -> None:
        pass


@dataclass
class Not:
    part: Condition

    def holds(self, facts: Facts) -> Verdict:
        verdict = self.part.holds(facts)
        return None if verdict is None else not verdict

    def forget(self) -> None:
        self.part.forget()


class Both:
    def __init__(self, *parts: Condition) -> None:
        self.parts = parts

    def holds(self, facts: Facts) -> Verdict:
        verdicts = [part.holds(facts) for part in self.parts]
        if False in verdicts:
            return False
        return None if None in verdicts else True

    def forget(self) -> None:
        for part in self.parts:
            part.forget()


@dataclass
class For:
    """Reached once the part has held for so long without a break; unknown breaks a wait, and ends nothing."""

    ms: int
    part: Condition
    since: int | None = None
    reached: bool = False

    def holds(self, facts: Facts) -> Verdict:
        verdict = self.part.holds(facts)
        if not verdict:
            self.since = None
            self.reached = self.reached and verdict is None
            return verdict
        if self.since is None:
            self.since = facts.at
        self.reached = self.reached or facts.at - self.since >= self.ms
        if not self.reached:
            facts.wakes.append(self.since + self.ms)
        return self.reached

    def forget(self) -> None:
        self.since, self.reached = None, False
        self.part.forget()


@dataclass
class InRow:
    count: int
    part: Condition
    metric: str
    row: int = 0

    def holds(self, facts: Facts) -> Verdict:
        verdict = self.part.holds(facts)
        if verdict is None:
            self.row = self.row if self.row >= self.count else 0
            return None
        if self.metric in facts.fresh:
            self.row = self.row + 1 if verdict else 0
        return self.row >= self.count

    def forget(self) -> None:
        self.row = 0
        self.part.forget()


@dataclass
class Silence:
    ms: int
    last: int | None = None

    def holds(self, facts: Facts) -> Verdict:
        if self.last is None or facts.heard:
            self.last = facts.at
        if facts.at - self.last >= self.ms:
            return True
        facts.wakes.append(self.last + self.ms)
        return False

    def forget(self) -> None:
        self.last = None


@dataclass
class Band:
    """Begins when `when` holds; ends when that is false, or with a `clear` when this holds and `when` does not."""

    severity: str
    when: Condition
    clear: Condition | None = None
    fired: bool = field(default=False)

    def judge(self, facts: Facts) -> None:
        when = self.when.holds(facts)
        if not self.fired:
            self.fired = when is True
            if self.fired and self.clear is not None:
                # It looks at what happens from now on.
                came, facts.fresh, facts.heard = (facts.fresh, facts.heard), set(), False
                self.clear.forget()
                self.clear.holds(facts)
                facts.fresh, facts.heard = came
        elif self.clear is None:
            self.fired = when is not False
        elif self.clear.holds(facts) and not when:
            self.fired = False
