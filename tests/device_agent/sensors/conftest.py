"""What the tests of sensors need: a device to make them on, and configuration tables."""

from pathlib import Path

import pytest

from contract import models
from device_agent.config.table import Table
from device_agent.gpio import GpioSettings
from device_agent.sensors import Host
from device_agent.sensors.kinds import KINDS
from tests.device_agent.sensors.chips import FakeBus, Time


@pytest.fixture
def host(tmp_path, clock):
    """Makes a host: a device of a model, its files under `tmp_path`, its pins gpiozero's mock ones."""

    def make(model=None, **changed):
        given = {
            "thing": "pump-7",
            "model": model or models.shipped()["climate"],
            "clock": clock,
            "gpio": GpioSettings(factory="mock"),
            "root": tmp_path,
        }
        return Host(**(given | changed))

    return make


@pytest.fixture
def parse():
    """Reads a `[[sensor]]` table as `config.load` does: the settings, and each problem as a text."""

    def parse_(kind, model="climate", **values):
        problems = []
        table = Table({"kind": kind, **values}, Path("agent.toml"), "sensor[0].", problems)
        table.text("kind")
        table.text("name", "s")
        settings = KINDS[kind](table, "s", models.shipped()[model], ())
        table.finish()
        return settings, [str(problem).removeprefix("agent.toml: sensor[0].") for problem in problems]

    return parse_


@pytest.fixture
def made(parse, host):
    """Makes the sensor of a table that has no problems; it is closed at the end."""
    sensors = []

    def make(kind, *, model="climate", on=None, **values):
        settings, problems = parse(kind, model, **values)
        assert problems == []
        sensor = settings.make(on or host(), None)
        sensors.append(sensor)
        return sensor

    yield make
    for sensor in sensors:
        sensor.close()


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def bus(host, time):
    """A host with one I²C bus, number 1, on which these chips are."""

    def make(**chips):
        fake = FakeBus(**chips)

        def open_bus(number):
            assert number == 1
            return fake

        made = host(open_bus=open_bus, pause=time.pause)
        return made, fake

    return make
