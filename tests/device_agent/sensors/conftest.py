"""What the tests of sensors need: a device to make them on."""

import pytest

from contract import models
from device_agent.gpio import GpioSettings
from device_agent.sensors import Host


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
