"""What the transports over sockets share: one connection from its opening to its end, and a transport of such."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from device_agent.errors import ConnectError, ConnectionLostError, PublishRefusedError, SubscribeRefusedError
from device_agent.transport import Deliver, Endpoint, Incoming, ignore
from device_agent.transport.options import TransportOptions

T = TypeVar("T")
Answer = asyncio.Future[Sequence[str | None]]
"""What the broker says to each thing that one packet asked for: None is yes, a text the reason of a refusal.

One that will never come stays pending: then the connection has ended.
"""


class Connection(ABC):
    """One client of a library. Made and used on the event loop; after `close` make another."""

    answer_timeout_s: float | None = None
    """How long an answer is waited for, where the library does not see to that."""

    def __init__(self, options: TransportOptions, endpoint: Endpoint, deliver: Deliver) -> None:
        self.options = options
        self.endpoint = endpoint
        self.deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._accepted: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[str] = self._loop.create_future()

    @abstractmethod
    def start(self) -> None:
        """Begin to connect; raises ConnectError. `accept` or `fail` is called later, from any thread by `soon`."""

    @abstractmethod
    def send_publish(self, topic: str, payload: bytes) -> Answer: ...

    @abstractmethod
    def send_subscribe(self, filters: Sequence[str]) -> Answer: ...

    @abstractmethod
    async def stop(self) -> None:
        """Disconnect in good order if connected, and let go of the socket."""

    async def open(self) -> None:
        self.start()
        try:
            async with asyncio.timeout(self.options.connect_timeout_s):
                await asyncio.shield(self._accepted)
        except TimeoutError as error:
            raise ConnectError(f"{self.endpoint}: no answer in {self.options.connect_timeout_s:g} s") from error

    async def publish(self, topic: str, payload: bytes) -> None:
        self._check_open()
        [refusal] = await self._result(self.send_publish(topic, payload))
        if refusal is not None:
            raise PublishRefusedError(topic, refusal)

    async def subscribe(self, filters: Sequence[str]) -> None:
        self._check_open()
        if not filters:
            return
        answers = zip(filters, await self._result(self.send_subscribe(filters)), strict=True)
        if refused := {wanted: refusal for wanted, refusal in answers if refusal is not None}:
            raise SubscribeRefusedError(refused)

    async def lost(self) -> str:
        return await asyncio.shield(self._ended)

    async def close(self) -> None:
        self.end("disconnected")
        await self.stop()

    def soon(self, call: Callable[[], object]) -> None:
        """Have it called on the event loop; from any thread."""
        # A loop that is closed belongs to a process that is on its way out: nobody waits for the news.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def accept(self) -> None:
        set_once(self._accepted, None)

    def fail(self, error: ConnectError) -> None:
        if not self._accepted.done():
            self._accepted.set_exception(error)
            # Nobody may be waiting any more: `open` gave up.
            self._accepted.exception()
        self.end(str(error))

    def end(self, reason: str) -> None:
        """The connection is no more; the first reason counts."""
        set_once(self._ended, reason)

    @property
    def has_ended(self) -> bool:
        return self._ended.done()

    @property
    def was_accepted(self) -> bool:
        return self._accepted.done() and self._accepted.exception() is None

    def _check_open(self) -> None:
        if self._ended.done():
            raise ConnectionLostError(self._ended.result())

    async def _result(self, answer: Answer) -> Sequence[str | None]:
        await asyncio.wait((answer, self._ended), timeout=self.answer_timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            self.end(f"what was sent was not acknowledged: no answer in {self.answer_timeout_s} s")
            raise ConnectionLostError(self._ended.result())
        return answer.result()


class ConnectionTransport(ABC):
    """A Transport whose every connection is an object of its own."""

    def __init__(self, options: TransportOptions) -> None:
        self.on_message: Deliver = ignore
        self._options = options
        self._connection: Connection | None = None

    @abstractmethod
    def make(self, options: TransportOptions, endpoint: Endpoint, deliver: Deliver) -> Connection: ...

    async def connect(self, endpoint: Endpoint) -> None:
        await self.disconnect()
        connection = self.make(self._options, endpoint.candidates()[0], self._deliver)
        self._connection = connection
        try:
            await connection.open()
        except BaseException:
            self._connection = None
            await connection.close()
            raise

    async def subscribe(self, filters: Sequence[str]) -> None:
        await self._present().subscribe(filters)

    async def publish(self, topic: str, payload: bytes) -> None:
        await self._present().publish(topic, payload)

    async def lost(self) -> str:
        return "not connected" if self._connection is None else await self._connection.lost()

    async def disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    def _present(self) -> Connection:
        if self._connection is None:
            raise ConnectionLostError("not connected")
        return self._connection

    def _deliver(self, message: Incoming) -> None:
        self.on_message(message)


def set_once(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)
