"""Alarms and the device's state together: what only the engine knows of one, and one that is cleared by hand.

Clearing resets the rule in the device's state, in the transaction that clears the alarm.
"""

import msgspec

from functions.domain.alarms import Alarm, Clearing, Transition, TransitionKind
from functions.domain.audit import Actor, Note
from functions.domain.devices import Device
from functions.domain.engine.program import Outcome, Program
from functions.domain.engine.values import up_to_date
from functions.domain.state import Change, DeviceState
from functions.errors import AlarmsError, ConflictError
from functions.ports.alarms import AlarmStore
from functions.ports.clock import Clock
from functions.services.engine import Engine
from functions.services.rulebook import Rulebook


class AtEngine:
    def __init__(self, *, engine: Engine, rulebook: Rulebook, alarms: AlarmStore, clock: Clock) -> None:
        self._engine = engine
        self._alarms = alarms
        self._rulebook = rulebook
        self._clock = clock

    def up_to_date(self, alarm: Alarm, device: Device | None) -> Alarm:
        """An active one with its values as they are now, and not as of its last transition."""
        if not alarm.active:
            return alarm
        state = self._engine.read([alarm.thing])[alarm.thing]
        try:
            return up_to_date(alarm, state, self._program(alarm, device))
        except ValueError:  # a state that cannot be read here; the alarm can
            return alarm

    def clear(self, actor: Actor, alarm: Alarm, device: Device | None) -> Alarm | None:
        """The alarm as it is then; None where somebody else was at the device, or the alarm, just now.

        Raises AlarmsError where it could not be written.
        """
        thing, now = alarm.thing, self._clock.now_ms()
        state = self._engine.read([thing])[thing]
        if state.pending:
            # What was found before comes first, and does not fit into one transaction with this.
            self._save(thing, Change(state=state, now=now, armed_before=state.armed))
            return None
        outcome = self._reset(alarm, device, state, now)
        transitions = outcome.transitions
        if not any((one.number, one.kind) == (alarm.number, TransitionKind.CLEARED) for one in transitions):
            # The engine knows nothing of it: its own state was lost, or it ended after it was read. What stands now
            # decides, since whoever ends it from here on moves the state's version.
            standing = self._alarms.read(thing, alarm.number)
            if standing is None or not standing.active:
                return None
            transitions = (*transitions, _cleared(standing, now))
        change = Change(
            state=msgspec.structs.replace(state, rules=outcome.rules, alarms=outcome.alarms, armed=outcome.armed),
            now=now,
            transitions=transitions,
            group=alarm.group if device is None else device.group,
            wanted=outcome.wanted,
            armed_before=state.armed,
            by=actor.principal.by,
            notes=(_note(actor, alarm, now),),
        )
        stages = self._save(thing, change)
        return next((one for one in reversed(stages or ()) if one.number == alarm.number), None)

    def _reset(self, alarm: Alarm, device: Device | None, state: DeviceState, now: int) -> Outcome:
        name = device.name if device is not None else ""
        return self._program(alarm, device).reset(alarm.thing, state, alarm.rule, now, name=name)

    def _program(self, alarm: Alarm, device: Device | None) -> Program:
        known = {} if device is None else {alarm.thing: device}
        return self._rulebook.of([alarm.thing], known)[alarm.thing].program

    def _save(self, thing: str, change: Change) -> tuple[Alarm, ...] | None:
        """The alarms as they are then; None where it was a conflict."""
        saved = self._engine.save({thing: change})
        if thing in saved.failed:
            raise AlarmsError(saved.failed[thing])
        return None if thing in saved.conflicts else saved.alarms.get(thing, ())


def changed_by_others(alarm: Alarm) -> ConflictError:
    return ConflictError(f"{alarm.id} is being changed by others; try again")


def _cleared(alarm: Alarm, now: int) -> Transition:
    return Transition(
        kind=TransitionKind.CLEARED,
        thing=alarm.thing,
        rule=alarm.rule,
        rule_version=alarm.rule_version,
        number=alarm.number,
        step=alarm.step + 1,
        at=now,
        severity=alarm.severity,
        title=alarm.title,
        message=alarm.message,
        since=alarm.raised_at,
        first=alarm.first,
        last=alarm.last,
        peak=alarm.peak,
        count=alarm.count,
        clearing=Clearing.PERSON,
    )


def _note(actor: Actor, alarm: Alarm, now: int) -> Note:
    return Note(
        actor=actor,
        action="alarm.clear",
        subject_kind="device",
        subject_id=alarm.thing,
        at=now,
        before={"alarm": alarm.id, "state": "active", "rule": alarm.rule, "severity": alarm.severity},
        after={"alarm": alarm.id, "state": "cleared"},
    )
