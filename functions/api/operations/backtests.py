"""Backtests: what a rule would have found in a device's history."""

from typing import Annotated, Any

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from pydantic import BaseModel, ConfigDict, Field

from contract.identity import parse_thing
from contract.models import Severity
from contract.rules import Moment
from contract.telemetry import MAX_TIMESTAMP_MS, Value
from functions.api.answer import Answer, answer, answers
from functions.api.operations.rules import Author
from functions.api.parameters import rule_id
from functions.api.request import Request
from functions.domain.backtests import Backtest, Difference, Episode, Finding, Found, Result, Stage
from functions.services.backtests import BacktestRequest, Backtests

_Id = Annotated[str, Path(max_length=64)]


class NewBacktest(BaseModel):
    """Of an installed rule by its id, or of a `document`, over `[from, to)` of a device; `to` null is now."""

    model_config = ConfigDict(extra="forbid", strict=True)

    device: str = Field(min_length=1, max_length=200)
    from_: int = Field(alias="from", ge=0, le=MAX_TIMESTAMP_MS)
    to: int | None = Field(default=None, ge=0, le=MAX_TIMESTAMP_MS)
    rule: str | None = Field(default=None, min_length=1, max_length=200)
    document: dict[str, Any] | None = None


class TransitionView(msgspec.Struct, frozen=True):
    """`value` and `peak` are of the rule's first metric; `since` is when the alarm was raised."""

    kind: Moment
    at: int
    severity: Severity
    since: int
    value: Value | None
    peak: Value | None
    count: int


class EpisodeView(msgspec.Struct, frozen=True):
    """An alarm, as severe as it ever was; `cleared_at` null where it is active when the range ends."""

    raised_at: int
    cleared_at: int | None
    severity: Severity


class FindingView(msgspec.Struct, frozen=True):
    """The first transitions of the range, and the alarms that reach into it; `counts` and `raised` count all.

    `active_ms` is how long an alarm was active within the range.
    """

    transitions: tuple[TransitionView, ...]
    counts: dict[str, int]
    alarms: tuple[EpisodeView, ...]
    raised: int
    active_ms: int


class ChangedEpisodeView(msgspec.Struct, frozen=True):
    installed: EpisodeView
    tested: EpisodeView


class DifferenceView(msgspec.Struct, frozen=True):
    """Alarms beside those of the installed version: counted, and of each kind the first.

    Two that overlap in time are one that is the same, or changed.
    """

    same: int
    changed: int
    added: int
    removed: int
    changes: tuple[ChangedEpisodeView, ...]
    additions: tuple[EpisodeView, ...]
    removals: tuple[EpisodeView, ...]


class BacktestResult(msgspec.Struct, frozen=True):
    """`samples` counts instants with data. Without another version installed there is no difference."""

    samples: int
    tested: FindingView
    installed: FindingView | None
    difference: DifferenceView | None


class BacktestView(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """`state` is DONE once there is a `result`, and FAILED with a `problem`. It is kept for a week."""

    id: str
    device: str
    from_: int
    to: int
    state: Stage
    rule: dict[str, Any]
    installed_version: int | None
    by: Author
    created_at: int
    started_at: int | None
    ended_at: int | None
    problem: str | None
    result: BacktestResult | None


class BacktestOperations:
    def __init__(self, request: Request, backtests: Backtests) -> None:
        self._request = request
        self._backtests = backtests

    @answers(BacktestView, status=202, problems=("not-found",))
    def create_backtest(self, backtest: Annotated[NewBacktest, Body()]) -> Answer:
        """Have a rule look at a device's history, as it would have looked when it came.

        Data that came too late is passed over, as it was then; of a document, the version that is installed under its
        id is looked at beside it.
        """
        asked = BacktestRequest(
            thing=parse_thing(backtest.device),
            start=backtest.from_,
            end=self._backtests.clock.now_ms() if backtest.to is None else backtest.to,
            rule=None if backtest.rule is None else rule_id(backtest.rule),
            document=backtest.document,
        )
        return answer(_view(self._backtests.create(self._request.actor, asked)), status=202)

    @answers(BacktestView)
    def show_backtest(self, backtest: _Id) -> Answer:
        """How far a backtest is, and what it found."""
        return answer(_view(self._backtests.show(self._request.who, backtest)))


def _view(job: Backtest) -> BacktestView:
    return BacktestView(
        id=job.id,
        device=job.thing,
        from_=job.start,
        to=job.end,
        state=job.stage,
        rule=msgspec.json.decode(job.rule),
        installed_version=job.installed_version,
        by=Author(job.by.id, job.by.name),
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        problem=job.problem,
        result=None if job.result is None else _result(job.result),
    )


def _result(found: Result) -> BacktestResult:
    return BacktestResult(
        samples=found.samples,
        tested=_finding(found.tested),
        installed=None if found.installed is None else _finding(found.installed),
        difference=None if found.difference is None else _difference(found.difference),
    )


def _finding(found: Finding) -> FindingView:
    return FindingView(
        transitions=tuple(map(_transition, found.transitions)),
        counts=dict(found.counts),
        alarms=tuple(map(_episode, found.alarms)),
        raised=found.raised,
        active_ms=found.active_ms,
    )


def _transition(one: Found) -> TransitionView:
    return TransitionView(one.kind, one.at, one.severity, one.since, one.value, one.peak, one.count)


def _difference(found: Difference) -> DifferenceView:
    return DifferenceView(
        same=found.same,
        changed=found.changed,
        added=found.added,
        removed=found.removed,
        changes=tuple(ChangedEpisodeView(_episode(one.installed), _episode(one.tested)) for one in found.changes),
        additions=tuple(map(_episode, found.additions)),
        removals=tuple(map(_episode, found.removals)),
    )


def _episode(one: Episode) -> EpisodeView:
    return EpisodeView(one.raised_at, one.cleared_at, one.severity)
