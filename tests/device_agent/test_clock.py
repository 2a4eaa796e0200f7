import asyncio

from device_agent.clock import ManualClock, SystemClock


async def test_sleepers_wake_in_the_order_of_the_time_due(clock):
    woken = []

    async def sleeper(seconds):
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    tasks = [asyncio.ensure_future(sleeper(seconds)) for seconds in (3, 1, 2)]
    await clock.advance(2.5)
    assert woken == [(1, 1), (2, 2)]
    await clock.advance(0.5)
    await asyncio.gather(*tasks)
    assert woken[-1] == (3, 3)


async def test_who_sleeps_again_while_time_passes_wakes_again_within_it(clock):
    woken = []

    async def ticker():
        while True:
            await clock.sleep(1)
            woken.append(clock.monotonic())

    task = asyncio.ensure_future(ticker())
    await clock.advance(3)
    task.cancel()
    assert woken == [1, 2, 3]


async def test_setting_the_wall_clock_leaves_elapsed_time_alone():
    clock = ManualClock(1_000_000)
    await clock.advance(2)
    assert (clock.wall_ms(), clock.monotonic()) == (1_002_000, 2)
    clock.set_wall_ms(5_000)
    assert (clock.wall_ms(), clock.monotonic()) == (5_000, 2)
    await clock.advance(1)
    assert (clock.wall_ms(), clock.monotonic()) == (6_000, 3)


def test_the_system_clock_is_in_milliseconds_since_the_epoch():
    assert 1_700_000_000_000 < SystemClock().wall_ms() < 4_000_000_000_000
