"""What a reading passes on its way: pipeline, rules, recorder. Nothing here waits, so no part can hold up a sensor."""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from device_agent.clock import Clock
from device_agent.pipeline import Pipeline
from device_agent.rules import Rules
from device_agent.sensors import Reading

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

LOOK_S = 1.0
"""What comes to be due by a reading, sooner than anything that was due before, is done at most so much later."""
MOST_EFFECTS = 100
"""So many readings that rules have brought about themselves wait to be seen by them, the newest.

They are seen at the next look, so that two rules which undo each other's work switch once a look and not without end.
"""
DERIVED = "pipeline"
"""Under this name goes what came due without a reading of its own."""

Record = Callable[[str, Reading], None]


class Flow:
    """The way from the samplers to the recorder, for one configuration."""

    def __init__(
        self,
        pipeline: Pipeline,
        rules: Rules,
        record: Record,
        *,
        clock: Clock,
        log: "LoggerAdapter[Logger]",
    ) -> None:
        self.pipeline = pipeline
        self.rules = rules
        self._record = record
        self._clock = clock
        self._log = log
        self._watching = False
        self._effects: deque[Reading] = deque(maxlen=MOST_EFFECTS)

    def take(self, sensor: str, reading: Reading) -> None:
        """Pass a reading on; never raises. If the pipeline fails on it, it is recorded as it came."""
        try:
            passed = self.pipeline.take(reading)
        except Exception:  # noqa: BLE001 - a fault in a stage must not cost the reading
            self._log.exception("the pipeline failed on a reading of %s, which is recorded as it came", sensor)
            passed = [reading]
        self._pass(sensor, passed)

    async def run(self, beat: Callable[[], None]) -> None:
        """Do what falls due by time alone, for ever."""
        while True:
            beat()
            now = self._clock.boot_ms()
            effects, self._effects = self._effects, deque(maxlen=MOST_EFFECTS)
            for reading in effects:
                self._watch(partial(self.rules.observe, reading))
            self._pass(DERIVED, self.pipeline.tick(now))
            self._watch(partial(self.rules.tick, now))
            await self._clock.sleep(self._until_next_s())

    def _until_next_s(self) -> float:
        dues = [due for due in (self.pipeline.next_due(), self.rules.next_due()) if due is not None]
        left_s = (min(dues) - self._clock.boot_ms()) / 1000 if dues else LOOK_S
        return min(LOOK_S, max(0.0, left_s))

    def _pass(self, name: str, readings: Iterable[Reading]) -> None:
        for reading in readings:
            # Recorded first: whatever a rule does, the value that made it do so is kept.
            self._record(name, reading)
            if self._watching:
                self._effects.append(reading)
            else:
                self._watch(partial(self.rules.observe, reading))

    def _watch(self, look: Callable[[], None]) -> None:
        """Have the rules look. What an actuator does because of them comes in here meanwhile, and is seen later."""
        self._watching = True
        try:
            look()
        finally:
            self._watching = False
