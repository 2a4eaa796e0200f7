"""Moves messages from the queue to the broker, oldest first, and forgets each only when it was acknowledged."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Any

from device_agent.backoff import Backoff
from device_agent.clock import Clock
from device_agent.errors import ConnectError, ConnectionLostError, ConnectRefusedError, PublishRefusedError
from device_agent.health import Health
from device_agent.queue import QueuedMessage
from device_agent.queue_thread import QueueThread
from device_agent.transport import Endpoint, Transport
from device_agent.waiting import first_of

STABLE_S = 60.0
"""A connection that lasted this long was a good one: the next backoff starts from the bottom."""


class Publisher:
    """Keeps a connection and drains the queue over it, several publishes at a time."""

    def __init__(
        self,
        queue: QueueThread,
        transport: Transport,
        *,
        topic: str,
        endpoints: Sequence[Endpoint],
        inflight: int,
        clock: Clock,
        random: Random,
        health: Health,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._queue = queue
        self._transport = transport
        self._topic = topic
        self._endpoints = endpoints
        self._inflight = inflight
        self._clock = clock
        self._health = health
        self._log = log
        self._reconnect = Backoff(random, least_s=0.05)
        self._retry_refused = Backoff(random, least_s=1.0)
        self._drained = asyncio.Event()

    async def run(self) -> None:
        """Connect, drain, and connect again, for ever."""
        while True:
            await self._connect()
            since = self._clock.monotonic()
            try:
                await self._drain()
            except ConnectionLostError as error:
                self._note(f"connection lost: {error}")
            finally:
                self._health.connected = False
                self._drained.clear()
            if self._clock.monotonic() - since >= STABLE_S:
                self._reconnect.reset()
            await self._clock.sleep(self._reconnect.next_s())

    async def drained(self) -> None:
        """Wait until everything in the queue has been acknowledged."""
        while self._queue.changed.is_set() or not self._drained.is_set():
            await self._drained.wait()
            await asyncio.sleep(0)

    async def _connect(self) -> None:
        """Try the endpoints in their order, with a backoff after each round, until one accepts."""
        while True:
            for endpoint in self._endpoints:
                self._health.endpoint = str(endpoint)
                try:
                    await self._transport.connect(endpoint)
                except ConnectRefusedError as error:
                    self._note(str(error), logging.ERROR)
                except ConnectError as error:
                    self._note(str(error))
                else:
                    self._health.connected = True
                    self._log.info("connected to %s", endpoint)
                    return
            await self._clock.sleep(self._reconnect.next_s())

    async def _drain(self) -> None:
        """Publish until the connection is lost, which raises ConnectionLostError. A refusal makes a pause."""
        while True:
            refusal = await self._drain_until_refused()
            pause = self._retry_refused.next_s()
            self._note(f"{refusal}; the message is kept, trying again in {pause:.0f} s", logging.ERROR)
            await first_of(self._clock.sleep(pause), self._transport.lost())

    async def _drain_until_refused(self) -> PublishRefusedError:
        window = _Window()
        lost = asyncio.ensure_future(self._transport.lost())
        try:
            while True:
                self._queue.changed.clear()
                await self._fill(window)
                if not window.busy:
                    if window.refusal is not None:
                        return window.refusal
                    self._drained.set()
                    await first_of(self._queue.changed.wait(), asyncio.shield(lost))
                    self._drained.clear()
                else:
                    await self._settle(window, lost)
                if lost.done():
                    raise ConnectionLostError(lost.result())
        finally:
            lost.cancel()
            await window.cancel()

    async def _fill(self, window: "_Window") -> None:
        """Hand messages to the transport until the window is full or the queue has no more."""
        if window.refusal is not None:
            return
        if not window.ahead and len(window.busy) < self._inflight:
            window.ahead.extend(await self._queue.peek(window.last_id, 2 * self._inflight))
        while window.ahead and len(window.busy) < self._inflight:
            message = window.ahead.popleft()
            window.last_id = message.id
            window.busy[asyncio.ensure_future(self._transport.publish(self._topic, message.payload))] = message.id

    async def _settle(self, window: "_Window", lost: asyncio.Future[str]) -> None:
        """Wait for answers, and forget what was acknowledged."""
        await asyncio.wait((*window.busy, lost), return_when=asyncio.FIRST_COMPLETED)
        acknowledged = []
        ended: ConnectionLostError | None = None
        for publish in [publish for publish in window.busy if publish.done()]:
            message_id = window.busy.pop(publish)
            error = publish.exception()
            if error is None:
                acknowledged.append(message_id)
            elif isinstance(error, PublishRefusedError):
                window.refusal = window.refusal or error
                self._health.refused += 1
            elif isinstance(error, ConnectionLostError):
                ended = error
            else:
                raise error
        if acknowledged:
            await self._queue.delete(acknowledged)
            self._health.sent += len(acknowledged)
            self._retry_refused.reset()
        if ended is not None:
            raise ended

    def _note(self, what: str, level: int = logging.WARNING) -> None:
        self._health.last_error = what
        self._log.log(level, what)


class _Window:
    """The publishes under way over one connection, and the messages read ahead of them."""

    def __init__(self) -> None:
        self.busy: dict[asyncio.Future[Any], int] = {}
        self.ahead = deque[QueuedMessage]()
        self.last_id = 0
        self.refusal: PublishRefusedError | None = None

    async def cancel(self) -> None:
        for publish in self.busy:
            publish.cancel()
        await asyncio.gather(*self.busy, return_exceptions=True)
