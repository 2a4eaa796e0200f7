"""Backtests: asked for by people, done by a function of its own, which may be told twice of each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from contract.conditions import is_reserved
from contract.rules import Rule, to_document
from contract.rules.lifecycle import RuleProgram
from contract.telemetry import Value
from functions.domain import ulids
from functions.domain.access import Permission, Principal
from functions.domain.alarm_work import Backtest as BacktestWork
from functions.domain.audit import Actor
from functions.domain.backtests import (
    MAX_ATTEMPTS,
    MAX_RANGE_MS,
    Backtest,
    Replay,
    Result,
    Stage,
    lookback_ms,
    result,
)
from functions.domain.rules import attributes_of, rule_of
from functions.domain.status import DeviceStatus
from functions.errors import NotFoundError, RequestError
from functions.ports.alarms import BacktestsQueue
from functions.ports.clock import Clock
from functions.ports.devices import StatusReader
from functions.ports.rules import BacktestStore
from functions.ports.telemetry import SeriesReader
from functions.services.gate import Gate
from functions.services.rulebook import Rulebook
from functions.services.rules import Rules
from functions.services.stored_samples import Instant, instants

INTERVAL_MS: Final = 60_000
"""How often a device of an unknown model is taken to report."""
RUN_MS: Final = 240_000
"""What one may take, within the function's 300 s."""
_LOOKED_AT_EACH = 4096
"""So many instants go between two looks at the clock."""


class BacktestRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Of an installed rule by its id, or of a document, over `[start, end)` of a device."""

    thing: str
    start: int
    end: int
    rule: str | None = None
    document: Any = None


class Backtests:
    def __init__(
        self,
        *,
        store: BacktestStore,
        rules: Rules,
        rulebook: Rulebook,
        gate: Gate,
        statuses: StatusReader,
        queue: BacktestsQueue,
        clock: Clock,
        chance: Callable[[], bytes],
    ) -> None:
        self._store = store
        self._rules = rules
        self._rulebook = rulebook
        self._gate = gate
        self._statuses = statuses
        self._queue = queue
        self._chance = chance
        self.clock = clock

    def create(self, actor: Actor, asked: BacktestRequest) -> Backtest:
        """Raises NotFoundError, ForbiddenError, InvalidDocumentError, RequestError."""
        who = actor.principal
        device = self._gate.device(who, Permission.RULES_READ, asked.thing)
        self._gate.device(who, Permission.TELEMETRY_READ, asked.thing)
        if (asked.rule is None) == (asked.document is None):
            got = "neither" if asked.rule is None else "both"
            raise RequestError("rule", "either the id of a rule or a document", got)
        if not 0 <= asked.start < asked.end:
            raise RequestError("from", "a time before `to`", f"{asked.start} and {asked.end}")
        if asked.end - asked.start > MAX_RANGE_MS:
            days = MAX_RANGE_MS // 86_400_000
            raise RequestError(
                "from", f"at most {days} days before `to`", f"{(asked.end - asked.start) / 86_400_000:g}"
            )
        rule, installed = self._wanted(who, asked)
        if not rule.bands:
            raise RequestError("rule", "a rule with a condition", f"{rule.id}, which only disables one of a model")
        now = self.clock.now_ms()
        model = self._rulebook.models.get(device.model)
        heard = self._statuses.statuses([asked.thing]).get(asked.thing, DeviceStatus()).state.latest
        interval_ms = INTERVAL_MS if model is None else model.interval_ms
        backtest = Backtest(
            id=ulids.new(now, self._chance()),
            thing=asked.thing,
            rule=_text(rule),
            begin=max(0, asked.start - lookback_ms(rule, interval_ms)),
            start=asked.start,
            end=min(asked.end, now),
            metrics=metrics_of([rule, *([installed[0]] if installed else [])], heard),
            attributes=attributes_of(device),
            by=who.by,
            created_at=now,
            installed=_text(installed[0]) if installed else None,
            installed_version=installed[1] if installed else None,
        )
        self._store.create(backtest)
        # If this fails the job is given up in time, and its maker asks again: it changes nothing.
        self._queue.put(BacktestWork(id=backtest.id))
        return backtest

    def show(self, who: Principal, id: str) -> Backtest:  # noqa: A002 - its name everywhere
        """Raises NotFoundError also for one of a device that he may not see."""
        found = self._store.read(id)
        if found is None:
            raise _missing(id)
        try:
            self._gate.device(who, Permission.RULES_READ, found.thing)
        except NotFoundError as exc:
            raise _missing(id) from exc
        return found.at(self.clock.now_ms())

    def _wanted(self, who: Principal, asked: BacktestRequest) -> tuple[Rule, tuple[Rule, int] | None]:
        """The rule, and the installed one of its name where that is another."""
        if asked.rule is not None:
            return self._rules.show(who, asked.rule).rule, None
        rule = self._rules.read(asked.document)
        try:
            installed = self._rules.show(who, rule.id)
        except NotFoundError:
            return rule, None
        if not installed.rule.bands:
            return rule, None
        return rule, (installed.rule, installed.version)


class RunBacktest:
    """`mine` of a job: what it reads goes through the engine once, for both versions side by side."""

    def __init__(self, store: BacktestStore, series: SeriesReader, clock: Clock) -> None:
        self._store = store
        self._series = series
        self._clock = clock

    def run(self, id: str) -> Stage | None:  # noqa: A002
        """Where the job stands then; None for one that is no more. Raises AdapterError where it is to be told again."""
        job = self._store.read(id)
        if job is None or job.stage.ended:
            return None if job is None else job.stage
        now = self._clock.now_ms()
        if job.attempts >= MAX_ATTEMPTS:
            return self._end(job, problem=f"it was begun {job.attempts} times and never came to an end")
        begun = self._store.save(
            msgspec.structs.replace(job, stage=Stage.RUNNING, attempts=job.attempts + 1, started_at=now)
        )
        if begun is None:
            return None  # somebody else has just begun
        read = instants(self._series, begun.thing, begun.metrics, begun.begin, begun.end)
        try:
            found = replayed(begun, self._in_time(read, now + RUN_MS))
        except _TooLongError:
            return self._end(begun, problem=f"{RUN_MS // 1000} s were not enough for so much data: narrow the range")
        return self._end(begun, found=found)

    def _end(self, job: Backtest, *, found: Result | None = None, problem: str | None = None) -> Stage:
        stage = Stage.FAILED if found is None else Stage.DONE
        ended = msgspec.structs.replace(job, stage=stage, ended_at=self._clock.now_ms(), result=found, problem=problem)
        self._store.save(ended)  # where somebody else has ended it meanwhile, it stands as that found it: the same
        return stage

    def _in_time(self, read: Iterable[Instant], until: int) -> Iterator[Instant]:
        for at, one in enumerate(read):
            if at % _LOOKED_AT_EACH == 0 and self._clock.now_ms() > until:
                raise _TooLongError
            yield one


class _TooLongError(Exception):
    pass


def replayed(job: Backtest, data: Iterable[tuple[int, Mapping[str, Value | None]]]) -> Result:
    """What the job's rule, and the installed one, find in the data."""
    tested = Replay(rule_of(job.rule), job.begin, job.attributes)
    installed = None if job.installed is None else Replay(rule_of(job.installed), job.begin, job.attributes)
    samples = 0
    for at, values in data:
        samples += at >= job.start
        tested.feed(at, values)
        if installed is not None:
            installed.feed(at, values)
    for one in (tested, installed):
        if one is not None:
            one.until(job.end)
    return result(samples, tested.steps, None if installed is None else installed.steps, job.start, job.end)


def metrics_of(rules: Iterable[Rule], heard: Iterable[str]) -> tuple[str, ...]:
    """What is to be read for these rules: their own metrics, or all that were ever `heard` of the device."""
    wanted: set[str] = set()
    for rule in rules:
        program = RuleProgram(rule)
        wanted |= {metric for metric in program.metrics if not is_reserved(metric)}
        if program.device_wide:
            wanted |= set(heard)
    return tuple(sorted(wanted))


def _text(rule: Rule) -> str:
    return msgspec.json.encode(to_document(rule)).decode()


def _missing(id: str) -> NotFoundError:  # noqa: A002
    return NotFoundError(f"there is no backtest {id!r}, or you may not see it")
