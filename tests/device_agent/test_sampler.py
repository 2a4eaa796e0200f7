"""A sensor is read in its rhythm; what is handed on has growing times, and only fresh values are good."""

import asyncio
import itertools
import logging
import math
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.clock import ManualClock
from device_agent.errors import SensorError
from device_agent.sampler import BEAT_S, MOST_FAULT_CHARS, Sampler
from device_agent.sensors import Reading

LOG = logging.LoggerAdapter(logging.getLogger("device_agent.test"), {})


class Scripted:
    """Answers as it is told: a Reading, values, an exception, or None for the end; the last one again and again."""

    def __init__(self, *answers, interval_s=1.0):
        self.interval_s = interval_s
        self.asked = []
        self._answers = list(answers)

    async def read(self, now):
        self.asked.append(now)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return Reading(now, answer) if isinstance(answer, dict) else answer

    def close(self):
        pass


@pytest.fixture
def sampling(clock, log):
    @asynccontextmanager
    async def run(sensor, **options):
        taken = []
        sampler = Sampler("s", sensor, lambda name, reading: taken.append(reading), clock=clock, log=log, **options)
        task = asyncio.create_task(sampler.run())
        await clock.advance(0)
        yield sampler, taken
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return run


FAULT = SensorError("no answer")


async def test_a_sensor_is_read_at_once_and_then_at_its_interval(sampling, clock):
    async with sampling(Scripted({"t": 1.0}, interval_s=2)) as (_, taken):
        await clock.advance(6)

    assert [reading.at for reading in taken] == [60_000, 62_000, 64_000, 66_000]


async def test_the_rhythm_does_not_drift_with_the_time_that_a_reading_takes(sampling, clock):
    class Slow(Scripted):
        async def read(self, now):
            reading = await super().read(now)
            await clock.sleep(0.3)
            return reading

    sensor = Slow({"t": 1.0})
    async with sampling(sensor):
        await clock.advance(3.5)

    assert sensor.asked == [60_000, 61_000, 62_000, 63_000]


async def test_missed_beats_are_left_out_and_the_rhythm_stays(sampling, clock):
    class OnceSlow(Scripted):
        async def read(self, now):
            if len(self.asked) == 1:
                self.asked.append(now)
                await clock.sleep(3.4)
            return await super().read(now)

    sensor = OnceSlow({"t": 1.0})
    async with sampling(sensor):
        await clock.advance(7)

    assert sensor.asked == [60_000, 61_000, 61_000, 65_000, 66_000, 67_000]


async def test_a_wall_clock_that_is_set_changes_nothing(sampling, clock):
    sensor = Scripted({"t": 1.0})
    async with sampling(sensor):
        await clock.advance(1)
        clock.set_wall_ms(0)
        await clock.advance(1)
        clock.set_wall_ms(4_000_000_000_000)
        await clock.advance(1)

    assert sensor.asked == [60_000, 61_000, 62_000, 63_000]


@given(times=st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=20))
def test_times_grow_strictly_and_are_never_ahead_whatever_the_sensor_says(times):
    async def run():
        clock, taken = ManualClock(), []
        sensor = Scripted(*(Reading(at, {"t": 1.0}) for at in times), None, interval_s=0.5)
        sampler = Sampler(
            "s", sensor, lambda _, reading: taken.append((clock.boot_ms(), reading)), clock=clock, log=LOG
        )
        task = asyncio.create_task(sampler.run())
        await clock.advance(len(times))
        await task
        return taken

    taken = asyncio.run(run())
    assert len(taken) == len(times)
    assert all(a.at < b.at for (_, a), (_, b) in itertools.pairwise(taken))
    assert all(reading.at <= now for now, reading in taken)


async def test_readings_within_one_millisecond_get_times_of_their_own(clock, log):
    taken = []
    sampler = Sampler("s", Scripted({"t": 1.0}), lambda _, reading: taken.append(reading.at), clock=clock, log=log)
    for _ in range(3):
        await sampler._sample()

    assert taken == [60_000, 60_001, 60_002]


async def test_a_sensor_without_more_readings_ends_its_task(sampling, clock):
    async with sampling(Scripted({"t": 1.0}, None)) as (sampler, taken):
        await clock.advance(5)

    assert sampler.status.ended
    assert len(taken) == 1


@pytest.mark.parametrize("fault", [FAULT, ValueError("bits"), ZeroDivisionError()])
async def test_whatever_a_sensor_raises_is_counted_with_its_reason_and_the_next_reading_is_due_as_usual(
    sampling, clock, fault
):
    async with sampling(Scripted({"t": 1.0}, fault, {"t": 2.0})) as (sampler, taken):
        await clock.advance(1)
        assert str(fault) in sampler.status.fault
        await clock.advance(1)

    assert sampler.status.faults == 1
    assert sampler.status.fault is None
    assert str(fault) in sampler.status.last_fault
    assert [(reading.at, dict(reading.values), reading.quality) for reading in taken] == [
        (60_000, {"t": 1.0}, "good"),
        (61_000, {"t": 1.0}, "stale"),
        (62_000, {"t": 2.0}, "good"),
    ]


async def test_stale_values_are_said_once_and_then_once_a_minute(sampling, clock):
    async with sampling(Scripted({"t": 1.0}, FAULT)) as (sampler, taken):
        await clock.advance(130)

    assert [(reading.at, reading.quality) for reading in taken[1:]] == [
        (61_000, "stale"),
        (121_000, "stale"),
        (181_000, "stale"),
    ]
    assert sampler.status.faults == 130
    assert sampler.status.fresh_at == 60_000


async def test_values_that_were_fresh_meanwhile_are_said_to_be_stale_again_at_once(sampling, clock):
    async with sampling(Scripted({"t": 1.0}, FAULT, {"t": 2.0}, FAULT)) as (_, taken):
        await clock.advance(3)

    assert [(reading.values["t"], reading.quality) for reading in taken] == [
        (1.0, "good"),
        (1.0, "stale"),
        (2.0, "good"),
        (2.0, "stale"),
    ]


async def test_a_sensor_that_never_worked_says_nothing(sampling, clock):
    async with sampling(Scripted(FAULT)) as (_, taken):
        await clock.advance(10)

    assert taken == []


async def test_one_faulty_value_goes_stale_and_the_others_stay_fresh(sampling, clock):
    whole = {"t": 1.0, "h": 40.0}
    half = Reading(61_000, {"t": 2.0}, faults={"h": "expected a number up to 100 %, got 187"})
    async with sampling(Scripted(whole, half, whole)) as (sampler, taken):
        await clock.advance(1)
        assert sampler.status.fault == "h: expected a number up to 100 %, got 187"
        await clock.advance(1)

    assert [(dict(reading.values), reading.quality) for reading in taken] == [
        (whole, "good"),
        ({"t": 2.0}, "good"),
        ({"h": 40.0}, "stale"),
        (whole, "good"),
    ]
    assert all(not reading.faults for reading in taken)


async def test_a_position_is_handed_on_even_without_values(sampling, clock):
    async with sampling(Scripted(Reading(1, {}, position="7"))) as (_, taken):
        pass

    assert [reading.position for reading in taken] == ["7"]


async def test_a_fault_is_told_in_a_text_that_can_be_written_and_is_not_endless(sampling, caplog):
    async with sampling(Scripted(OSError("/dev/\udcff: " + "x" * 1_000_000))) as (sampler, _):
        assert sampler.status.fault.startswith("OSError: /dev/\\udcff: xxx")
        assert len(sampler.status.fault) == MOST_FAULT_CHARS
        assert sampler.status.last_fault == sampler.status.fault
    assert len(caplog.text) < 2 * MOST_FAULT_CHARS


async def test_a_lasting_fault_is_logged_once_a_minute_and_the_recovery_once(sampling, clock, caplog):
    caplog.set_level("INFO")
    async with sampling(Scripted({"t": 1.0}, *[FAULT] * 100, {"t": 2.0})):
        await clock.advance(110)

    assert [record.getMessage() for record in caplog.records] == ["s: no answer", "s: no answer", "s is well again"]


async def test_the_heart_beats_while_it_waits_for_a_distant_reading(sampling, clock):
    beats = []
    async with sampling(Scripted({"t": 1.0}, interval_s=3600), beat=lambda: beats.append(clock.boot_ms())) as (
        _,
        taken,
    ):
        await clock.advance(3600)

    assert max(b - a for a, b in itertools.pairwise(beats)) <= BEAT_S * 1000
    assert len(taken) == 2


async def test_a_stretched_interval_takes_effect_while_it_waits(sampling, clock):
    factor = 1.0
    sensor = Scripted({"t": 1.0}, interval_s=60)
    async with sampling(sensor, interval_factor=lambda: factor):
        await clock.advance(15)
        factor = 0.5
        await clock.advance(30)
        factor = 2.0
        await clock.advance(120)

    assert sensor.asked == [60_000, 90_000, 210_000]


async def test_a_suspended_machine_reads_soon_after_it_wakes(sampling, clock):
    sensor = Scripted({"t": 1.0}, interval_s=600)
    async with sampling(sensor):
        await clock.advance(5)
        clock._booted_at -= 7200  # boot time counts through a suspend; elapsed time does not
        await clock.advance(BEAT_S)

    assert len(sensor.asked) == 2


async def test_a_thousand_readings_a_second_are_kept_up_by_whole_milliseconds(clock, log):
    """The clock wakes a sleeper late by a fraction of a ms each time, as a real one does."""

    class Late(ManualClock):
        async def sleep(self, seconds):
            await super().sleep(seconds + 0.0003)

        def boot_ms(self):
            return math.floor((self._elapsed - self._booted_at) * 1000)

    clock, taken = Late(), []
    sampler = Sampler(
        "s", Scripted({"t": 1.0}, interval_s=0.001), lambda *given: taken.append(given), clock=clock, log=log
    )
    task = asyncio.create_task(sampler.run())
    await clock.advance(1)
    task.cancel()

    assert 990 <= len(taken) <= 1010


async def test_short_stalls_at_a_high_rate_are_made_up_for(sampling, clock):
    class Stalling(Scripted):
        async def read(self, now):
            reading = await super().read(now)
            if len(self.asked) % 100 == 0:
                await clock.sleep(0.02)
            return reading

    sensor = Stalling({"t": 1.0}, interval_s=0.001)
    async with sampling(sensor):
        await clock.advance(1)

    assert 980 <= len(sensor.asked) <= 1001


ANSWERS = st.one_of(
    st.floats(0, 100).map(lambda value: {"t": value}),
    st.sampled_from([SensorError("x"), RuntimeError("y")]),
    st.just(Reading(0, {}, faults={"t": "rubbish"})),
)


@given(answers=st.lists(ANSWERS, min_size=1, max_size=30))
def test_an_old_value_is_never_handed_on_as_a_good_one(answers):
    async def run():
        clock, taken = ManualClock(), []
        sensor = Scripted(*answers, None)
        sampler = Sampler("s", sensor, lambda _, reading: taken.append(reading), clock=clock, log=LOG)
        task = asyncio.create_task(sampler.run())
        await clock.advance(len(answers) + 1)
        await task
        return sampler, taken

    sampler, taken = asyncio.run(run())
    fresh = [answer["t"] for answer in answers if isinstance(answer, dict)]
    assert [reading.values["t"] for reading in taken if reading.quality == "good"] == fresh
    assert sampler.status.faults == len(answers) - len(fresh)
    assert {reading.quality for reading in taken} <= {"good", "stale"}
