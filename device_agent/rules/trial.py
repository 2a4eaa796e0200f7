"""Trying rules on a recording: what would fire and clear, why, and what would be done. Nothing is done."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from device_agent.pipeline.pipeline import Pipeline
from device_agent.pipeline.recording import Recording
from device_agent.pipeline.settings import PipelineSettings
from device_agent.rules.rules import Rules
from device_agent.rules.settings import RulesSettings


@dataclass(frozen=True)
class Happening:
    """A rule fired or cleared. `data` is what its event would say, `actions` the commands as (actuator, parameters)."""

    at: int
    kind: str
    data: dict[str, Any]
    actions: tuple[tuple[str, dict[str, Any]], ...] = ()


@dataclass
class _Notes:
    """Stands where actuators and recorder are; a rule acts before it tells."""

    actions: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)

    def act(self, actuator: str, parameters: dict[str, Any], _: str) -> None:
        self.actions.append((actuator, parameters))

    def event(self, kind: str, data: dict[str, Any], at: int) -> None:
        self.happenings.append(Happening(at, kind, data, tuple(self.actions)))
        self.actions.clear()

    def taken(self) -> list[Happening]:
        taken, self.happenings = self.happenings, []
        return taken


def replay(
    recording: Recording, pipeline: PipelineSettings, rules: RulesSettings, *, tail_ms: int = 0
) -> Iterator[Happening]:
    """What the rules would do behind the pipeline, up to `tail_ms` after the last reading.

    The device starts with the first reading. Rules without an event are told of all the same.
    """
    if not recording.readings:
        return
    stages, notes = Pipeline(pipeline), _Notes()
    told = RulesSettings(tuple(replace(rule, event=True) for rule in rules.rules))
    at_work = Rules(
        told, now=recording.readings[0].at, act=notes.act, event=notes.event, log=logging.getLogger(__name__)
    )
    end = recording.readings[-1].at + tail_ms + 1
    for reading in recording.readings:
        _run_until(reading.at, stages, at_work)
        for each in stages.take(reading):
            at_work.observe(each)
        yield from notes.taken()
    _run_until(end, stages, at_work)
    yield from notes.taken()


def lines(recording: Recording, happenings: Iterator[Happening]) -> Iterator[str]:
    """For people: a line for what happened, one for each command, and the why as JSON."""
    for each in happenings:
        word = each.kind.removeprefix("rule_")
        yield f"{recording.shown(each.at)}  {each.data['rule']} {word} ({each.data['severity']})"
        for actuator, parameters in each.actions:
            yield f"    does  {actuator} {json.dumps(parameters)}"
        yield f"    why   {json.dumps(each.data['why'])}"


def _run_until(now: int, stages: Pipeline, rules: Rules) -> None:
    """What falls due before `now`, in the order in which a device would come to it."""
    while True:
        due = min((due for due in (stages.next_due(), rules.next_due()) if due is not None), default=now)
        due = min(due, now)
        for each in stages.tick(due):
            rules.observe(each)
        rules.tick(due)
        if due == now:
            return
