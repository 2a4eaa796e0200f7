"""Moves messages from the queue to the broker, and forgets each only when it was acknowledged.

A message goes out with the same bytes each time. After a crash those are sent again whose acknowledgement was not yet
on the disk: the window and the last few acknowledgements. The cloud knows them by (boot, seq) or, where a backlog is
more than 512 messages behind its boot's newest, stores their points over themselves.
"""

import asyncio
import logging
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, Final

from device_agent import wire
from device_agent.backoff import Backoff
from device_agent.clock import Clock
from device_agent.errors import ConnectionLostError, PayloadError, PublishRefusedError, QueueError
from device_agent.health import Health
from device_agent.publishing.budget import Budget
from device_agent.publishing.lanes import Lane, telemetry_lanes
from device_agent.queue import Priority, QueuedMessage
from device_agent.time.timekeeper import Timekeeper
from device_agent.token_bucket import TokenBucket
from device_agent.waiting import first_of
from device_agent.wire import Addresses, Outgoing

if TYPE_CHECKING:
    from device_agent.link import Link
    from device_agent.storage import Storage

RATE: Final = 45.0
BURST: Final = 5
"""Together at most 50 publishes in any second: AWS IoT Core takes 100 a second of a connection, commands included."""
BEAT_S: Final = 10.0
TIME_S: Final = 1.0
"""How often a message that waits for the time asks for it."""
BUDGET_S: Final = 60.0


class Publisher:
    """Drains the queue over the link while that is connected, several publishes at a time."""

    def __init__(
        self,
        storage: "Storage",
        link: "Link",
        timekeeper: Timekeeper,
        addresses: Addresses,
        *,
        inflight: int,
        reorder_hold_ms: int,
        clock: Clock,
        random: Random,
        health: Health,
        log: logging.LoggerAdapter[logging.Logger],
        budget: Budget | None = None,
    ) -> None:
        """`reorder_hold_ms` is the device model's: for how long the cloud waits for a message that is missing."""
        self._storage = storage
        self._link = link
        self._timekeeper = timekeeper
        self._addresses = addresses
        self._inflight = inflight
        self._reorder_hold_ms = reorder_hold_ms
        self._clock = clock
        self._health = health
        self._log = log
        self._budget = budget
        self._bucket = TokenBucket(clock, rate=RATE, burst=BURST)
        self._refusals = {priority: Backoff(random, least_s=1.0) for priority in Priority}
        self._urgent = Lane(storage, Priority.URGENT)
        self._telemetry: list[Lane] = []
        self._logs = Lane(storage, Priority.LOG)
        self._replan_at: float | None = None
        self._busy: dict[asyncio.Future[Any], tuple[Priority, int]] = {}
        self._acknowledged: set[int] = set()
        self._drained = asyncio.Event()

    async def run(self, beat: Callable[[], None]) -> None:
        """Publish whenever there is a connection, for ever."""
        while True:
            await self._connected(beat)
            try:
                await self._drain(beat)
            except ConnectionLostError as error:
                self._log.debug("publishing ends: %s", error)
            finally:
                self._drained.clear()
                await self._give_up_busy()

    @property
    def is_drained(self) -> bool:
        """Whether everything has been acknowledged that may be sent now: not what a budget or a refusal holds back."""
        return self._drained.is_set() and not self._storage.changed.is_set()

    async def drained(self) -> None:
        """Wait until `is_drained`."""
        while not self.is_drained:
            await self._drained.wait()
            await asyncio.sleep(0)

    async def _connected(self, beat: Callable[[], None]) -> None:
        while not self._link.is_connected:
            beat()
            await first_of(self._link.connected(), self._clock.sleep(BEAT_S))

    async def _drain(self, beat: Callable[[], None]) -> None:
        """Publish until the connection is lost, which raises ConnectionLostError."""
        lost = asyncio.ensure_future(self._link.lost())
        try:
            self._urgent, self._logs = Lane(self._storage, Priority.URGENT), Lane(self._storage, Priority.LOG)
            self._replan_at = self._clock.monotonic()
            while True:
                beat()
                await self._plan()
                pause = await self._fill()
                if not self._busy and not any(lane.waits for lane in self._lanes):
                    self._drained.set()
                await self._wait(lost, pause)
                self._drained.clear()
                await self._settle()
                if lost.done():
                    raise ConnectionLostError(lost.result())
        finally:
            lost.cancel()

    @property
    def _lanes(self) -> tuple[Lane, ...]:
        return (self._urgent, *self._telemetry, self._logs)

    async def _plan(self) -> None:
        """Look for what was appended; and think the order of telemetry over, at first and after it was held back."""
        if self._storage.changed.is_set():
            self._storage.changed.clear()
            for lane in self._lanes:
                lane.look_again()
        if self._replan_at is not None and self._replan_at <= self._clock.monotonic():
            self._replan_at = None
            self._telemetry = await telemetry_lanes(self._storage, self._clock, reorder_hold_ms=self._reorder_hold_ms)

    async def _fill(self) -> float:
        """Hand messages to the link until the window is full or nothing more may go; until when that stays so, in s."""
        pause = BEAT_S
        for lane in self._lanes:
            while len(self._busy) < self._inflight:
                wait = await self._send_next(lane)
                if wait > 0:
                    pause = min(pause, wait)
                    break
        self._telemetry = [lane for lane in self._telemetry if not lane.ended]
        return pause

    async def _send_next(self, lane: Lane) -> float:
        """Send the lane's next message; returns 0, or for how long it has none that may go."""
        now = self._clock.monotonic()
        if (wait := lane.paused_until - now) > 0:
            return wait
        lane.waits = False
        message = await lane.next(self._acknowledged | {identifier for _, identifier in self._busy.values()})
        if message is None:
            return BEAT_S
        if self._budget is not None and not self._budget.allows(lane.priority):
            self._hold_back(lane.priority, BUDGET_S)
            return BUDGET_S
        if (wait := self._bucket.wait_s) > 0:
            lane.waits = True
            return wait
        return await self._send(lane, message)

    async def _send(self, lane: Lane, message: QueuedMessage) -> float:
        try:
            outgoing = await self._rendered(message)
        except PayloadError as error:
            self._health.unreadable += 1
            self._note(f"a message is given up: {error}", logging.ERROR)
            lane.pass_over()
            await self._acknowledge({message.id})
            return 0.0
        except QueueError as error:
            self._note(f"a message must wait: {error}")
            lane.pause(self._clock.monotonic() + BEAT_S, waits=True)
            return BEAT_S
        if outgoing is None:
            lane.pause(self._clock.monotonic() + TIME_S, waits=True)
            return TIME_S
        lane.pass_over()
        self._bucket.take()
        publishing = asyncio.ensure_future(self._link.publish(outgoing.topic, outgoing.payload))
        self._busy[publishing] = (lane.priority, message.id)
        if self._budget is not None:
            await asyncio.sleep(0)  # the message is counted when it goes: before the next one is judged
        return 0.0

    async def _rendered(self, message: QueuedMessage) -> Outgoing | None:
        payload = wire.read(message.payload)
        settled = await self._timekeeper.settle(
            payload.stamp, message.priority, message.id, connected_at=self._link.connected_at
        )
        return None if settled is None else wire.render(payload, settled, self._addresses)

    async def _wait(self, lost: asyncio.Future[str], pause: float) -> None:
        """Until a publish was answered, the connection is lost, something was appended, or the pause is over."""
        appended = asyncio.ensure_future(self._storage.changed.wait())
        passed = asyncio.ensure_future(self._clock.sleep(pause))
        try:
            await asyncio.wait((*self._busy, lost, appended, passed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            appended.cancel()
            passed.cancel()

    async def _settle(self) -> None:
        """Take the answers, and forget what was acknowledged."""
        acknowledged: set[int] = set()
        ended: BaseException | None = None
        for publishing in [publishing for publishing in self._busy if publishing.done()]:
            priority, identifier = self._busy.pop(publishing)
            error = publishing.exception()
            if error is None:
                acknowledged.add(identifier)
                self._refusals[priority].reset()
            elif isinstance(error, PublishRefusedError):
                self._refuse(priority, error)
            else:
                ended = error
        self._health.sent += len(acknowledged)
        await self._acknowledge(acknowledged)
        if ended is not None:
            raise ended

    def _refuse(self, priority: Priority, refusal: PublishRefusedError) -> None:
        """The message is kept, and tried again later; messages of other priorities may be welcome."""
        pause = self._refusals[priority].next_s()
        self._health.refused += 1
        self._note(f"{refusal}; the message is kept, trying again in {pause:.0f} s", logging.ERROR)
        self._hold_back(priority, pause)

    def _hold_back(self, priority: Priority, pause: float) -> None:
        """Send none of this priority for so long, and then anew from the oldest."""
        until = self._clock.monotonic() + pause
        for lane in self._lanes:
            if lane.priority == priority:
                lane.rewind()
                lane.pause(until, waits=False)
        if priority == Priority.TELEMETRY:
            self._replan_at = until

    async def _acknowledge(self, ids: set[int]) -> None:
        self._acknowledged |= ids
        if not self._acknowledged:
            return
        try:
            await self._storage.acknowledge(self._acknowledged)
        except QueueError as error:
            self._note(f"what was sent cannot be forgotten yet: {error}")
        else:
            self._acknowledged = set()

    async def _give_up_busy(self) -> None:
        for publishing in self._busy:
            publishing.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)
        self._busy.clear()

    def _note(self, what: str, level: int = logging.WARNING) -> None:
        self._health.last_error = what
        self._log.log(level, what)
