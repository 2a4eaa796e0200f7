"""A day of the agent's recorder, clock and storage in seconds: what it writes is counted at the port to the disk."""

import asyncio
import logging
from collections import Counter
from pathlib import Path
from random import Random
from typing import NamedTuple

from bench.agents.counted_files import CountedFiles
from device_agent.clock import ManualClock
from device_agent.health import Health
from device_agent.queue import Priority
from device_agent.recording.recorder import Recorder
from device_agent.sensors import Reading
from device_agent.storage import Storage
from device_agent.time.timekeeper import ClockSettings, Timekeeper

DAY_S = 86_400
SAMPLES_A_SECOND = 10
FLUSH_S = 10.0
QUEUE_BYTES = 64 * 2**20  # what `queue_max_mib` is without being told


class Day(NamedTuple):
    """`messages` were stored, and acknowledged as on a day with a network; `written` is bytes by file name."""

    messages: int
    written: Counter[str]


async def lived(folder: Path, seconds: int = DAY_S) -> Day:
    """From the making of queue and state file to their close: what is reserved and filled with zeros counts, too."""
    files, clock, log = CountedFiles(), ManualClock(), logging.LoggerAdapter(logging.getLogger("bench"), {})
    storage = Storage(folder / "queue", folder / "state.json", max_bytes=QUEUE_BYTES, clock=clock, log=log, files=files)
    await storage.open()
    keeper = Timekeeper(ClockSettings(), clock=clock, storage=storage, log=log)
    await keeper.open()
    recorder = Recorder(
        storage, keeper, boot="7f3a7f3a7f3a7f3a", flush_interval_s=FLUSH_S, clock=clock, health=Health(), log=log
    )
    running = [asyncio.ensure_future(part.run(lambda: None)) for part in (keeper, recorder)]
    chance = Random(1)
    messages = 0
    for second in range(seconds):
        for n in range(SAMPLES_A_SECOND):
            at = clock.boot_ms() + 1000 * n // SAMPLES_A_SECOND
            row = SAMPLES_A_SECOND * second + n
            recorder.add("machine", Reading(at, {"temperature": round(chance.uniform(20, 24), 2)}, position=str(row)))
        await clock.advance(1.0)
        # The disk's thread takes one call after the other: when this returns, what was stored is stored.
        stored = [message.id for message in await storage.peek(Priority.TELEMETRY, 0, 100)]
        if stored:
            await storage.acknowledge(stored)
        messages += len(stored)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await keeper.close()
    await storage.close()
    return Day(messages, files.written)
