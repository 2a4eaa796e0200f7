"""Has the rules of one device looked at without a message of it: its timer came up, or something else has changed."""

from collections import Counter
from collections.abc import Callable, Iterable

from functions.errors import StateError
from functions.ports.alarms import AlarmStore
from functions.ports.clock import Clock
from functions.services.engine import Engine, RulesBehindError
from functions.services.rulebook import Rulebook


class Evaluate:
    """`attempts` says how often it is tried while others write the device's state."""

    def __init__(
        self,
        *,
        engine: Engine,
        rulebook: Rulebook,
        alarms: AlarmStore,
        clock: Clock,
        attempts: Callable[[], Iterable[int]],
    ) -> None:
        self._engine = engine
        self._rulebook = rulebook
        self._alarms = alarms
        self._clock = clock
        self._attempts = attempts

    def run(self, thing: str, *, fresh: bool) -> Counter[str]:
        """What was found, to be counted. `fresh` when the registry may say something new of the device.

        Raises StateError where the state is damaged, or was written by others at every attempt, and AlarmsError,
        RegistryError, RulesError.
        """
        report: Counter[str] = Counter()
        if fresh and (device := self._rulebook.of([thing], fresh=True)[thing].device) is not None:
            moved = self._alarms.move(thing, device.group, self._clock.now_ms())
            report["moved_alarms"] += len(moved)
            if moved:
                # Whoever watches the group that they come from hears that the device has left it.
                self._engine.tell(moved)
        for _ in self._attempts():
            state = self._engine.read([thing])[thing]
            standing = self._rulebook.standings({thing: state})[thing]
            if not (standing.program.compiled or state.rules or state.pending):
                return report
            try:
                change, refused = self._engine.change(thing, state, state, standing, ticks=True)
            except RulesBehindError:
                self._rulebook.snapshot(consistent=True)
                continue
            except ValueError as exc:
                raise StateError(f"the rules of {thing}: {exc}") from exc
            if change.state == state and not change.entries:
                return report
            saved = self._engine.save({thing: change})
            if thing in saved.failed:
                raise StateError(saved.failed[thing])
            if thing not in saved.conflicts:
                report.update(str(found.kind) for found in change.transitions)
                report["refused_rules"] += len(refused)
                return report
        raise StateError(f"the state of {thing} was written by others at every attempt")
