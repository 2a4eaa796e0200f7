"""One thread does the blocking, and holds up neither the loop nor the end of the process."""

import asyncio
import subprocess
import sys
import threading

import pytest

from device_agent.sensors.worker import Worker


def threads(name):
    return [thread for thread in threading.enumerate() if thread.name == name]


async def test_jobs_are_done_on_one_thread_that_is_not_the_loops():
    worker = Worker("w-1")
    seen = [await worker.start(threading.get_ident) for _ in range(5)]
    worker.end(lambda: None, 5)

    assert len(set(seen)) == 1
    assert threading.get_ident() not in seen


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError(1), StopIteration("y"), SystemExit(3), KeyboardInterrupt()]
)
async def test_what_a_job_raises_reaches_who_waits_and_the_thread_goes_on(error):
    def fail():
        raise error

    worker = Worker("w-2")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any
        await worker.start(fail)
    assert type(error).__name__ in f"{type(caught.value).__name__} {caught.value}"
    assert await worker.start(lambda: 7) == 7
    assert worker.end(lambda: None, 5)


async def test_the_loop_runs_while_a_job_blocks(eventually):
    release, worker = threading.Event(), Worker("w-3")
    job = worker.start(release.wait)

    await asyncio.sleep(0)
    assert worker.busy
    assert not job.done()
    release.set()
    await job
    assert not worker.busy


async def test_a_job_whose_waiter_left_ends_unheard(eventually):
    release, worker = threading.Event(), Worker("w-4")
    job = worker.start(release.wait)
    job.cancel()
    assert worker.busy
    release.set()
    await eventually(lambda: not worker.busy)
    assert await worker.start(lambda: 1) == 1
    worker.end(lambda: None, 5)


async def test_an_end_does_not_wait_for_a_job_that_hangs_and_the_thread_leaves_when_it_comes_back(eventually):
    release, last, worker = threading.Event(), [], Worker("w-5")
    worker.start(release.wait)

    assert not worker.end(lambda: last.append(threading.current_thread().name), 60)
    assert last == []
    release.set()
    await eventually(lambda: not threads("w-5"))
    assert last == ["w-5"]


async def test_an_idle_worker_ends_with_its_last_job_done():
    last, worker = [], Worker("w-6")
    await worker.start(lambda: None)

    assert worker.end(lambda: last.append(1), 5)
    assert last == [1]
    assert not threads("w-6")


async def test_a_last_job_that_raises_ends_the_thread_all_the_same():
    worker = Worker("w-7")
    await worker.start(lambda: None)

    assert worker.end(lambda: 1 / 0, 5)


def test_a_worker_that_never_worked_has_no_thread():
    assert Worker("w-8").end(lambda: None, 5)
    assert not threads("w-8")


def test_a_hanging_job_does_not_keep_the_process_alive():
    script = """
import asyncio, threading
from device_agent.sensors.worker import Worker

async def main():
    Worker("w").start(threading.Event().wait)

asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
