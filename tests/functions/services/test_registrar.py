import pytest
from msgspec.structs import replace

from functions.adapters.memory_alarm_queues import MemoryAlarmsQueue
from functions.adapters.memory_registry import MemoryRegistry
from functions.domain.devices import Source
from functions.errors import RegistryError, RequestError
from functions.services.registrar import Declared, Outcome, Registrar, declared
from functions.services.waking import Waking
from tests.functions.registering import device, note, pages, wanted

PUMP = Declared("pump-1", "machine", "plant-1")
FAN = Declared("fan-1", "climate", "plant-1/line-2")


@pytest.fixture
def registry():
    return MemoryRegistry()


@pytest.fixture
def alarms():
    return MemoryAlarmsQueue()


@pytest.fixture
def registrar(registry, alarms, clock):
    return Registrar(registry, Waking(alarms), clock)


def test_declared_devices_are_registered_once(registrar, registry):
    assert registrar.declare([PUMP, FAN]) == Outcome(changed=2, decommissioned=0)
    assert registrar.declare([PUMP, FAN]) == Outcome(changed=0, decommissioned=0)
    assert (registry.devices["fan-1"].group, registry.devices["fan-1"].version) == ("plant-1/line-2", 1)


def test_rules_are_looked_at_for_a_device_that_comes_changes_or_goes_and_for_no_other(registrar, alarms):
    def woken():
        things = {work.thing for work, _ in alarms.work}
        alarms.work.clear()
        return things

    registrar.declare([PUMP, FAN])
    assert woken() == {"pump-1", "fan-1"}
    registrar.declare([PUMP, FAN])
    assert woken() == set()
    registrar.declare([Declared("pump-1", "machine", "plant-2"), FAN], before=[PUMP, FAN])
    assert woken() == {"pump-1"}
    registrar.declare([FAN], before=[PUMP, FAN])
    assert woken() == {"pump-1"}


def test_what_the_file_changes_is_noted_as_the_deployment_s(registrar, registry):
    registrar.declare([PUMP, FAN], request_id="cf-1")
    registrar.declare([PUMP], before=[PUMP, FAN], request_id="cf-2")
    noted = [
        (one.action, one.subject_id, one.actor.principal.kind, one.actor.request_id) for one in registry.journal.notes
    ]
    assert noted == [
        ("device.create", "pump-1", "deployment", "cf-1"),
        ("device.create", "fan-1", "deployment", "cf-1"),
        ("device.decommission", "fan-1", "deployment", "cf-2"),
    ]


def test_a_device_that_left_the_file_is_decommissioned_and_comes_back(registrar, registry):
    registrar.declare([PUMP, FAN])
    assert registrar.declare([PUMP], before=[PUMP, FAN]) == Outcome(changed=0, decommissioned=1)
    assert registry.devices["fan-1"].decommissioned
    assert registrar.declare([PUMP, FAN], before=[PUMP]) == Outcome(changed=1, decommissioned=0)
    assert not registry.devices["fan-1"].decommissioned


def test_a_device_that_people_registered_is_not_decommissioned_by_the_file(registrar, registry):
    registry.save(None, device("fan-1", source=Source.API), note("fan-1"))
    registrar.declare([], before=[FAN])
    assert not registry.devices["fan-1"].decommissioned


def test_the_file_says_model_and_group_and_leaves_what_people_called_it(registrar, registry):
    registry.save(None, device("fan-1", "plant-9", name="Der Ventilator", tags={"a": "b"}), note("fan-1"))
    assert registrar.declare([FAN]) == Outcome(changed=1, decommissioned=0)
    known = registry.devices["fan-1"]
    assert (known.group, known.source) == ("plant-1/line-2", Source.FLEET)
    assert (known.name, known.tags) == ("Der Ventilator", {"a": "b"})


def test_an_entry_of_an_earlier_release_is_written_again(registrar, registry):
    registrar.declare([FAN])
    registry.devices["fan-1"] = replace(registry.devices["fan-1"], indexed=False)
    assert registrar.declare([FAN]) == Outcome(changed=1, decommissioned=0)
    assert registry.devices["fan-1"].indexed
    assert pages(registry, wanted(group="plant-1")) == ["fan-1"]


def test_a_change_by_somebody_else_at_the_same_moment_is_not_lost(registrar, registry):
    registrar.declare([FAN])
    real_find = registry.find

    def find(things):
        found = real_find(things)
        registry.find = real_find
        known = registry.devices["fan-1"]
        registry.save(known, replace(known, tags={"a": "b"}, version=known.version + 1), note("fan-1"))
        return found

    registry.find = find
    assert registrar.declare([Declared("fan-1", "machine", "plant-2")]).changed == 1
    assert (registry.devices["fan-1"].tags, registry.devices["fan-1"].group) == ({"a": "b"}, "plant-2")


@pytest.mark.parametrize("before", [(), (FAN,)])
def test_a_device_that_others_change_all_the_time_fails_the_deployment(registrar, registry, before):
    registrar.declare([FAN])
    registry.save = lambda *_: False
    wanted = [] if before else [Declared("fan-1", "machine", "plant-2")]
    with pytest.raises(RegistryError, match="fan-1"):
        registrar.declare(wanted, before=before)


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
