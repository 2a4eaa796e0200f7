"""Gathers what the device has to say and stores it as messages, every flush interval or sooner when there is much.

An alarm or an answer to a command is stored at once. While the queue cannot be written, what comes is held up to a
bound; what is given up then is counted.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from contract.documents import ReportedStatus
from contract.errors import DocumentError
from contract.telemetry import MAX_MEASUREMENTS, MAX_VALUES, Quality, Value
from device_agent import wire
from device_agent.clock import Clock
from device_agent.errors import QueueError
from device_agent.health import Health
from device_agent.queue import Priority
from device_agent.recording.envelopes import AIM_BYTES, ENVELOPE_BYTES, MEASUREMENT_BYTES, QUALITY_BYTES, parts, usable
from device_agent.recording.held_readings import HeldReading, HeldReadings, Later
from device_agent.sensors import Reading
from device_agent.time.machine_boots import Stamp
from device_agent.time.timekeeper import Offset, Timekeeper
from device_agent.waiting import first_of

if TYPE_CHECKING:
    from device_agent.storage import Storage

FULL_BYTES: Final = 128 * 1024
"""So much telemetry, as JSON, is stored without waiting for the flush interval."""
MOST_OTHERS: Final = 1_000
"""So many events and answers are held; then the least urgent of them, the oldest first."""
BEAT_S: Final = 10.0
WARN_EVERY_S: Final = 60.0
"""While the queue refuses at every flush, the log says so this often at most."""
_TOO_LONG = 1_024


class _Other(NamedTuple):
    """An event or answer that waits to be stored, and what is to be stored with it."""

    priority: Priority
    payload: bytes
    position: tuple[str, str] | None


class Recorder:
    """Between everything that has something to say and the queue. Its calls never wait, but for `flush`."""

    def __init__(
        self,
        storage: "Storage",
        timekeeper: Timekeeper,
        *,
        boot: str,
        flush_interval_s: float,
        clock: Clock,
        health: Health,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        """`boot` is new at each start of the agent: messages are numbered within it from 0, without a gap."""
        self._storage = storage
        self._timekeeper = timekeeper
        self._boot = boot
        self._flush_interval_s = flush_interval_s
        self._clock = clock
        self._health = health
        self._log = log
        self._machine_boot = clock.machine_boot()
        self._next_seq = 0
        self._readings = HeldReadings()
        self._others: deque[_Other] = deque()
        self._later = Later()
        self._due = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._warned_at = -math.inf
        self.urgent = asyncio.Event()
        """Set whenever something urgent was stored; whoever waits for it clears it."""

    def add(self, sensor: str, reading: Reading) -> None:
        """Take a reading. Values that no message can carry are left out and counted."""
        values = usable(reading.values)
        self._health.unusable += len(reading.values) - len(values)
        if not values and reading.position is None:
            return
        offset = self._timekeeper.offset()
        at = self._later.than_told(sensor, reading.at, offset)
        if at != reading.at:
            self._timekeeper.told(at + offset.ms)
        quality = reading.quality
        if quality == "good" and offset.final and not offset.synced:
            quality = "estimated"
        size = MEASUREMENT_BYTES if quality == "good" and offset.final else MEASUREMENT_BYTES + QUALITY_BYTES
        held = self._readings
        for part, part_size in parts(values):
            held.add(HeldReading(sensor, at, part, quality, reading.position, size + part_size, offset))
        if held.bytes > FULL_BYTES:
            self._due.set()
            self._health.lost += held.trim()

    def event(
        self,
        kind: str,
        data: dict[str, Any],
        *,
        at: int | None = None,
        priority: Priority = Priority.URGENT,
        position: tuple[str, str] | None = None,
    ) -> None:
        """Say that something has happened, at boot time `at` or now. What the contract cannot carry is logged.

        A `position`, a name and a text, is stored with the event or not at all, as that of a sensor is with a reading.
        """
        at, stamp = self._now(at)
        try:
            payload = wire.event(stamp, at, boot=self._boot, kind=kind, data=data)
        except DocumentError as error:
            self._refuse(f"the event {kind!r} is left out: {error}")
        else:
            self._add_other(priority, payload, position)

    def response(
        self,
        command_id: str,
        status: ReportedStatus,
        *,
        at: int | None = None,
        result: dict[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Answer a command, at boot time `at` or now. Without a result that cannot be carried: the reason says so."""
        at, stamp = self._now(at)
        if reason is not None and len(reason) > _TOO_LONG:
            reason = reason[: _TOO_LONG - 1] + "…"
        try:
            payload = wire.response(stamp, at, command_id=command_id, status=status, result=result, reason=reason)
        except DocumentError as error:
            self._refuse(f"the result of the command {command_id!r} is left out: {error}")
            note = f"its result cannot be sent: {error}"[:_TOO_LONG]
            try:
                payload = wire.response(stamp, at, command_id=command_id, status=status, result=None, reason=note)
            except DocumentError as other:
                self._refuse(f"the answer to the command {command_id!r} is left out: {other}")
                return
        self._add_other(Priority.URGENT, payload)

    async def run(self, beat: Callable[[], None]) -> None:
        """Flush for ever."""
        due = self._clock.monotonic() + self._flush_interval_s
        while True:
            beat()
            left = due - self._clock.monotonic()
            if left > 0 and not self._due.is_set():
                await first_of(self._clock.sleep(min(left, BEAT_S)), self._due.wait())
                continue
            only_urgent = left > 0 and self._readings.bytes <= FULL_BYTES
            self._due.clear()
            try:
                await self._flush(only_urgent=only_urgent)
            except QueueError as error:
                self._warn(error)
                await self._clock.sleep(min(self._flush_interval_s, BEAT_S))
                due = self._clock.monotonic()
            else:
                if not only_urgent:
                    due = self._clock.monotonic() + self._flush_interval_s

    async def flush(self) -> None:
        """Make everything durable. On QueueError it is still held, and the next flush tries again."""
        await self._flush(only_urgent=False)

    async def position(self, sensor: str) -> str | None:
        """From where a sensor goes on after all that was taken of it, stored or not. Raises QueueError."""
        async with self._flushing:
            held = self._readings.position(sensor)
            return await self._storage.position(sensor) if held is None else held

    @property
    def waiting(self) -> int:
        """Readings, events and answers that are not durable yet."""
        return len(self._readings) + len(self._others)

    async def _flush(self, *, only_urgent: bool) -> None:
        async with self._flushing:
            readings = [] if only_urgent else self._readings.take()
            others = list(self._others)
            self._others.clear()
            if not readings and not others:
                return
            storing = asyncio.ensure_future(self._store(readings, others))
            try:
                await asyncio.shield(storing)
            except asyncio.CancelledError:
                # The writing ends on its thread all the same, and we must know how, however often we are cancelled.
                while not storing.done():
                    with suppress(asyncio.CancelledError):
                        await asyncio.wait((storing,))
                storing.exception()
                raise
            finally:
                # The traceback of its error has this frame: with the task in it they would hold each other, and all
                # that was to be stored, until the garbage collector comes by.
                del storing

    async def _store(self, readings: list[HeldReading], others: list[_Other]) -> None:
        batches = self._batches(readings)
        messages = [(other.priority, other.payload) for other in others]
        messages += [(Priority.TELEMETRY, batch) for batch in batches]
        positions = {reading.sensor: reading.position for reading in readings if reading.position is not None}
        positions.update(other.position for other in others if other.position is not None)
        await self._timekeeper.commit()
        try:
            await self._storage.append(messages, positions)
        except QueueError:
            self._health.lost += self._readings.put_back(readings)
            self._others.extendleft(reversed(others))
            self._trim_others()
            raise
        self._next_seq += len(batches)
        self._health.recorded += len(readings)
        if any(other.priority == Priority.URGENT for other in others):
            self.urgent.set()

    def _batches(self, readings: Sequence[HeldReading]) -> list[bytes]:
        """Consecutive readings of one offset, as many to a message as the aim allows; one may be above it alone."""
        batches: list[bytes] = []
        batch: list[tuple[int, dict[str, Value], Quality]] = []
        offset: Offset | None = None
        size = values = 0
        for reading in readings:
            if not reading.values:
                continue
            fits = size + reading.size <= AIM_BYTES and len(batch) < MAX_MEASUREMENTS
            if batch and not (fits and reading.offset is offset and values + len(reading.values) <= MAX_VALUES):
                batches.append(self._batch(batch, offset, len(batches)))
                batch = []
            if not batch:
                size, values, offset = ENVELOPE_BYTES, 0, reading.offset
            batch.append((reading.at, reading.values, reading.quality))
            size += reading.size
            values += len(reading.values)
        if batch:
            batches.append(self._batch(batch, offset, len(batches)))
        return batches

    def _batch(self, m: list[tuple[int, dict[str, Value], Quality]], offset: Offset | None, index: int) -> bytes:
        stamp = self._stamp(offset or self._timekeeper.offset())
        return wire.write(wire.Batch(stamp, self._boot, self._next_seq + index, self._clock.boot_ms(), m))

    def _now(self, at: int | None) -> tuple[int, Stamp]:
        return self._clock.boot_ms() if at is None else at, self._stamp(self._timekeeper.offset())

    def _stamp(self, offset: Offset) -> Stamp:
        return Stamp(self._machine_boot, offset.ms, offset.final)

    def _add_other(self, priority: Priority, payload: wire.Payload, position: tuple[str, str] | None = None) -> None:
        self._others.append(_Other(priority, wire.write(payload), position))
        self._trim_others()
        if priority == Priority.URGENT:
            self._due.set()

    def _trim_others(self) -> None:
        while len(self._others) > MOST_OTHERS:
            least = max(other.priority for other in self._others)
            index = next(index for index, other in enumerate(self._others) if other.priority == least)
            del self._others[index]
            self._health.lost += 1

    def _warn(self, error: QueueError) -> None:
        self._health.last_error = str(error)
        now = self._clock.monotonic()
        if now - self._warned_at >= WARN_EVERY_S:
            self._warned_at = now
            self._log.warning("%d readings wait in memory: %s", len(self._readings), error)

    def _refuse(self, what: str) -> None:
        self._health.unusable += 1
        self._health.last_error = what
        self._log.error(what)
