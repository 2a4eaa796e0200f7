"""Simulated values are plausible: within the model's range, wandering, repeatable."""

import itertools

import pytest

from contract import models
from contract.models import Metric
from device_agent.errors import SensorError
from device_agent.sensors.simulated import SimulatedSettings, bounds


def settings(model, metrics=None, home=None, seed=0):
    measured = tuple(key for key, metric in model.metrics.items() if metric.derived is None)
    return SimulatedSettings("s", metrics or measured, interval_s=1, seed=seed, home=home or {})


async def readings(sensor, count):
    return [await sensor.read(1_764_000_000_000 + 1000 * n) for n in range(count)]


@pytest.mark.parametrize("name", ["climate", "machine", "tracker"])
async def test_every_value_is_one_that_the_model_accepts(name, host):
    model = models.shipped()[name]
    for reading in await readings(settings(model).make(host(model), None), 500):
        assert set(reading.values) == {key for key, metric in model.metrics.items() if metric.derived is None}
        for metric, value in reading.values.items():
            assert models.validate(model, metric, value) is None


async def test_numbers_wander_around_their_home(host):
    model = models.shipped()["climate"]
    sensor = settings(model, home={"pressure": 1013.0}).make(host(model), None)
    pressures = [reading.values["pressure"] for reading in await readings(sensor, 500)]

    assert all(980 < pressure < 1040 for pressure in pressures)
    assert len(set(pressures)) > 50
    assert max(abs(b - a) for a, b in itertools.pairwise(pressures)) < 10


async def test_the_same_seed_and_thing_give_the_same_values_and_others_give_others(host):
    model = models.shipped()["machine"]

    async def run(thing, seed):
        return [
            reading.values
            for reading in await readings(settings(model, seed=seed).make(host(model, thing=thing), None), 20)
        ]

    assert await run("d-1", 0) == await run("d-1", 0)
    assert await run("d-1", 0) != await run("d-2", 0)
    assert await run("d-1", 0) != await run("d-1", 1)


async def test_values_go_on_where_they_were_after_a_restart(host):
    model = models.shipped()["climate"]
    last = (await readings(settings(model, home={"humidity": 45.0}).make(host(model), None), 200))[-1]

    sensor = settings(model, home={"humidity": 45.0}).make(host(model), last.position)
    reading = await sensor.read(0)

    assert abs(reading.values["humidity"] - last.values["humidity"]) < 2


async def test_a_restart_does_not_repeat_the_values_that_came_before_it(host):
    model = models.shipped()["climate"]
    first = await readings(settings(model).make(host(model), None), 5)
    second = await readings(settings(model).make(host(model), first[-1].position), 5)

    steps = [
        [b.values["humidity"] - a.values["humidity"] for a, b in itertools.pairwise(run)] for run in (first, second)
    ]
    assert steps[0] != steps[1]


async def test_booleans_stay_mostly_and_change_sometimes(host):
    model = models.shipped()["machine"]
    relays = [reading.values["relay"] for reading in await readings(settings(model).make(host(model), None), 1000)]
    changes = sum(a != b for a, b in itertools.pairwise(relays))

    assert 2 < changes < 100


def test_a_position_that_cannot_be_read_is_an_error(host):
    model = models.shipped()["climate"]
    with pytest.raises(SensorError):
        settings(model).make(host(model), "rubbish")


@pytest.mark.parametrize(
    ("minimum", "maximum", "expected"),
    [(None, None, (0, 100)), (5, None, (5, 105)), (None, 5, (-95, 5)), (1, 2, (1, 2))],
)
def test_a_metric_without_a_range_gets_one(minimum, maximum, expected):
    assert bounds(Metric(key="x", title="X", type="number", minimum=minimum, maximum=maximum)) == expected
