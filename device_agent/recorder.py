"""Gathers readings and stores them as messages, every flush interval or sooner when there are many."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from contract.errors import EnvelopeError
from contract.telemetry import Measurement
from device_agent.clock import Clock
from device_agent.envelopes import EnvelopeWriter, usable
from device_agent.errors import QueueError
from device_agent.health import Health
from device_agent.queue_thread import QueueThread
from device_agent.sensors import Reading
from device_agent.waiting import first_of

FULL_READINGS = 500
"""So many readings are stored without waiting for the flush interval."""
MOST_READINGS = 10_000
"""So many are held while the queue cannot be written; then the oldest are given up."""


class Recorder:
    """Between the sensors and the queue. A sensor's position is stored with the readings that led to it."""

    def __init__(
        self,
        queue: QueueThread,
        writer: EnvelopeWriter,
        *,
        flush_interval_s: float,
        clock: Clock,
        health: Health,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._queue = queue
        self._writer = writer
        self._flush_interval_s = flush_interval_s
        self._clock = clock
        self._health = health
        self._log = log
        self._pending: deque[_Held] = deque(maxlen=MOST_READINGS)
        self._full = asyncio.Event()
        self._flushing = asyncio.Lock()

    def add(self, sensor: str, reading: Reading) -> None:
        """Take a reading; never waits."""
        values = usable(reading.values)
        self._health.unusable += len(reading.values) - len(values)
        if len(self._pending) == MOST_READINGS:
            self._health.lost += 1
        self._pending.append(_Held(sensor, Measurement(reading.ts, values, reading.quality), reading.position))
        if len(self._pending) >= FULL_READINGS:
            self._full.set()

    async def run(self) -> None:
        """Flush for ever."""
        while True:
            await first_of(self._clock.sleep(self._flush_interval_s), self._full.wait())
            self._full.clear()
            try:
                await self.flush()
            except QueueError as error:
                self._health.last_error = str(error)
                self._log.warning("%d readings wait in memory: %s", len(self._pending), error)
                await self._clock.sleep(self._flush_interval_s)

    async def flush(self) -> None:
        """Store what was gathered. On QueueError it is still held, and the next flush tries again."""
        async with self._flushing:
            if not self._pending:
                return
            taken = list(self._pending)
            self._pending.clear()
            messages = self._messages([held.measurement for held in taken if held.measurement.values])
            positions = {held.sensor: held.position for held in taken if held.position is not None}
            storing = asyncio.ensure_future(self._store(taken, messages, positions))
            try:
                await asyncio.shield(storing)
            except asyncio.CancelledError:
                # The transaction ends on its thread all the same, and we must know how.
                with suppress(QueueError):
                    await storing
                raise

    async def _store(self, taken: list["_Held"], messages: list[bytes], positions: dict[str, str]) -> None:
        try:
            await self._queue.append(messages, positions)
        except QueueError:
            came_since = list(self._pending)
            self._health.lost += max(0, len(taken) + len(came_since) - MOST_READINGS)
            self._pending.clear()
            self._pending.extend(taken + came_since)
            raise
        self._writer.confirm(len(messages))
        self._health.recorded += len(taken)

    def _messages(self, measurements: list[Measurement]) -> list[bytes]:
        now = self._clock.wall_ms()
        try:
            return self._writer.write(measurements, now)
        except EnvelopeError:
            return self._writer.write([kept for kept in measurements if self._fits(kept, now)], now)

    def _fits(self, measurement: Measurement, now: int) -> bool:
        try:
            self._writer.write([measurement], now)
        except EnvelopeError as error:
            self._health.unusable += 1
            self._health.last_error = str(error)
            self._log.warning("the reading of %d is left out: %s", measurement.ts, error)
            return False
        return True


@dataclass(frozen=True)
class _Held:
    """A reading that waits to be stored, and its sensor's position after it."""

    sensor: str
    measurement: Measurement
    position: str | None
