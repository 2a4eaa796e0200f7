"""The agent's tasks: each is supervised and has a heartbeat."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random

from device_agent.clock import Clock
from device_agent.health import Health
from device_agent.supervision.heartbeats import Heartbeats
from device_agent.supervision.supervisor import supervise

Run = Callable[[Callable[[], None]], Awaitable[None]]
"""Works until it is cancelled, and calls what it is given within its limit, again and again."""

LIMIT_S = 60.0
"""A task may be silent for so long: several times what any of them lets pass between two beats."""


class Tasks:
    """Starts tasks and ends them. Whatever one of them dies of stays with it."""

    def __init__(
        self,
        heartbeats: Heartbeats,
        *,
        clock: Clock,
        random: Random,
        health: Health,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._heartbeats = heartbeats
        self._clock = clock
        self._random = random
        self._health = health
        self._log = log
        self._running: set[asyncio.Task[None]] = set()

    def start(self, name: str, run: Run, *, limit_s: float = LIMIT_S, critical: bool = False) -> asyncio.Task[None]:
        """Have `run` running until it returns or the task is ended. A critical one that stalls starves the watchdog."""
        heartbeat = self._heartbeats.register(name, limit_s, critical=critical)
        task = asyncio.get_running_loop().create_task(
            supervise(
                name,
                lambda: run(heartbeat),
                clock=self._clock,
                random=self._random,
                log=self._log,
                on_failure=self._note,
                heartbeat=heartbeat,
            ),
            name=name,
        )
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def end(self, *tasks: asyncio.Task[None]) -> None:
        """Cancel these, or all without any, and wait until they have ended."""
        ending = tasks or tuple(self._running)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    def _note(self, what: str) -> None:
        self._health.last_error = what
