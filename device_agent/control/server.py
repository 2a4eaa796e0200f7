"""The control socket: how the command talks to the agent that runs, and nobody else does."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from contract.errors import ContractError
from device_agent.clock import Clock
from device_agent.control import protocol
from device_agent.control.place import connect, is_allowed, listen
from device_agent.errors import AgentError, ControlError, NotRunningError
from device_agent.waiting import first_of

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

IDLE_S: Final = 10.0
"""A client that says nothing for so long is sent away."""
ANSWER_S: Final = 60.0
"""A handler that takes longer is given up."""
MOST_CLIENTS: Final = 8
BEAT_S: Final = 5.0

Handler = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Answers a method's `params` with what JSON can hold. What it raises is answered with its message."""


class ControlServer:
    """Answers requests with the handlers that it is given, by method; `run` works until it is cancelled."""

    def __init__(
        self,
        path: Path,
        group: int | None,
        handlers: Mapping[str, Handler],
        *,
        thing: str,
        clock: Clock,
        log: "LoggerAdapter[Logger]",
    ) -> None:
        self._path = path
        self._group = group
        self._handlers = handlers
        self._thing = thing
        self._clock = clock
        self._log = log
        self._clients: set[asyncio.Task[None]] = set()

    async def run(self, beat: Callable[[], None]) -> None:
        """Listen for ever. Raises ControlError if that is not possible."""
        listening = listen(self._path, self._group)
        server = await asyncio.start_unix_server(self._accept, sock=listening, limit=protocol.MAX_REQUEST_BYTES)
        try:
            while True:
                beat()
                await self._clock.sleep(BEAT_S)
        finally:
            server.close()
            for client in self._clients:
                client.cancel()
            # A socket that stays where the disk refuses is taken away by the next start.
            with suppress(OSError):
                self._path.unlink()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        refusal = self._refusal(writer)
        try:
            # One that is refused is heard first: a client whose request cannot be sent does not look for an answer.
            while (line := await self._next(reader)) is not None:
                writer.write(refusal or await self._answer(line))
                await first_of(writer.drain(), self._clock.sleep(IDLE_S))
                if refusal is not None:
                    return
        except ConnectionError:
            pass  # the client went away
        finally:
            writer.close()

    def _refusal(self, writer: asyncio.StreamWriter) -> bytes | None:
        if not is_allowed(writer.get_extra_info("socket"), self._group):
            return protocol.write_error("permission", "only root and the agent's own user are answered")
        if len(self._clients) > MOST_CLIENTS:
            return protocol.write_error("busy", f"{MOST_CLIENTS} others are connected")
        return None

    async def _next(self, reader: asyncio.StreamReader) -> bytes | None:
        """The next request; None once there is none."""
        line = asyncio.ensure_future(reader.readuntil())
        await first_of(_quiet(line), self._clock.sleep(IDLE_S))
        if line.cancelled():
            return None
        if (error := line.exception()) is not None:
            if isinstance(error, asyncio.LimitOverrunError):
                raise ConnectionError("the request is too long")
            return None
        return line.result()

    async def _answer(self, line: bytes) -> bytes:
        try:
            request = protocol.read_request(line)
            result = asyncio.ensure_future(self._handler(request)(request.params))
            await first_of(_quiet(result), self._clock.sleep(ANSWER_S))
            if result.cancelled():
                return protocol.write_error("timeout", f"{request.method} took longer than {ANSWER_S:g} s")
            return protocol.write_result(result.result())
        except ControlError as error:
            return protocol.write_error(error.kind, str(error))
        except (AgentError, ContractError) as error:
            return protocol.write_error(type(error).__name__, str(error))
        except Exception as error:  # noqa: BLE001 - a request must not take the agent down
            self._log.exception("a request over the control socket failed")
            return protocol.write_error("internal", f"{type(error).__name__}: {error}")

    def _handler(self, request: protocol.Request) -> Handler:
        if request.thing not in (None, self._thing):
            raise ControlError(f"this is {self._thing}, not {request.thing}", protocol.OTHER_THING)
        handler = self._handlers.get(request.method)
        if handler is None:
            raise ControlError(f"expected one of {', '.join(self._handlers)}, got {request.method!r}", "unknown_method")
        return handler


def call(
    path: Path,
    method: str,
    params: Mapping[str, Any] | None = None,
    *,
    thing: str | None = None,
    timeout_s: float = ANSWER_S + 5,
) -> Any:
    """Ask the agent of `thing` (None: of whichever) that listens at `path`; blocks.

    Raises:
        NotRunningError: no agent listens there, or that of another thing.
        ControlError: it answered with an error, whose `kind` is given, or not in time.
    """
    with connect(path, timeout_s) as connection:
        try:
            connection.sendall(protocol.write_request(protocol.Request(method, dict(params or {}), thing)))
            return protocol.read_response(_line(connection, time.monotonic() + timeout_s))
        except ControlError as error:
            if error.kind == protocol.OTHER_THING:
                raise NotRunningError(f"no agent of {thing} listens at {path}") from error
            raise
        except TimeoutError as error:
            raise ControlError(f"the agent did not answer within {timeout_s:g} s", "timeout") from error
        except OSError as error:
            raise ControlError(f"the agent hung up: {error}") from error


def _line(connection: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        part = connection.recv(65_536)
        if not part:
            raise ControlError("the agent hung up")
        received += part
        if len(received) > protocol.MAX_RESPONSE_BYTES:
            raise ControlError(f"the answer is longer than {protocol.MAX_RESPONSE_BYTES} bytes")
    return bytes(received)


async def _quiet(future: "asyncio.Future[Any]") -> None:
    """Wait for a future and leave its error in it; cancelled, it cancels the future."""
    try:
        await asyncio.wait([future])
    except asyncio.CancelledError:
        future.cancel()
        await asyncio.wait([future])
        raise
