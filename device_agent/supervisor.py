"""Keeps a task running: one that fails is started again after a backoff and takes no other task down."""

import logging
from collections.abc import Awaitable, Callable
from random import Random

from device_agent.backoff import Backoff
from device_agent.clock import Clock

STABLE_S = 60.0
"""A task that ran this long before it failed starts its backoff afresh."""


async def supervise(
    name: str,
    task: Callable[[], Awaitable[None]],
    *,
    clock: Clock,
    random: Random,
    log: logging.LoggerAdapter[logging.Logger],
    on_failure: Callable[[str], None],
) -> None:
    """Run `task` until it returns; when it raises, tell `on_failure` and run it again."""
    backoff = Backoff(random, first_s=1.0, most_s=60.0, least_s=0.1)
    while True:
        started = clock.monotonic()
        try:
            await task()
        except Exception as error:  # whatever it is: a sick part must not take the rest of the agent down
            if clock.monotonic() - started >= STABLE_S:
                backoff.reset()
            delay = backoff.next_s()
            log.exception("%s failed; starting it again in %.1f s", name, delay)
            on_failure(f"{name}: {error}")
            await clock.sleep(delay)
        else:
            return
