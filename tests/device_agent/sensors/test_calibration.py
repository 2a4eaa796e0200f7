"""A calibration corrects a sensor's values, and says since when and until when it holds."""

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.errors import SensorError
from device_agent.sensors import Reading, calibration
from device_agent.sensors.calibration import CalibratedSensor, Calibration

FINITE = st.floats(-1e6, 1e6)


class Fixed:
    interval_s = 2.0
    closed = False

    def __init__(self, *readings):
        self._readings = list(readings)

    async def read(self, now):
        reading = self._readings.pop(0)
        if isinstance(reading, Exception):
            raise reading
        return reading

    def close(self):
        self.closed = True


def test_a_polynomial_is_in_ascending_powers():
    assert Calibration(metric="t", coefficients=(1, 2, 3)).apply(10) == 321


def test_lines_between_points_and_beyond_their_ends():
    apply = Calibration(metric="t", points=((0, 0.5), (50, 50.0), (100, 98.0))).apply

    assert [apply(x) for x in (0, 25, 50, 75, 100)] == [0.5, 25.25, 50, 74, 98]
    assert apply(-50) == pytest.approx(-49)
    assert apply(150) == pytest.approx(146)


@given(
    points=st.lists(st.tuples(FINITE, FINITE), min_size=2, max_size=8, unique_by=lambda point: point[0]), data=st.data()
)
def test_between_two_points_lies_the_truth_between_theirs(points, data):
    points = tuple(sorted(points))
    index = data.draw(st.integers(0, len(points) - 2))
    (x0, y0), (x1, y1) = points[index : index + 2]
    true = Calibration(metric="t", points=points).apply(data.draw(st.floats(x0, x1)))

    slack = 1e-6 * max(1, abs(y0), abs(y1))
    assert min(y0, y1) - slack <= true <= max(y0, y1) + slack


@given(value=FINITE, gain=st.floats(-10, 10), offset=st.floats(-100, 100))
def test_a_line_is_a_polynomial_of_two(value, gain, offset):
    assert Calibration(metric="t", coefficients=(offset, gain)).apply(value) == pytest.approx(gain * value + offset)


async def test_only_its_metric_is_corrected_and_what_is_no_number_is_left_alone():
    sensor = CalibratedSensor(
        Fixed(Reading(5, {"t": 20.0, "h": 40.0, "on": True}, position="p", faults={"x": "y"})),
        [Calibration(metric="t", coefficients=(0.5, 1)), Calibration(metric="on", coefficients=(0.5, 1))],
    )

    assert await sensor.read(5) == Reading(5, {"t": 20.5, "h": 40.0, "on": True}, position="p", faults={"x": "y"})
    assert sensor.interval_s == 2.0


async def test_an_infinite_correction_is_a_fault_and_no_value():
    sensor = CalibratedSensor(Fixed(Reading(5, {"t": 1e200})), [Calibration(metric="t", coefficients=(0, 0, 1e200))])

    reading = await sensor.read(5)
    assert reading.values == {}
    assert "its calibration makes inf" in reading.faults["t"]


async def test_ends_errors_and_closing_pass_through():
    inner = Fixed(SensorError("x"), None)
    sensor = CalibratedSensor(inner, [])

    with pytest.raises(SensorError):
        await sensor.read(0)
    assert await sensor.read(0) is None
    sensor.close()
    assert inner.closed


def test_it_is_overdue_from_the_day_after_the_last():
    held = Calibration(metric="t", coefficients=(0, 1), due=dt.date(2026, 3, 31))

    assert [held.is_overdue(dt.date(2026, 3, day)) for day in (30, 31)] == [False, False]
    assert held.is_overdue(dt.date(2026, 4, 1))
    assert not Calibration(metric="t", coefficients=(0, 1)).is_overdue(dt.date(9999, 1, 1))


def test_a_table_is_read_and_reported(parse):
    settings, problems = parse(
        "bme280",
        calibration={
            "temperature": {"gain": 1.01, "offset": -0.3, "date": dt.date(2026, 1, 31), "due": "2027-01-31"},
            "humidity": {"points": [[11.3, 12.0], [75.3, 74.0]]},
            "pressure": {"coefficients": [1.5, 1, 1e-6]},
        },
    )

    assert problems == []
    found = calibration.listed([settings])
    assert [name for name, _ in found] == ["s", "s", "s"]
    assert [one.apply(20) for _, one in found] == pytest.approx([19.9, 12 + 8.7 * 62 / 64, 21.5004])
    assert calibration.report(found, dt.date(2027, 2, 1))[0] == {
        "sensor": "s",
        "metric": "temperature",
        "date": "2026-01-31",
        "due": "2027-01-31",
        "overdue": True,
    }
    assert not calibration.report(found, dt.date(2027, 1, 31))[0]["overdue"]


def test_a_sensor_without_calibrations_has_none(parse):
    settings, _ = parse("bme280")
    assert calibration.listed([settings]) == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "coefficients: expected one of coefficients, points, or gain and offset, got none of them"),
        ({"gain": 1, "points": [[0, 0], [1, 1]]}, "coefficients: expected one of"),
        ({"coefficients": []}, "coefficients: expected 1 to 6 numbers, got 0"),
        ({"coefficients": [1] * 7}, "coefficients: expected 1 to 6 numbers, got 7"),
        ({"coefficients": [math.nan]}, "coefficients: expected a list of numbers"),
        ({"gain": math.inf}, "gain: expected a number, got inf"),
        ({"points": [[0, 0]]}, "points: expected at least 2 pairs"),
        ({"points": [[1, 0], [1, 1]]}, "the first growing strictly"),
        ({"gain": 1, "date": "31.1.2026"}, "date: expected a day such as 2026-01-31, got '31.1.2026'"),
        ({"gain": 1, "date": 20260131}, "date: expected a day such as 2026-01-31"),
        ({"gain": 1, "date": dt.date(2026, 2, 1), "due": dt.date(2026, 2, 1)}, "due: expected a day after 2026-02-01"),
        ({"gain": 1, "offest": 2}, "offest: expected one of"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(parse, options, problem):
    _, problems = parse("bme280", calibration={"temperature": options})

    assert any(one.startswith("calibration.temperature.") and problem in one for one in problems), problems


def test_a_metric_that_the_sensor_does_not_have_is_named(parse):
    _, problems = parse("bme280", calibration={"temprature": {"gain": 1}})
    assert problems == ["calibration.temprature: expected one of temperature, humidity, pressure, got none of them"]


def test_a_boolean_cannot_be_calibrated(parse):
    _, problems = parse("contact", "machine", pin=4, metrics={"closed": "relay"}, calibration={"relay": {"gain": 2}})
    assert problems == ["calibration.relay: expected a metric that is a number, got a boolean"]
