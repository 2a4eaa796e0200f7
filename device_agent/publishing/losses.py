"""Tells the cloud what will never come: messages that the queue has dropped, and what could not be stored or read."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from device_agent.clock import Clock
from device_agent.errors import QueueError
from device_agent.health import Health
from device_agent.queue import Priority
from device_agent.waiting import first_of

if TYPE_CHECKING:
    from device_agent.link import Link
    from device_agent.recording.recorder import Recorder
    from device_agent.storage import Storage

REPORT_S: Final = 60.0
BEAT_S: Final = 10.0
POSITION: Final = "$losses"
"""Under this name the queue keeps what was told, stored together with the event that tells it."""


class LossReporter:
    """Reports each loss once, by an event `dropped`; while there is no connection, it waits and adds up."""

    def __init__(
        self,
        storage: "Storage",
        recorder: "Recorder",
        link: "Link",
        *,
        clock: Clock,
        health: Health,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._storage = storage
        self._recorder = recorder
        self._link = link
        self._clock = clock
        self._health = health
        self._log = log
        self._told: dict[str, int] | None = None
        self._told_lost = self._told_unreadable = 0

    async def run(self, beat: Callable[[], None]) -> None:
        """Look every minute while connected, for ever."""
        while True:
            beat()
            if self._link.is_connected:
                await self._report_logged()
                await self._pause(REPORT_S, beat)
            else:
                await first_of(self._link.connected(), self._clock.sleep(BEAT_S))

    async def report(self) -> None:
        """Record the event if there is something to tell. Raises QueueError."""
        stats = await self._storage.stats()
        dropped = {priority.word: stats[priority].dropped for priority in Priority}
        if self._told is None:
            self._told = _told(await self._storage.position(POSITION))
        counts = _grown(dropped, self._told)
        counts["not_stored"] = self._health.lost - self._told_lost
        counts["unreadable"] = self._health.unreadable - self._told_unreadable
        if not any(counts.values()):
            return
        self._log.warning("lost since the last report: %s", ", ".join(f"{n} {what}" for what, n in counts.items() if n))
        self._recorder.event("dropped", counts, position=(POSITION, msgspec.json.encode(dropped).decode()))
        self._told, self._told_lost, self._told_unreadable = dropped, self._health.lost, self._health.unreadable

    async def _report_logged(self) -> None:
        try:
            await self.report()
        except QueueError as error:
            self._log.warning("losses cannot be told: %s", error)

    async def _pause(self, seconds: float, beat: Callable[[], None]) -> None:
        end = self._clock.monotonic() + seconds
        while (left := end - self._clock.monotonic()) > 0:
            beat()
            await self._clock.sleep(min(left, BEAT_S))


def _told(position: str | None) -> dict[str, int]:
    if position is None:
        return {}
    try:
        return msgspec.json.decode(position, type=dict[str, int])
    except msgspec.DecodeError:
        return {}


def _grown(dropped: Mapping[str, int], told: Mapping[str, int]) -> dict[str, int]:
    """What came since. A count below what was told is that of a queue that was made anew."""
    return {name: count - told.get(name, 0) if count >= told.get(name, 0) else count for name, count in dropped.items()}
