"""Whatever a package's sensor does, what comes out can be recorded, and nothing but a SensorError is raised."""

import asyncio
import math
from contextlib import suppress
from dataclasses import replace
from enum import IntEnum

import pytest

from device_agent.errors import SensorError
from device_agent.sensors import Reading
from device_agent.sensors.guarded import MOST_POSITION_CHARS, READ_LIMIT_S, GuardedSensor

GOOD = Reading(5, {"wind": 3.5}, position="7")


class Sensor:
    """Returns what it was given; calls it if that is possible."""

    def __init__(self, found, interval_s=1.0):
        self.interval_s = interval_s
        self._found = found

    async def read(self, now):
        return self._found() if callable(self._found) else self._found

    def close(self):
        raise SystemExit(4)


@pytest.fixture
def guarded(clock):
    return lambda found, **how: GuardedSensor(Sensor(found, **how), ("wind", "gust"), clock)


async def test_a_good_reading_passes_as_it_is(guarded):
    assert await guarded(GOOD).read(5) == GOOD
    assert await guarded(None).read(5) is None


class Broken(dict):
    def items(self):
        raise RuntimeError("a bug")


@pytest.mark.parametrize(
    "rubbish",
    [
        replace(GOOD, at=-1),
        replace(GOOD, at=-(10**30)),
        replace(GOOD, at=True),
        replace(GOOD, values=[("wind", 3.5)]),
        replace(GOOD, values=None),
        replace(GOOD, values=Broken()),
        replace(GOOD, faults=7),
        replace(GOOD, faults=Broken()),
        replace(GOOD, position=7),
        replace(GOOD, position="p" * (MOST_POSITION_CHARS + 1)),
        replace(GOOD, position="\ud800"),
        replace(GOOD, quality=["good"]),
        Reading,
    ],
    ids=repr,
)
async def test_what_is_no_reading_is_a_fault_of_the_sensor(guarded, rubbish):
    with pytest.raises(SensorError) as raised:
        await guarded(rubbish).read(5)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, 10**400, 2**53 + 1, None, [1], {"a": 1}, object(), "x" * 257, "\ud800", b"x", 1j],
    ids=lambda value: str(type(value)),
)
async def test_a_value_that_no_message_can_carry_is_a_fault_of_its_metric_alone(guarded, value):
    reading = await guarded(replace(GOOD, values={"wind": 3.5, "gust": value})).read(5)

    assert reading.values == {"wind": 3.5}
    assert list(reading.faults) == ["gust"]


@pytest.mark.parametrize("metric", ["relay", 5, ("a", 1), "\ud800"])
async def test_a_metric_that_it_did_not_claim_is_left_out(guarded, metric):
    reading = await guarded(replace(GOOD, values={"wind": 3.5, metric: True})).read(5)

    assert reading.values == {"wind": 3.5}
    assert list(reading.faults) == [str(metric)]


class Level(IntEnum):
    HIGH = 2


class Float(float):
    """As numpy has them."""


async def test_numbers_of_other_libraries_become_plain_ones(guarded):
    reading = await guarded(replace(GOOD, values={"wind": Float(3.5), "gust": Level.HIGH})).read(5)

    assert [(value, type(value)) for value in reading.values.values()] == [(3.5, float), (2, int)]


@pytest.mark.parametrize("interval_s", [0, -1, math.nan, math.inf, None, "1", 1e9])
def test_a_rhythm_that_nobody_can_keep_is_a_fault_of_the_sensor(guarded, interval_s):
    with pytest.raises(SensorError, match=r"interval_s: expected 0\.001 to 86400 s"):
        guarded(GOOD, interval_s=interval_s)


def raises(error):
    def read():
        raise error

    return read


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), KeyError("x"), RecursionError()], ids=repr)
async def test_nothing_that_it_raises_ends_more_than_its_reading(guarded, error):
    with pytest.raises(SensorError):
        await guarded(raises(error)).read(5)


async def test_one_that_heeds_no_end_is_not_asked_again_meanwhile(clock):
    class Deaf(Sensor):
        asked = 0
        released = asyncio.Event()

        async def read(self, now):
            self.asked += 1
            while not self.released.is_set():
                with suppress(asyncio.CancelledError):
                    await self.released.wait()
            return GOOD

    sensor = Deaf(None)
    guarded = GuardedSensor(sensor, ("wind",), clock)
    reading = asyncio.create_task(guarded.read(5))
    await clock.advance(READ_LIMIT_S)
    with pytest.raises(SensorError, match="no answer within 60 s"):
        await reading

    with pytest.raises(SensorError, match="does not heed"):
        await guarded.read(6)
    assert sensor.asked == 1

    sensor.released.set()
    await clock.advance(0)
    assert await guarded.read(7) == GOOD


def test_an_exit_in_the_middle_of_its_closing_is_its_own(guarded):
    guarded(GOOD).close()
