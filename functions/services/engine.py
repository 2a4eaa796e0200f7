"""Runs the rules of devices over their states, and keeps what they find."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec

from functions.domain.alarm_work import Act
from functions.domain.alarms import Alarm
from functions.domain.engine.codec import head_of
from functions.domain.engine.inputs import Input
from functions.domain.live import alarm_event
from functions.domain.state import Change, DeviceState, Saved
from functions.errors import AlarmsError
from functions.ports.alarms import ActionsQueue
from functions.ports.clock import Clock
from functions.ports.live import LivePublisher
from functions.ports.telemetry import StateStore
from functions.services.rulebook import Standing


class RulesBehindError(Exception):
    """Somebody has run newer rules of a device than are known here: they must be read anew."""


class Engine:
    def __init__(self, *, states: StateStore, actions: ActionsQueue, live: LivePublisher, clock: Clock) -> None:
        self._states = states
        self._actions = actions
        self._live = live
        self._clock = clock

    def read(self, things: Sequence[str]) -> dict[str, DeviceState]:
        return self._states.read(things)

    def change(
        self,
        thing: str,
        before: DeviceState,
        after: DeviceState,
        standing: Standing,
        inputs: Sequence[Input] = (),
        *,
        duplicates: Sequence[int] = (),
        ticks: bool = False,
    ) -> tuple[Change, tuple[str, ...]]:
        """What becomes of a device, and the rules that there is no room for.

        `before` is its state as it was read, `after` with what ingest learned of it. Raises ValueError for a damaged
        state, RulesBehindError.
        """
        head = head_of(before)
        if head is not None and head.revision > standing.revision:
            raise RulesBehindError
        now = self._clock.now_ms()
        device = standing.device
        outcome = standing.program.run(
            thing,
            before,
            inputs,
            now if ticks else None,
            attributes={} if device is None else device.tags,
            name="" if device is None else device.name,
            duplicates=duplicates,
            revision=standing.revision,
        )
        becomes = msgspec.structs.replace(after, rules=outcome.rules, alarms=outcome.alarms, armed=outcome.armed)
        change = Change(
            state=becomes,
            now=now,
            transitions=outcome.transitions,
            group="" if device is None else device.group,
            wanted=outcome.wanted,
            armed_before=before.armed,
        )
        return change, outcome.refused

    def spared(self, before: DeviceState, after: DeviceState) -> Change:
        """A state in which nothing comes of anything: it is written as it is."""
        return Change(state=after, now=self._clock.now_ms(), armed_before=before.armed)

    def save(self, changes: Mapping[str, Change]) -> Saved:
        """Writes them, and tells of the alarms that changed whoever acts on them and whoever watches."""
        saved = self._states.save(changes)
        found = [alarm for alarms in saved.alarms.values() for alarm in alarms]
        if found:
            # If this fails, the sweep of the outbox finds it within a minute.
            with suppress(AlarmsError):
                self._actions.put(*(Act(thing=one.thing, number=one.number, step=one.step) for one in found))
            self.tell(found)
        return saved

    def tell(self, alarms: Iterable[Alarm]) -> None:
        """Those who watch, of alarms as they are now."""
        self._live.publish([alarm_event(one) for one in alarms])
