"""Commands from the cloud: each is done once, in time, or not at all, and is answered.

A command is DELIVERED once it is remembered durably; only then anything is done. So after whatever crash an id that
comes again was either never taken, or is known: it is answered as it was, or as interrupted. Only what is harmless is
done even if it cannot be remembered.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from contract import documents, topics
from contract.documents import CommandRequest, ReportedStatus
from contract.errors import DocumentError, TopicError
from device_agent.clock import Clock
from device_agent.commands.handlers import Handler
from device_agent.commands.log import Answer, CommandLog
from device_agent.errors import QueueError
from device_agent.storage import Storage
from device_agent.waiting import first_of

if TYPE_CHECKING:
    from device_agent.link import Link
    from device_agent.transport import Incoming

BEAT_S: Final = 5.0
MOST_AT_ONCE: Final = 16
"""So many commands may be under way; with more, new ones are refused as busy."""
MOST_HARMLESS_AT_ONCE: Final = 64
"""So many, if the one in question is harmless: what makes safe must not find the device too busy."""
MOST_ARRIVALS: Final = 256
"""So many messages may wait to be looked at; more are counted and dropped."""
MOST_FLEETING: Final = 256
"""Of so many commands that are not remembered durably the answers are known, until the process ends."""
LONGEST_LIFE_MS: Final = 24 * 3600 * 1000
"""A command that could act so long after it was asked for is a mistake, and its id had to be remembered as long."""
FUTURE_MS: Final = 5 * 60 * 1000
"""How far the clocks of who asked and of this device may be apart."""
PROGRESS_S: Final = 5.0
"""Between two reports of progress of one command."""
LONGEST_RUN_S: Final = 900.0


class Answers(Protocol):
    """What of the recorder answers commands."""

    def response(
        self,
        command_id: str,
        status: ReportedStatus,
        *,
        at: int | None = None,
        result: dict[str, Any] | None = None,
        reason: str | None = None,
    ) -> None: ...

    async def flush(self) -> None: ...


class Time(Protocol):
    """What of the timekeeper tells whether a command has expired."""

    @property
    def synced(self) -> bool: ...

    def wall_ms(self) -> int: ...


class Commands:
    """Made before the link runs; `run` works until it is cancelled.

    `malformed` counts messages that name no command that could be answered, `overflowed` those dropped unread.
    """

    def __init__(
        self,
        link: "Link",
        thing: str,
        *,
        recorder: Answers,
        storage: Storage,
        timekeeper: Time,
        clock: Clock,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._thing = thing
        self._recorder = recorder
        self._known = CommandLog(storage, log)
        self._time = timekeeper
        self._clock = clock
        self._log = log
        self._handlers: dict[str, Handler] = {}
        self._arrivals = deque["Incoming"]()
        self._arrived = asyncio.Event()
        self._fleeting: OrderedDict[str, Answer] = OrderedDict()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loaded = False
        self._forgotten_before: int | None = None
        self.malformed = 0
        self.overflowed = 0
        link.subscribe(topics.filter_command_requests(thing), self._receive)

    def register(self, name: str, handler: Handler) -> None:
        """Have `handler` do the commands of this name. Raises ValueError if it is taken."""
        if name in self._handlers:
            raise ValueError(f"command name: expected one that is not taken, got {name!r}")
        self._handlers[name] = handler

    async def run(self, beat: Callable[[], None]) -> None:
        """Take and do commands for ever; beats every BEAT_S or sooner."""
        if not self._loaded:
            if not await self._known.load():
                self._forgotten_before = self._time.wall_ms()
            self._loaded = True
        for command_id in self._known.unfinished():
            await self._finish(command_id, Answer("FAILED", "interrupted: the agent was restarted; it is not repeated"))
        try:
            while True:
                beat()
                self._arrived.clear()
                while self._arrivals:
                    await self._admit(self._arrivals.popleft())
                    beat()
                await first_of(self._arrived.wait(), self._clock.sleep(BEAT_S))
        finally:
            await self._cancel_all()

    def _receive(self, message: "Incoming") -> None:
        if len(self._arrivals) == MOST_ARRIVALS:
            if self.overflowed % MOST_ARRIVALS == 0:
                self._log.warning("commands come faster than they can be looked at: some are dropped unread")
            self.overflowed += 1
            return
        self._arrivals.append(message)
        self._arrived.set()

    async def _admit(self, message: "Incoming") -> None:
        try:
            topic = topics.parse(message.topic)
        except TopicError as error:
            self.malformed += 1
            self._log.warning("a message on %s is ignored: %s", message.topic, error)
            return
        if topic.kind != "command_request" or topic.thing != self._thing:
            self.malformed += 1
        elif topic.id in self._known:
            if (answer := self._known.answer(topic.id)) is not None:
                self._respond(topic.id, answer)
        elif topic.id in self._fleeting:
            self._respond(topic.id, self._fleeting[topic.id])
        elif topic.id not in self._running:
            await self._judge(topic.id, message.payload)

    async def _judge(self, command_id: str, payload: bytes) -> None:
        try:
            request = documents.decode(CommandRequest, payload)
        except DocumentError as error:
            self._refuse(command_id, Answer("REJECTED", str(error)))
            return
        if (refusal := self._refusal(command_id, request)) is not None:
            self._refuse(command_id, refusal)
            return
        handler = self._handlers[request.name]
        if (why := await self._remember(request)) is not None and not handler.is_harmless(request.parameters):
            self._refuse(command_id, Answer("REJECTED", why))
            return
        self._recorder.response(command_id, "DELIVERED")
        self._log.info("command %s: %s", command_id, request.name)
        self._running[command_id] = asyncio.create_task(self._do(request, handler))

    def _refusal(self, command_id: str, request: CommandRequest) -> Answer | None:
        if request.id != command_id:
            return Answer("REJECTED", f"its id is {request.id}, and its topic's {command_id}")
        if (untimely := self._untimely(request)) is not None:
            return untimely
        if (complaint := self._complaint(request)) is not None:
            return Answer("REJECTED", complaint)
        harmless = self._handlers[request.name].is_harmless(request.parameters)
        if len(self._running) >= (MOST_HARMLESS_AT_ONCE if harmless else MOST_AT_ONCE):
            return Answer("REJECTED", f"busy: {len(self._running)} commands are under way")
        return None

    async def _remember(self, request: CommandRequest) -> str | None:
        """Make it durable that it is taken; why not, if that cannot be."""
        if self._known.is_full(self._time.wall_ms()):
            return "busy: too many commands have not expired yet"
        try:
            await self._known.take(request.id, request.expires_at)
        except QueueError as error:
            return f"it cannot be remembered, so it is not done: {error}"
        return None

    def _complaint(self, request: CommandRequest) -> str | None:
        if (handler := self._handlers.get(request.name)) is None:
            known = ", ".join(sorted(self._handlers)) or "none"
            return f"no command {request.name!r} on this device; there are: {known}"
        return handler.complaint(request.parameters)

    def _untimely(self, request: CommandRequest) -> Answer | None:
        """Why this is not the time for it. Without knowing the time, nobody knows that it has not expired."""
        if not self._time.synced:
            return Answer("REJECTED", "the device does not know the time yet, so it cannot tell whether this expired")
        now = self._time.wall_ms()
        if now >= request.expires_at:
            return Answer("EXPIRED", f"it expired {(now - request.expires_at) / 1000:.1f} s ago")
        if request.created_at > now + FUTURE_MS:
            ahead = (request.created_at - now) / 1000
            return Answer("REJECTED", f"created_at is {ahead:.0f} s ahead of the device's time")
        if request.expires_at > now + LONGEST_LIFE_MS:
            return Answer("REJECTED", f"expires_at: expected at most {LONGEST_LIFE_MS // 3_600_000} h from now")
        if self._forgotten_before is not None and request.created_at < self._forgotten_before:
            return Answer("REJECTED", "it is older than what the device remembers of commands")
        return None

    async def _do(self, request: CommandRequest, handler: Handler) -> None:
        answer = self._untimely(request)  # storing takes its time
        if answer is None:
            progress = _Progress(request.id, self._recorder, self._clock)
            try:
                async with asyncio.timeout(LONGEST_RUN_S):
                    answer = await handler.run(request.id, request.parameters, progress)
            except TimeoutError:
                answer = Answer("FAILED", f"it took more than {LONGEST_RUN_S:.0f} s")
            except Exception as error:  # noqa: BLE001 - whatever it is, the command must be answered
                self._log.exception("command %s failed", request.id)
                answer = Answer("FAILED", f"an error in the agent: {error}")
        await self._finish(request.id, answer)
        self._running.pop(request.id, None)

    async def _finish(self, command_id: str, answer: Answer) -> None:
        self._respond(command_id, answer)
        try:
            await self._recorder.flush()
        except QueueError as error:
            self._log.warning("the answer to command %s waits in memory: %s", command_id, error)
        if command_id in self._known:
            await self._known.finish(command_id, answer)
        else:
            self._keep(command_id, answer)

    def _refuse(self, command_id: str, answer: Answer) -> None:
        self._log.warning("command %s: %s, %s", command_id, answer.status, answer.reason)
        self._keep(command_id, answer)
        self._respond(command_id, answer)

    def _keep(self, command_id: str, answer: Answer) -> None:
        self._fleeting[command_id] = answer.shortened()
        if len(self._fleeting) > MOST_FLEETING:
            self._fleeting.popitem(last=False)

    def _respond(self, command_id: str, answer: Answer) -> None:
        self._recorder.response(command_id, answer.status, result=answer.result, reason=answer.reason)

    async def _cancel_all(self) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()


class _Progress:
    """Reports what a handler tells of its progress, not too often."""

    def __init__(self, command_id: str, recorder: Answers, clock: Clock) -> None:
        self._command_id = command_id
        self._recorder = recorder
        self._clock = clock
        self._next = clock.monotonic()

    def __call__(self, result: Mapping[str, Any]) -> None:
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + PROGRESS_S
            self._recorder.response(self._command_id, "IN_PROGRESS", result=dict(result))
