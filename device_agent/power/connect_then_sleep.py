"""Lets the link rest between connections, and wakes it when one is due or something urgent was stored."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from device_agent.clock import Clock
from device_agent.errors import QueueError
from device_agent.power.power import Power
from device_agent.queue import Priority
from device_agent.time.timekeeper import Timekeeper
from device_agent.waiting import first_of

if TYPE_CHECKING:
    from device_agent.recording.recorder import Recorder
    from device_agent.storage import Storage

PATIENCE_S: Final = 120.0
"""How long a connection is tried for before the link rests again."""
URGENT_RETRY_S: Final = 300.0
"""After so long a rest a connection is tried again while something urgent waits, if its interval is longer."""
_POLL_S: Final = 1.0
_BEAT_S: Final = 10.0


class RestingLink(Protocol):
    """What is needed of a `device_agent.link.Link`."""

    @property
    def is_connected(self) -> bool: ...
    @property
    def connected_at(self) -> int | None: ...
    def rest(self) -> None: ...
    def wake(self) -> None: ...


class Draining(Protocol):
    """What is needed of a `device_agent.publishing.publisher.Publisher`."""

    @property
    def is_drained(self) -> bool: ...


class ConnectThenSleep:
    """Runs beside the publisher on a device with `mode = "sleep"`; on another it ends at once."""

    def __init__(
        self,
        power: Power,
        link: RestingLink,
        publisher: Draining,
        recorder: "Recorder",
        *,
        storage: "Storage",
        timekeeper: Timekeeper,
        clock: Clock,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._power = power
        self._link = link
        self._publisher = publisher
        self._recorder = recorder
        self._storage = storage
        self._timekeeper = timekeeper
        self._clock = clock
        self._log = log

    async def run(self, beat: Callable[[], None]) -> None:
        """Connect at once, and then whenever it is time, for ever. Cancelled, it leaves the link awake."""
        if self._power.settings.mode == "always":
            return
        try:
            while True:
                self._recorder.urgent.clear()
                self._link.wake()
                await self._connection(beat)
                self._link.rest()
                await self._rest(beat)
        finally:
            self._link.wake()

    async def _connection(self, beat: Callable[[], None]) -> None:
        """Until everything was sent and the cloud had its time to speak, or no connection came about for too long."""
        apart_for = 0.0
        while apart_for < PATIENCE_S:
            beat()
            if self._has_lingered and self._publisher.is_drained:
                return
            await self._clock.sleep(_POLL_S)
            apart_for = 0.0 if self._link.is_connected else apart_for + _POLL_S
        self._log.warning("no connection for %.0f s: trying again later", PATIENCE_S)

    async def _rest(self, beat: Callable[[], None]) -> None:
        """Until the next connection is due, which is not in the quiet hours, or at once when something urgent comes."""
        since = self._clock.monotonic()
        urgent_left = await self._has_urgent()
        while not self._recorder.urgent.is_set():
            beat()
            rested = self._clock.monotonic() - since
            if urgent_left and rested >= URGENT_RETRY_S:
                return
            left = self._power.connect_every_s - rested
            if left <= 0 and not self._is_quiet:
                return
            await first_of(self._clock.sleep(min(left, _BEAT_S) if left > 0 else _BEAT_S), self._recorder.urgent.wait())

    async def _has_urgent(self) -> bool:
        try:
            return (await self._storage.stats())[Priority.URGENT].messages > 0
        except QueueError:
            return False

    @property
    def _has_lingered(self) -> bool:
        since = self._link.connected_at
        linger_ms = 1000 * self._power.settings.linger_s
        return self._link.is_connected and since is not None and self._clock.boot_ms() - since >= linger_ms

    @property
    def _is_quiet(self) -> bool:
        """By a time that is known: a device that has none must connect to learn it."""
        hours = self._power.settings.quiet_hours
        return hours is not None and self._timekeeper.synced and hours.contain(self._timekeeper.wall_ms())
