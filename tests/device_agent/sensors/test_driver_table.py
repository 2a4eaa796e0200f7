"""What every driver's table may say, and how it fits the device's model."""

import pytest

from device_agent.sensors.kinds import KINDS
from device_agent.sensors.units import SAME


def test_readings_are_called_as_they_are_described_and_come_in_the_models_unit(parse):
    settings, problems = parse("bme280")

    assert problems == []
    assert settings.metrics == ("temperature", "humidity", "pressure")
    assert [output.conversion.of(100_000.0) for output in settings.outputs] == [100_000, 100_000, 1000]
    assert settings.interval_s == 10  # the model's


def test_readings_are_chosen_and_renamed(parse):
    settings, problems = parse(
        "bme280", readings=["temperature", "pressure"], metrics={"temperature": "boiler_temperature"}, interval_s=2
    )

    assert problems == []
    assert settings.metrics == ("boiler_temperature", "pressure")
    assert settings.interval_s == 2
    assert settings.outputs[0].conversion == SAME  # the model does not know it: as the driver gives it


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"readings": []}, "readings: expected some of temperature, humidity, pressure, got none"),
        ({"readings": ["temprature"]}, "readings: expected some of temperature, humidity, pressure, got 'temprature'"),
        ({"metrics": {"co2": "x"}}, "metrics.co2: expected one of temperature, humidity, pressure, got a reading that"),
        (
            {"readings": ["humidity"], "metrics": {"temperature": "x"}},
            "metrics.temperature: expected one of humidity, got a reading that is none of them",
        ),
        ({"metrics": {"temperature": "Boiler Temperature"}}, "metrics.temperature: expected 1 to 64 of a-z"),
        ({"metrics": {"temperature": "humidity"}}, "a metric in Cel or what that can be converted to"),
        (
            {"metrics": {"temperature": "x", "humidity": "x"}},
            "expected a metric that no other reading becomes, got 'x'",
        ),
        ({"interval_s": 0}, "interval_s: expected a number from 0.001 to 86400, got 0"),
        ({"timeout_s": 90}, "timeout_s: expected a number from 0.01 to 60, got 90"),
        ({"adress": 0x77}, "adress: expected one of"),
        ({"address": 0x80}, "address: expected an integer from 8 to 119, got 128"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(parse, options, problem):
    _, problems = parse("bme280", **options)

    assert any(problem in one for one in problems), problems


def test_a_metric_of_another_unit_is_a_problem_that_names_both(parse):
    _, problems = parse("bh1750", metrics={"illuminance": "temperature"})

    (problem,) = problems
    assert problem.startswith("metrics.illuminance: expected a metric in lx or what that can be converted to, ")
    assert problem.endswith("got temperature, in Cel by the model climate")


def test_a_metric_of_another_type_is_a_problem(parse):
    _, problems = parse("contact", pin=4, metrics={"closed": "humidity"})

    (problem,) = problems
    assert problem.startswith("metrics.closed: expected a metric that is a boolean, as this reading is, ")
    assert problem.endswith("got humidity, a number in the model climate")


def test_a_reading_may_become_the_models_boolean(parse):
    settings, problems = parse("contact", "machine", pin=4, metrics={"closed": "relay"})

    assert problems == []
    assert settings.metrics == ("relay",)


MINIMAL = {
    "ads1115": {"inputs": {"soil": "a0"}},
    "contact": {"pin": 4},
    "hc-sr04": {"trigger_pin": 23, "echo_pin": 24},
    "hwmon": {"device": "cpu", "channels": {"temperature": "temp1"}},
    "iio": {"device": "bme280", "channels": {"temperature": "in_temp"}},
    "motion": {"pin": 4},
    "scd4x": {"interval_s": 10},
}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("replay", "simulated")])
def test_every_driver_can_be_configured_by_little_and_made_without_touching_the_hardware(parse, host, kind):
    settings, problems = parse(kind, "tracker", **MINIMAL.get(kind, {}))

    assert problems == []
    assert settings.metrics
    settings.make(host(), None).close()
