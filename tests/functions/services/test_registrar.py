import pytest

from functions.adapters.memory import MemoryRegistry
from functions.domain.devices import Source
from functions.errors import RequestError
from functions.services.registrar import Declared, Outcome, Registrar, declared

PUMP = Declared("pump-1", "machine", "plant-1")
FAN = Declared("fan-1", "climate", "plant-1/line-2")


@pytest.fixture
def registry():
    return MemoryRegistry()


@pytest.fixture
def registrar(registry, clock):
    return Registrar(registry, clock)


def test_declared_devices_are_registered_once(registrar, registry):
    assert registrar.declare([PUMP, FAN]) == Outcome(changed=2, decommissioned=0)
    assert registrar.declare([PUMP, FAN]) == Outcome(changed=0, decommissioned=0)
    assert (registry.devices["fan-1"].group, registry.devices["fan-1"].version) == ("plant-1/line-2", 1)


def test_a_device_that_left_the_file_is_decommissioned_and_comes_back(registrar, registry):
    registrar.declare([PUMP, FAN])
    assert registrar.declare([PUMP], before=[PUMP, FAN]) == Outcome(changed=0, decommissioned=1)
    assert registry.devices["fan-1"].decommissioned
    assert registrar.declare([PUMP, FAN], before=[PUMP]) == Outcome(changed=1, decommissioned=0)
    assert not registry.devices["fan-1"].decommissioned


def test_a_device_that_people_registered_is_not_decommissioned_by_the_file(registrar, registry, clock):
    registry.register("fan-1", "Fan", "climate", "plant-1", Source.API, clock.now)
    registrar.declare([], before=[FAN])
    assert not registry.devices["fan-1"].decommissioned


def test_properties_are_read_from_the_custom_resource():
    assert declared({"Devices": [{"name": "pump-1", "model": "machine", "group": "plant-1"}]}) == (PUMP,)
    assert declared({"ServiceToken": "arn"}) == ()


@pytest.mark.parametrize(
    "devices",
    [
        "x",
        [{"name": "pump-1"}],
        [{"name": "Pump", "model": "m", "group": "g"}],
        [{"name": "pump", "model": "m", "group": "/g"}],
        [{"name": "pump", "model": "m", "group": "g", "color": "red"}],
    ],
)
def test_wrong_properties_are_named(devices):
    with pytest.raises(RequestError, match="Devices"):
        declared({"Devices": devices})
