"""Sends what waits in the queue without an agent: nothing is sampled, and nothing else is done."""

import asyncio
import contextlib
from random import SystemRandom
from typing import TYPE_CHECKING

from device_agent.clock import Clock, SystemClock
from device_agent.health import Health
from device_agent.link import Link
from device_agent.publishing.budget import Budget
from device_agent.publishing.publisher import Publisher
from device_agent.storage import Storage
from device_agent.thing_log import ThingLog
from device_agent.time import certificate_dates
from device_agent.time.timekeeper import Timekeeper
from device_agent.transport import Transport
from device_agent.transport.metered import MeteredTransport
from device_agent.waiting import first_of
from device_agent.wire import Addresses

if TYPE_CHECKING:
    from device_agent.config.agent import AgentConfig

LOOK_S = 1.0


async def drain(
    config: "AgentConfig", timeout_s: float, *, clock: Clock | None = None, transport: Transport | None = None
) -> tuple[int, int, str | None]:
    """Send until nothing is left or the time is over: how many messages were sent, how many are left, what went wrong.

    Raises:
        QueueError: the queue cannot be opened, or an agent has it.
    """
    clock = clock or SystemClock()
    log = ThingLog(config.thing, clock)
    storage = Storage(config.queue, config.state, max_bytes=config.queue_max_bytes, clock=clock, log=log)
    health = Health()
    await storage.open()
    try:
        if not (await storage.stats()).messages:
            return 0, 0, None
        await _send(config, storage, transport or _transport(config), timeout_s, clock, health, log)
        return health.sent, (await storage.stats()).messages, health.last_error
    finally:
        await storage.close()


async def _send(
    config: "AgentConfig",
    storage: Storage,
    transport: Transport,
    timeout_s: float,
    clock: Clock,
    health: Health,
    log: ThingLog,
) -> None:
    random = SystemRandom()
    since = await certificate_dates.floor_ms(config.certificate, config.clock, clock, log)
    timekeeper = Timekeeper(config.clock, clock=clock, storage=storage, log=log, not_before_ms=since)
    await timekeeper.open()
    budget = None
    if config.budget is not None:
        budget = Budget(
            config.budget,
            keep_alive_s=config.keep_alive_s,
            timekeeper=timekeeper,
            storage=storage,
            clock=clock,
            log=log,
            event=lambda kind, data: log.info("%s %s", kind, data),
        )
        await budget.open()
        transport = MeteredTransport(transport, budget)
    link = Link(transport, config.endpoints, clock=clock, random=random, health=health, log=log)
    link.turn_away()  # commands are for the agent
    publisher = Publisher(
        storage,
        link,
        timekeeper,
        Addresses(config.thing, basic_ingest=config.basic_ingest),
        inflight=config.inflight,
        reorder_hold_ms=config.model.reorder_hold_ms,
        clock=clock,
        random=random,
        health=health,
        log=log,
        budget=budget,
    )
    runs = (timekeeper.run, link.run, publisher.run)
    tasks = [asyncio.ensure_future(run(lambda: None)) for run in runs]
    try:
        await first_of(_empty(storage, publisher, clock), clock.sleep(timeout_s), *map(asyncio.shield, tasks))
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await timekeeper.close()
        if budget is not None:
            await budget.close()


async def _empty(storage: Storage, publisher: Publisher, clock: Clock) -> None:
    """Wait until nothing is left; what a refusal or a budget holds back is waited for, too."""
    while (await storage.stats()).messages:
        await publisher.drained()
        if (await storage.stats()).messages:
            await clock.sleep(LOOK_S)


def _transport(config: "AgentConfig") -> Transport:
    from device_agent.agent import transport

    return transport(config)
