"""A disk that hangs for longer than a stalled task is waited for: its recorder is cancelled again and again."""

import asyncio
from threading import Event

import pytest

from device_agent import wire
from device_agent.health import Health
from device_agent.queue import Priority
from device_agent.recording.recorder import Recorder
from device_agent.sensors import Reading
from device_agent.storage import Storage
from device_agent.time.timekeeper import ClockSettings, Timekeeper


@pytest.fixture
async def storage(tmp_path, clock, log):
    storage = Storage(tmp_path / "queue", tmp_path / "state", max_bytes=2**21, clock=clock, log=log)
    await storage.open()
    yield storage
    await storage.close()


@pytest.mark.parametrize("begun", [True, False], ids=["the writing has begun", "the disk hangs before it"])
async def test_however_often_it_is_cancelled_nothing_is_lost_and_no_number_is_given_twice(
    storage, clock, log, monkeypatch, begun
):
    keeper = Timekeeper(ClockSettings(), clock=clock, storage=storage, log=log)
    await keeper.open()
    recorder = Recorder(storage, keeper, boot="b1", flush_interval_s=5, clock=clock, health=Health(), log=log)
    goes_on, hangs = Event(), Event()
    queue, _ = storage._opened
    append = queue.append

    def hang(*arguments):
        hangs.set()
        goes_on.wait(20)
        append(*arguments)

    monkeypatch.setattr(queue, "append", hang)
    if not begun:
        stuck = storage._executor.submit(lambda: (hangs.set(), goes_on.wait(20)))
    recorder.add("s", Reading(clock.boot_ms(), {"n": 1.0}))
    flushing = asyncio.ensure_future(recorder.flush())
    await asyncio.to_thread(hangs.wait, 20)
    for _ in range(3):
        await asyncio.sleep(0.01)
        flushing.cancel()
    await asyncio.sleep(0.01)
    assert not flushing.done(), "a recorder whose writing is under way has not ended"
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    if not begun:
        stuck.result(20)
    recorder.add("s", Reading(clock.boot_ms() + 1, {"n": 2.0}))
    await recorder.flush()

    batches = [wire.read(message.payload) for message in await storage.peek(Priority.TELEMETRY, 0, 99)]
    assert [(batch.seq, values["n"]) for batch in batches for _, values, _ in batch.m] == [(0, 1.0), (1, 2.0)]
