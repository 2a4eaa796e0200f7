"""What a reading passes on its way: pipeline, rules, recorder. Nothing here waits, so no part can hold up a sensor."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from device_agent.clock import Clock
from device_agent.pipeline import Pipeline
from device_agent.rules import Rules
from device_agent.sensors import Reading

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

LOOK_S = 1.0
"""What comes to be due by a reading, sooner than anything that was due before, is done at most so much later."""
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
            self._pass(DERIVED, self.pipeline.tick(now))
            self.rules.tick(now)
            await self._clock.sleep(self._until_next_s())

    def _until_next_s(self) -> float:
        dues = [due for due in (self.pipeline.next_due(), self.rules.next_due()) if due is not None]
        left_s = (min(dues) - self._clock.boot_ms()) / 1000 if dues else LOOK_S
        return min(LOOK_S, max(0.0, left_s))

    def _pass(self, name: str, readings: Iterable[Reading]) -> None:
        for reading in readings:
            # Recorded first: whatever a rule does, the value that made it do so is kept.
            self._record(name, reading)
            self.rules.observe(reading)
