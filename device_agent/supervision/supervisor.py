"""Keeps a task running: one that fails or stalls is started again after a backoff and takes no other task down."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random

from device_agent.backoff import Backoff
from device_agent.clock import Clock
from device_agent.errors import StalledError
from device_agent.supervision.heartbeats import Heartbeat

STABLE_S = 60.0
"""A task that ran this long before it failed starts its backoff afresh."""
CANCEL_S = 10.0
"""How long a cancelled task may take to clean up before it is said to ignore the cancellation, and asked again."""


async def supervise(
    name: str,
    task: Callable[[], Awaitable[None]],
    *,
    clock: Clock,
    random: Random,
    log: logging.LoggerAdapter[logging.Logger],
    on_failure: Callable[[str], None],
    heartbeat: Heartbeat | None = None,
) -> None:
    """Run `task` until it returns; when it raises, or does not beat, tell `on_failure` and run it again.

    A task that has stalled is cancelled first. There are never two of it: while it ignores the cancellation nothing
    is started, and its heartbeat stays overdue, which starves the watchdog if the task is critical. The heartbeat is
    retired when the supervision ends.
    """

    def tell(what: str) -> None:
        log.error("%s: %s", name, what)
        on_failure(f"{name}: {what}")

    backoff = Backoff(random, first_s=1.0, most_s=60.0, least_s=0.1)
    try:
        while True:
            started = clock.monotonic()
            try:
                await _run_once(task, heartbeat, clock, tell)
            except Exception as error:  # whatever it is: a sick part must not take the rest of the agent down
                if clock.monotonic() - started >= STABLE_S:
                    backoff.reset()
                delay = backoff.next_s()
                log.exception("%s failed; starting it again in %.1f s", name, delay)
                on_failure(f"{name}: {error}")
                await clock.sleep(delay)
            else:
                return
    finally:
        if heartbeat is not None:
            heartbeat.retire()


async def _run_once(
    task: Callable[[], Awaitable[None]],
    heartbeat: Heartbeat | None,
    clock: Clock,
    tell: Callable[[str], None],
) -> None:
    if heartbeat is not None:
        heartbeat.start()
    running = asyncio.ensure_future(task())
    try:
        if not await _in_time(running, heartbeat, clock):
            await _end(running, clock, tell)
            failure = None if running.cancelled() else running.exception()
            raise StalledError("it has stalled and was cancelled") from failure
    finally:
        if not running.done():
            # We are cancelled: whoever does that waits until the task has ended.
            running.cancel()
            await asyncio.wait((running,))
    if running.cancelled():
        # Nobody cancelled it from here. Passed on, this would look like the end of the supervision.
        raise StalledError("it ended as if it had been cancelled")
    running.result()


async def _in_time(running: "asyncio.Future[None]", heartbeat: Heartbeat | None, clock: Clock) -> bool:
    """Wait for the end of the task; False as soon as it goes without a beat for longer than it may."""
    if heartbeat is None:
        await asyncio.wait((running,))
        return True
    while (left_s := heartbeat.left_s) > 0:
        if await _done_within(running, left_s, clock):
            return True
    return False


async def _end(running: "asyncio.Future[None]", clock: Clock, tell: Callable[[str], None]) -> None:
    running.cancel()
    while not await _done_within(running, CANCEL_S, clock):
        tell("it has stalled and ignores that it was cancelled")
        running.cancel()


async def _done_within(running: "asyncio.Future[None]", seconds: float, clock: Clock) -> bool:
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((running, timer), return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
    return running.done()
