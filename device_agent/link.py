"""The device's connection: kept up over a list of endpoints, with its subscriptions restored each time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from random import Random

from device_agent.backoff import Backoff
from device_agent.clock import Clock
from device_agent.errors import (
    ConnectError,
    ConnectionLostError,
    ConnectRefusedError,
    NotTakenError,
    PublishRefusedError,
    SubscribeRefusedError,
)
from device_agent.health import Health
from device_agent.transport import MAX_PAYLOAD, Endpoint, Incoming, Transport
from device_agent.transport.filters import matches
from device_agent.waiting import first_of

STABLE_S = 60.0
"""A connection that lasted this long was a good one: the next backoff starts from the bottom."""
BEAT_S = 10.0
"""How often a link that waits says that it lives."""
FILTERS_A_SUBSCRIBE = 8
"""What AWS IoT Core takes in one SUBSCRIBE (its quota "Maximum subscriptions per subscribe request")."""

Handler = Callable[[Incoming], None]
Hook = Callable[[], Awaitable[None]]


def _no_beat() -> None:
    pass


class Link:
    """One device's way to its broker. Everything but `run` may be used by any task of the event loop."""

    def __init__(
        self,
        transport: Transport,
        endpoints: Sequence[Endpoint],
        *,
        clock: Clock,
        random: Random,
        health: Health,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        """`endpoints` are tried in this order; one without a port on 8883, then on 443 by ALPN."""
        self._transport = transport
        self._endpoints = tuple(endpoints)
        self._clock = clock
        self._health = health
        self._log = log
        self._beat: Callable[[], None] = _no_beat
        self._backoff = Backoff(random, least_s=0.05)
        self._works: dict[Endpoint, Endpoint] = {}
        self._subscriptions: list[tuple[str, Handler]] = []
        self._hooks: list[Hook] = []
        self._up = asyncio.Event()
        self._awake = asyncio.Event()
        self._awake.set()
        self._resting = asyncio.Event()
        self._ended: asyncio.Future[str] | None = None
        self._turns_away = False
        self.connected_at: int | None = None
        """Boot time, ms, of the latest moment at which a connection's subscriptions stood."""
        transport.on_message = self._dispatch

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """Have `handler` called for each message that the filter asks for, over every connection made from now on.

        At least once: the broker may deliver a message again. The handler must not block; what it raises is logged.
        A message that several filters ask for may come once for each of them, to each handler.
        """
        self._subscriptions.append((topic_filter, handler))

    def on_connect(self, hook: Hook) -> None:
        """Have `hook` awaited whenever a connection's subscriptions stand, beside the other hooks.

        What it raises is logged, save a ConnectionLostError, which ends the connection. It is cancelled when that ends.
        """
        self._hooks.append(hook)

    async def run(self, beat: Callable[[], None] = _no_beat) -> None:
        """Connect, and connect again, for ever; cancelled, it disconnects in good order.

        `beat` is called at least every 10 s, whatever it waits for.
        """
        self._beat = beat
        while True:
            await self._beating(self._awake.wait())
            try:
                await first_of(self._beating(self._live()), self._resting.wait())
            finally:
                await self._transport.disconnect()
            if not self._resting.is_set():
                await first_of(self._beating(self._clock.sleep(self._backoff.next_s())), self._resting.wait())

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection whose subscriptions stand."""
        return self._up.is_set()

    @property
    def is_resting(self) -> bool:
        """Whether it is down on purpose, until woken."""
        return self._resting.is_set()

    async def connected(self) -> None:
        """Wait until there is a connection whose subscriptions stand (a refused one is logged and not waited for)."""
        await self._up.wait()

    async def lost(self) -> str:
        """Wait until the present connection has ended; returns why. At once where there is none."""
        return "not connected" if self._ended is None else await asyncio.shield(self._ended)

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return once the broker has acknowledged the message (QoS 1). Several may be under way at once.

        Raises:
            PublishRefusedError: the broker will not have it, or it is above 128 KiB; the connection stands.
            ConnectionLostError: there is no connection, or it ended before the acknowledgement came.
        """
        if len(payload) > MAX_PAYLOAD:
            raise PublishRefusedError(topic, f"{len(payload)} bytes, above the {MAX_PAYLOAD} that a broker takes")
        connection = self._ended
        try:
            await self._transport.publish(topic, payload)
        except ConnectionLostError as error:
            # Whoever waits for `connected` next must not find this connection there.
            if connection is not None and connection is self._ended:
                self._down(str(error))
            raise

    def turn_away(self) -> None:
        """From now on take no message: the broker keeps them, as far as its session goes, for who connects next."""
        self._turns_away = True

    def rest(self) -> None:
        """Disconnect in good order and stay so until woken. Nothing is tried, and no failure counted, meanwhile."""
        self._awake.clear()
        self._resting.set()

    def wake(self) -> None:
        """Connect at once, if at rest."""
        self._resting.clear()
        self._awake.set()

    async def _live(self) -> None:
        """One round over the endpoints, and the connection that it made, if any, to its end."""
        if not await self._connect():
            return
        since = self._clock.monotonic()
        reason = "disconnected"
        try:
            await self._restore_subscriptions()
            self._connected()
            await first_of(self._call_hooks(), self._transport.lost())
            reason = await self._transport.lost()
            self._note(f"connection lost: {reason}")
        except ConnectionLostError as error:
            reason = str(error)
            self._note(f"connection lost: {reason}")
        finally:
            self._down(reason)
            if self._clock.monotonic() - since >= STABLE_S:
                self._backoff.reset()

    async def _connect(self) -> bool:
        """Try each endpoint once; returns whether one has accepted us."""
        for endpoint in self._endpoints:
            for candidate in self._candidates(endpoint):
                self._health.endpoint = str(candidate)
                self._beat()
                try:
                    await self._transport.connect(candidate)
                except ConnectRefusedError as error:
                    # Somebody answered: another port leads to the same answer.
                    self._note(str(error), logging.ERROR)
                    break
                except ConnectError as error:
                    self._works.pop(endpoint, None)
                    self._note(str(error))
                else:
                    self._works[endpoint] = candidate
                    return True
        return False

    def _candidates(self, endpoint: Endpoint) -> Iterator[Endpoint]:
        """Its ports to try, first the one that worked last."""
        latest = self._works.get(endpoint)
        if latest is not None:
            yield latest
        yield from (candidate for candidate in endpoint.candidates() if candidate != latest)

    async def _restore_subscriptions(self) -> None:
        filters = list(dict.fromkeys(topic_filter for topic_filter, _ in self._subscriptions))
        for start in range(0, len(filters), FILTERS_A_SUBSCRIBE):
            try:
                await self._transport.subscribe(filters[start : start + FILTERS_A_SUBSCRIBE])
            except SubscribeRefusedError as error:
                self._note(f"{error}; asking again at the next connection", logging.ERROR)

    async def _call_hooks(self) -> None:
        try:
            async with asyncio.TaskGroup() as calls:
                for hook in self._hooks:
                    calls.create_task(self._call(hook))
        except BaseExceptionGroup as group:
            lost, _ = group.split(ConnectionLostError)
            if lost is None:
                raise
            raise ConnectionLostError(str(lost.exceptions[0])) from group

    async def _call(self, hook: Hook) -> None:
        try:
            await hook()
        except ConnectionLostError:
            raise
        except Exception as error:  # noqa: BLE001 - a sick part must not cost the others the connection
            self._log.exception("what shall happen at a new connection failed")
            self._health.last_error = str(error)

    def _dispatch(self, message: Incoming) -> None:
        if self._turns_away:
            raise NotTakenError(message.topic)
        if len(message.payload) > MAX_PAYLOAD:
            self._note(f"a message of {len(message.payload)} bytes to {message.topic} is too large and was passed over")
            return
        for topic_filter, handler in self._subscriptions:
            if matches(topic_filter, message.topic):
                try:
                    handler(message)
                except Exception as error:  # noqa: BLE001 - a message must not take the connection down
                    self._log.exception("a message to %s could not be handled", message.topic)
                    self._health.last_error = f"{message.topic}: {error}"

    def _connected(self) -> None:
        self._ended = asyncio.get_running_loop().create_future()
        self.connected_at = self._clock.boot_ms()
        self._health.connected = True
        self._up.set()
        self._log.info("connected to %s", self._health.endpoint)

    def _down(self, reason: str) -> None:
        if self._ended is not None and not self._ended.done():
            self._health.connected = False
            self._up.clear()
            self._ended.set_result(reason)

    async def _beating(self, waiting: Awaitable[object]) -> None:
        """Await it, and beat meanwhile."""
        task = asyncio.ensure_future(waiting)
        try:
            while not task.done():
                self._beat()
                await first_of(asyncio.shield(task), self._clock.sleep(BEAT_S))
            task.result()
        finally:
            task.cancel()
            await asyncio.wait([task])

    def _note(self, what: str, level: int = logging.WARNING) -> None:
        self._health.last_error = what
        self._log.log(level, what)
