"""What is to be done about transitions: kept in the transaction that makes each, until somebody has planned it.

Pure: from the alarms of a device as they stand and transitions in their order, what becomes of the alarms.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from contract.rules.rule import Action, Escalation
from functions.domain.access import By
from functions.domain.alarms import Alarm, Clearing, Step, StepKind, Transition

MAX_TRACE_BYTES: Final = 16 * 1024
"""Of a transition's trace, as JSON: it is written twice, into the history and into the outbox."""
ACT_WITHIN_MS: Final = 60_000
"""After this the sweep looks whether somebody has acted."""


class OutboxEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transition with what its rule wants done about it, as the rule was then.

    `at` is when it was written, `group` where its device was. `by` is whoever cleared the alarm by hand.
    """

    transition: Transition
    group: str
    at: int
    actions: tuple[Action, ...] = ()
    escalation: tuple[Escalation, ...] = ()
    by: By | None = None

    @property
    def place(self) -> tuple[str, int, int]:
        """Its key: thing, alarm and step."""
        return self.transition.thing, self.transition.number, self.transition.step


class OutboxPage(msgspec.Struct, frozen=True):
    """Places of entries that nobody has acted on, the longest due first; `after` is where to go on."""

    places: tuple[tuple[str, int, int], ...]
    after: str | None


class TimersPage(msgspec.Struct, frozen=True):
    """Devices whose timers are due, the longest due first; `after` is where to go on."""

    things: tuple[str, ...]
    after: str | None


class Folded(msgspec.Struct, frozen=True):
    """What transitions make of a device's alarms. `active` has the rules that they are of; None where none is active.

    `stages` are the alarms as they stood after each transition, in order.
    """

    active: Mapping[str, Alarm | None]
    cleared: tuple[Alarm, ...]
    steps: tuple[tuple[int, Step], ...]
    """Each with the number of its alarm."""
    stages: tuple[Alarm, ...]
    entries: tuple[OutboxEntry, ...]


def folded(before: Mapping[str, Alarm], entries: Iterable[OutboxEntry]) -> Folded:
    """`before` are the device's active alarms by rule. A transition that is in its alarm already changes nothing."""
    active: dict[str, Alarm | None] = {}
    cleared: list[Alarm] = []
    steps: list[tuple[int, Step]] = []
    stages: list[Alarm] = []
    kept: list[OutboxEntry] = []
    for entry in entries:
        found, now = entry.transition, entry.at
        known = active[found.rule] if found.rule in active else before.get(found.rule)
        if known is not None and (known.number, known.step) >= (found.number, found.step):
            continue
        if known is not None and known.number < found.number:
            # The engine has lost sight of it: it must not stay active beside, or instead of, the one that is.
            gone = _superseded(known, found, now)
            cleared.append(gone)
            steps.append((gone.number, _lost_step(gone, now)))
            known = None
        alarm = Alarm.raised(found, entry.group, now) if known is None else known.after(found, now)
        alarm = alarm if alarm.group == entry.group else msgspec.structs.replace(alarm, group=entry.group)
        steps.append((alarm.number, Step(version=alarm.version, at=now, by=entry.by, found=found)))
        stages.append(alarm)
        kept.append(entry)
        active[found.rule] = alarm if alarm.active else None
        if not alarm.active:
            cleared.append(alarm)
    return Folded(active, tuple(cleared), tuple(steps), tuple(stages), tuple(kept))


def bounded(found: Transition) -> Transition:
    """With its trace, or if that is too big with its size in its place."""
    size = len(msgspec.json.encode(found.why))
    return found if size <= MAX_TRACE_BYTES else msgspec.structs.replace(found, why={"left_out_bytes": size})


def _superseded(alarm: Alarm, by: Transition, now: int) -> Alarm:
    return msgspec.structs.replace(
        alarm, cleared_at=by.since, clearing=Clearing.RULE_CHANGED, updated_at=now, version=alarm.version + 1
    )


def _lost_step(alarm: Alarm, now: int) -> Step:
    return Step(version=alarm.version, at=now, did=StepKind.LOST)
