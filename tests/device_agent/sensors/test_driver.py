"""A blocking driver hangs, raises and returns rubbish without harm to anybody else."""

import asyncio
import itertools
import logging
import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import models
from device_agent.clock import ManualClock
from device_agent.errors import GpioError, SensorError
from device_agent.sampler import Sampler
from device_agent.sensors import Host
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings, FunctionDriver, Output
from device_agent.sensors.units import conversion

LOG = logging.LoggerAdapter(logging.getLogger("device_agent.test"), {})


class Bench:
    """A driver that does what it is told, and counts."""

    def __init__(self, measure=lambda: {"t": 1.0}):
        self.measure_ = measure
        self.opened = self.closed = self.measured = 0
        self.open_error = None

    def open(self, host):
        self.opened += 1
        if self.open_error is not None:
            raise self.open_error
        return self

    def measure(self):
        self.measured += 1
        return self.measure_()

    def close(self):
        self.closed += 1


T = ReadingDescription(key="t", unit="Cel", minimum=-40, maximum=85, read=lambda sample: sample["t"])
H = ReadingDescription(key="h", unit="%", minimum=0, maximum=100, read=lambda sample: sample["h"])


@pytest.fixture
def driven(host):
    sensors = []

    def make(bench, *readings, timeout_s=5.0):
        outputs = tuple(Output(reading.key, reading) for reading in readings or (T,))
        sensor = DriverSettings("s", 1.0, timeout_s, outputs, bench.open).make(host(), None)
        sensors.append(sensor)
        return sensor

    yield make
    for sensor in sensors:
        sensor.close()


async def timed_out(sensor, clock, now, eventually, bench):
    """A reading during which the driver hangs until the timeout."""
    measured = bench.measured
    reading = asyncio.create_task(sensor.read(now))
    await eventually(lambda: bench.measured > measured)
    await clock.advance(5)
    with pytest.raises(SensorError, match="hung: no answer within 5 s"):
        await reading


async def test_a_measurement_becomes_values_at_the_time_of_reading(driven):
    bench = Bench(lambda: {"t": 21.5, "h": 40})

    reading = await driven(bench, T, H).read(7000)

    assert (reading.at, reading.values, reading.faults) == (7000, {"t": 21.5, "h": 40.0}, {})
    assert reading.quality == "good"


async def test_a_driver_is_opened_by_the_first_reading_and_once(driven):
    bench = Bench()
    sensor = driven(bench)
    assert bench.opened == 0

    for now in range(3):
        await sensor.read(now)
    assert (bench.opened, bench.measured) == (1, 3)


async def test_values_come_in_the_models_unit_and_under_its_name(host):
    pressure = ReadingDescription(key="pressure", unit="Pa", read=lambda sample: sample)
    output = Output("air_pressure", pressure, conversion("Pa", "hPa"))
    settings = DriverSettings("s", 1.0, 5.0, (output,), lambda host: FunctionDriver(lambda: 101_325))
    sensor = settings.make(host(), None)

    assert settings.metrics == ("air_pressure",)
    assert (await sensor.read(0)).values == {"air_pressure": 1013.25}
    sensor.close()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SensorError("no echo"), "no echo"),
        (GpioError("pin 4 is taken"), "pin 4 is taken"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (ZeroDivisionError("x"), "ZeroDivisionError: x"),
        (SystemExit(1), "SystemExit"),
    ],
)
async def test_whatever_a_driver_raises_is_a_sensor_error_that_says_it(driven, error, said):
    def fail():
        raise error

    sensor = driven(Bench(fail))

    for now in range(2):
        with pytest.raises(SensorError, match=said):
            await sensor.read(now)


async def test_one_bad_value_is_a_fault_and_the_others_are_kept(driven):
    reading = await driven(Bench(lambda: {"t": 21.5, "h": 187}), T, H).read(0)

    assert reading.values == {"t": 21.5}
    assert reading.faults == {"h": "expected a number from 0 up to 100 %, got 187"}


async def test_a_missing_value_is_a_fault_too(driven):
    reading = await driven(Bench(lambda: {"h": 50}), T, H).read(0)

    assert reading.faults == {"t": "KeyError: 't'"}


async def test_a_measurement_without_any_good_value_is_an_error_with_every_reason(driven):
    with pytest.raises(SensorError, match=r"t: expected a finite number, got null; h: expected .* got -1"):
        await driven(Bench(lambda: {"t": None, "h": -1}), T, H).read(0)


async def test_a_driver_that_hangs_is_reported_at_the_timeout_and_at_once_while_it_lasts(driven, clock, eventually):
    release = threading.Event()
    bench = Bench(lambda: release.wait() and {"t": 1.0})
    sensor = driven(bench)

    await timed_out(sensor, clock, 0, eventually, bench)
    for now in (6000, 7000, 60_000):
        with pytest.raises(SensorError, match=f"hung: no answer for {now // 1000} s"):
            await sensor.read(now)
    assert bench.measured == 1
    release.set()


async def test_a_driver_that_comes_back_goes_on_and_what_it_brought_late_is_not_given_as_fresh(
    driven, clock, eventually
):
    release, answers = threading.Event(), itertools.count(1)
    bench = Bench(lambda: release.wait() and {"t": next(answers)})
    sensor = driven(bench)
    await timed_out(sensor, clock, 0, eventually, bench)

    release.set()
    await eventually(lambda: not sensor._worker.busy)

    assert (await sensor.read(9000)).values == {"t": 2}


async def test_a_driver_that_hangs_for_ever_costs_one_thread_and_holds_up_no_other(driven, clock, eventually):
    release = threading.Event()
    bench = Bench(release.wait)
    hanging, well = driven(bench), driven(Bench(lambda: {"t": 3.0}))
    await timed_out(hanging, clock, 0, eventually, bench)
    await well.read(0)
    before = set(threading.enumerate())

    for now in range(1000, 50_000, 1000):
        with suppress(SensorError):
            await hanging.read(now)
        assert (await well.read(now)).values == {"t": 3.0}
    # One of an earlier test may end meanwhile; none may begin.
    assert set(threading.enumerate()) <= before
    release.set()


async def test_a_close_does_not_wait_for_a_driver_that_hangs_which_closes_when_it_comes_back(driven, clock, eventually):
    release = threading.Event()
    bench = Bench(release.wait)
    sensor = driven(bench)
    await timed_out(sensor, clock, 0, eventually, bench)

    sensor.close()
    assert bench.closed == 0
    release.set()
    await eventually(lambda: bench.closed == 1)


async def test_a_close_gives_back_what_the_driver_holds(driven):
    bench = Bench()
    sensor = driven(bench)
    await sensor.read(0)

    sensor.close()

    assert bench.closed == 1


async def test_a_sensor_that_was_never_read_opens_and_closes_nothing(driven):
    bench = Bench()
    driven(bench).close()

    assert (bench.opened, bench.closed) == (0, 0)


async def test_after_three_failures_it_is_opened_anew_and_less_often_while_that_does_not_help(driven):
    def fail():
        raise OSError(121, "Remote I/O error")

    bench = Bench(fail)
    sensor = driven(bench)
    openings = []
    for now in range(0, 300_000, 1000):
        opened = bench.opened
        with pytest.raises(SensorError, match="Remote I/O error"):
            await sensor.read(now)
        if bench.opened > opened:
            openings.append(now)

    # It is read in its rhythm all the time; only opening it backs off, to once a minute.
    assert bench.measured == 300
    gaps = [(b - a) / 1000 for a, b in itertools.pairwise(openings)]
    assert gaps == [3, 3, 4, 8, 16, 32, 60, 60, 60]
    assert bench.closed == bench.opened - 1


async def test_one_that_cannot_be_opened_is_tried_less_and_less_often_and_says_when(driven):
    bench = Bench()
    bench.open_error = SensorError("I²C bus 1 cannot be opened")
    sensor = driven(bench)
    for now in range(0, 120_000, 1000):
        with pytest.raises(SensorError, match="cannot be opened"):
            await sensor.read(now)

    assert bench.opened == 7  # after 0, 1, 3, 7, 15, 31, 63 s
    with pytest.raises(SensorError, match=r"opened again in 3 s"):
        await sensor.read(120_000)


async def test_one_good_reading_forgets_the_failures_before_it(driven):
    answers = iter([None, None, {"t": 1}, None, None, {"t": 2}])
    bench = Bench(lambda: next(answers))
    sensor = driven(bench)
    for now in range(6):
        with suppress(SensorError):
            await sensor.read(1000 * now)

    assert bench.opened == 1


async def test_a_cancelled_reading_leaves_the_driver_usable(driven, eventually):
    release = threading.Event()
    bench = Bench(lambda: release.wait() and {"t": 1.0})
    sensor = driven(bench)
    reading = asyncio.create_task(sensor.read(0))
    await eventually(lambda: bench.measured == 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    release.set()
    await eventually(lambda: not sensor._worker.busy)

    assert (await sensor.read(1000)).values == {"t": 1.0}


RUBBISH = st.one_of(
    st.none(),
    st.floats(),
    st.integers(),
    st.text(),
    st.booleans(),
    st.just({"t": "21.5"}),
    st.floats().map(lambda value: {"t": value}),
    st.sampled_from([OSError(5, "x"), ValueError(), MemoryError(), SensorError("y")]),
)


@given(answers=st.lists(RUBBISH, min_size=1, max_size=12))
def test_whatever_a_driver_does_only_what_it_measured_in_range_is_good(answers):
    """Driver and sampler together, on a real thread."""

    def measure():
        answer = next(coming)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run():
        clock, taken = ManualClock(), []
        host = Host(thing="d", model=models.shipped()["climate"], clock=clock)
        sensor = DriverSettings("s", 1.0, 5.0, (Output("t", T),), lambda host: FunctionDriver(measure)).make(host, None)
        sampler = Sampler("s", sensor, lambda _, reading: taken.append(reading), clock=clock, log=LOG)
        for _ in answers:
            await sampler._sample()
        sensor.close()
        return sampler, taken

    coming = iter(answers)
    sampler, taken = asyncio.run(run())
    expected = [
        float(answer["t"])
        for answer in answers
        if isinstance(answer, dict) and isinstance(answer["t"], float) and -40 <= answer["t"] <= 85
    ]
    assert [reading.values["t"] for reading in taken if reading.quality == "good"] == expected
    assert sampler.status.faults == len(answers) - len(expected)
