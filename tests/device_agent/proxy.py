"""A network in between that loses packets without a word: both ends believe that they are connected."""

import asyncio
from contextlib import suppress
from typing import Self

from device_agent.transport import Endpoint


class Proxy:
    """Forwards connections to `target`, until it is told to swallow what comes, or to refuse new ones."""

    def __init__(self, target: Endpoint) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.swallowing = False
        self.refusing = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def endpoint(self) -> Endpoint:
        assert self._server is not None
        return Endpoint("localhost", self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader, writer) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far_reader, far_writer = await asyncio.open_connection(self._target.host, self._target.port)
        try:
            await asyncio.gather(self._forward(reader, far_writer), self._forward(far_reader, writer))
        finally:
            writer.transport.abort()
            far_writer.transport.abort()
            self._tasks.discard(task)

    async def _forward(self, reader, writer) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if not self.swallowing:
                    writer.write(data)
                    await writer.drain()
            while self.swallowing:  # noqa: ASYNC110 - the end of a connection is swallowed too
                await asyncio.sleep(0.05)
        writer.transport.abort()
