"""What the device registry promises, over the fake and the real adapter."""

import random

import pytest
from botocore.exceptions import ClientError

from functions.adapters.dynamodb_registry import DynamoDBRegistry
from functions.adapters.memory import MemoryRegistry
from functions.adapters.shards import SHARDS, shard_of
from functions.domain.devices import DeviceFilter, Source, listing_key
from functions.errors import CursorError, RegistryError

NOW = 1_764_000_000_000
ALL = DeviceFilter()


@pytest.fixture(params=["memory", "dynamodb"])
def registry(request):
    if request.param == "memory":
        return MemoryRegistry()
    return DynamoDBRegistry(request.getfixturevalue("dynamodb"), "core")


def register(registry, thing, group="plant-1", model="climate", now=NOW, source=Source.FLEET):
    return registry.register(thing, thing.title(), model, group, source, now)


def pages(registry, wanted=ALL, limit=10):
    things, cursor = [], None
    while True:
        page = registry.page(wanted, limit, cursor)
        assert len(page.devices) <= limit
        things += [device.thing for device in page.devices]
        cursor = page.cursor
        if cursor is None:
            return things


def test_a_registered_device_is_found(registry):
    assert register(registry, "pump-1")
    device = registry.find(["pump-1", "nobody"])
    assert set(device) == {"pump-1"}
    found = device["pump-1"]
    assert (found.name, found.model, found.group, found.source) == ("Pump-1", "climate", "plant-1", Source.FLEET)
    assert (found.created_at, found.updated_at, found.version, found.decommissioned) == (NOW, NOW, 1, False)


def test_registering_the_same_again_changes_nothing(registry):
    register(registry, "pump-1")
    assert not register(registry, "pump-1", now=NOW + 5)
    assert registry.find(["pump-1"])["pump-1"].version == 1


def test_a_changed_device_moves_in_the_listings_and_keeps_its_birth(registry):
    register(registry, "pump-1")
    assert register(registry, "pump-1", "plant-2", "machine", NOW + 5)
    device = registry.find(["pump-1"])["pump-1"]
    assert (device.group, device.model, device.created_at, device.updated_at, device.version) == (
        "plant-2",
        "machine",
        NOW,
        NOW + 5,
        2,
    )
    assert pages(registry, DeviceFilter("plant-1")) == []
    assert pages(registry, DeviceFilter(model="climate")) == []
    assert pages(registry, DeviceFilter("plant-2", "machine")) == ["pump-1"]


def test_a_decommissioned_device_is_known_but_not_listed_and_may_come_back(registry):
    register(registry, "pump-1")
    assert registry.decommission("pump-1", Source.FLEET, NOW + 1)
    assert not registry.decommission("pump-1", Source.FLEET, NOW + 2)
    device = registry.find(["pump-1"])["pump-1"]
    assert (device.decommissioned, device.version, device.updated_at) == (True, 2, NOW + 1)
    assert pages(registry) == []
    assert register(registry, "pump-1", now=NOW + 3)
    assert pages(registry) == ["pump-1"]
    assert not registry.find(["pump-1"])["pump-1"].decommissioned


def test_only_its_own_source_decommissions_a_device(registry):
    register(registry, "pump-1", source=Source.API)
    assert not registry.decommission("pump-1", Source.FLEET, NOW)
    assert not registry.decommission("nobody", Source.FLEET, NOW)
    assert pages(registry) == ["pump-1"]


def test_a_group_is_its_subtree_and_no_namesake(registry):
    groups = ["plant-1", "plant-1/a", "plant-1/a/b", "plant-1-x", "plant-10", "plant", "plant-2/plant-1"]
    for at, group in enumerate(groups):
        register(registry, f"d{at}", group)
    assert pages(registry, DeviceFilter("plant-1")) == ["d0", "d1", "d2"]
    assert pages(registry, DeviceFilter("plant-1/a")) == ["d1", "d2"]
    assert pages(registry, DeviceFilter("nowhere")) == []


@pytest.mark.parametrize(("limit", "devices"), [(1, 15), (7, 60), (50, 130), (1000, 130)])
def test_pages_over_all_shards_join_in_order(registry, limit, devices):
    chance = random.Random(limit)
    names = [f"device-{at}" for at in range(devices)]
    groups = {name: chance.choice(["plant-1", "plant-1/line-1", "plant-1/line-2", "plant-2"]) for name in names}
    for name in chance.sample(names, len(names)):
        register(registry, name, groups[name], chance.choice(["climate", "machine"]))
    expected = sorted(names, key=lambda name: listing_key(groups[name], name))
    assert pages(registry, limit=limit) == expected
    below = [name for name in expected if groups[name].startswith("plant-1/")]
    assert pages(registry, DeviceFilter("plant-1"), limit)[-len(below) :] == below
    by_model = pages(registry, DeviceFilter(model="climate"), limit) + pages(
        registry, DeviceFilter(model="machine"), limit
    )
    assert sorted(by_model) == sorted(names)


def test_the_longest_names_page_as_well(registry):
    group = "/".join("g" * 63 for _ in range(6))
    names = [f"{at}".rjust(63, "d") for at in range(5)]
    for name in names:
        register(registry, name, group)
    assert pages(registry, DeviceFilter(group), limit=2) == names


def test_devices_that_all_fall_into_one_shard_are_all_listed(registry):
    names = [name for name in (f"d{at}" for at in range(700)) if shard_of(name) == "03"][:40]
    for name in names:
        register(registry, name)
    assert pages(registry, limit=16) == sorted(names)


def test_a_device_that_appears_behind_the_cursor_is_not_missed_nor_any_repeated(registry):
    for at in range(0, 20, 2):
        register(registry, f"d{at:02}")
    first = registry.page(ALL, 5, None)
    register(registry, "d01")
    register(registry, "d11")
    rest = registry.page(ALL, 100, first.cursor)
    assert [device.thing for device in rest.devices] == ["d10", "d11", "d12", "d14", "d16", "d18"]


@pytest.mark.parametrize("cursor", ["", "x", "e30", "WzEsIiIsWyJhIl1d", "a" * 999])
def test_a_cursor_that_no_page_gave_is_refused(registry, cursor):
    with pytest.raises(CursorError):
        registry.page(ALL, 5, cursor)


def test_a_cursor_of_another_question_is_refused(registry):
    for at in range(6):
        register(registry, f"d{at}")
    cursor = registry.page(ALL, 2, None).cursor
    for wanted in (DeviceFilter("plant-1"), DeviceFilter(model="climate")):
        with pytest.raises(CursorError):
            registry.page(wanted, 2, cursor)


class Counting:
    def __init__(self, client):
        self.client = client
        self.queries = 0

    def query(self, **request):
        self.queries += 1
        return self.client.query(**request)


def test_a_page_costs_the_same_however_many_devices_there_are(dynamodb):
    registry = DynamoDBRegistry(dynamodb, "core")
    costs = []
    for upto in (20, 200):
        for at in range(upto):
            register(registry, f"device-{at}")
        counting = Counting(dynamodb)
        assert len(DynamoDBRegistry(counting, "core").page(ALL, 20, None).devices) == 20
        costs.append(counting.queries)
    assert costs == [SHARDS, SHARDS]


def test_a_table_that_is_not_there_is_the_registry_s_error(dynamodb):
    registry = DynamoDBRegistry(dynamodb, "no-such-table")
    for call in (
        lambda: registry.find(["a"]),
        lambda: registry.page(ALL, 1, None),
        lambda: register(registry, "a"),
        lambda: registry.decommission("a", Source.FLEET, NOW),
    ):
        with pytest.raises(RegistryError):
            call()


def test_an_entry_that_a_transaction_holds_is_an_error_and_not_registered_already():
    class Held:
        def update_item(self, **_):
            raise ClientError({"Error": {"Code": "TransactionConflictException", "Message": ""}}, "UpdateItem")

    with pytest.raises(RegistryError, match="pump-1"):
        DynamoDBRegistry(Held(), "core").register("pump-1", "Pump", "climate", "plant-1", Source.FLEET, 1)
