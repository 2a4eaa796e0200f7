"""What the device registry promises, over the fake and the real adapter."""

import random
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from functions.adapters import dynamodb_listing, shards
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_groups import DynamoDBGroups
from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder, DynamoDBRegistry
from functions.adapters.dynamodb_state import DynamoDBPresenceStore
from functions.adapters.memory import MemoryPresenceStore, MemoryWorld
from functions.adapters.memory_registry import MemoryGroups, MemoryRegistry
from functions.adapters.shards import shard_of
from functions.domain.access import Reach
from functions.domain.devices import MAX_TAGS, Sort, listing_key
from functions.domain.presence import Presence, Status
from functions.domain.search import MAX_WORDS, parse_words
from functions.errors import CursorError, RegistryError, RequestError
from tests.functions.registering import NOW, OneByOne, device, note, pages, wanted


@pytest.fixture(autouse=True)
def few_shards(monkeypatch):
    """Three are as many as sixteen, and each is a call to moto."""
    monkeypatch.setattr(shards, "SHARDS", 3)
    monkeypatch.setattr(dynamodb_listing, "SHARDS", 3)


def real(client, *, transactions=False):
    backoff = Backoff(sleep=lambda _: None)
    audited = AuditedWrites(client, "events", backoff=backoff) if transactions else OneByOne(client)
    registry = DynamoDBRegistry(client, "core", "state", audited, backoff=backoff)
    return SimpleNamespace(
        registry=registry,
        groups=DynamoDBGroups(client, "core", audited),
        presences=DynamoDBPresenceStore(client, "state"),
        audited=lambda: client.scan(TableName="events", Select="COUNT")["Count"],
    )


def fake():
    world = MemoryWorld()
    registry = MemoryRegistry(world)
    return SimpleNamespace(
        registry=registry,
        groups=MemoryGroups(registry),
        presences=MemoryPresenceStore(world),
        audited=lambda: len(registry.journal.notes),
    )


@pytest.fixture(params=["memory", "dynamodb"])
def parts(request):
    return fake() if request.param == "memory" else real(request.getfixturevalue("dynamodb"))


@pytest.fixture(params=["memory", "dynamodb"])
def transacting(request):
    return fake() if request.param == "memory" else real(request.getfixturevalue("dynamodb"), transactions=True)


@pytest.fixture
def registry(parts):
    return parts.registry


def create(registry, thing, group="plant-1", model="climate", **more):
    one = device(thing, group, model, **more)
    assert registry.save(None, one, note(thing))
    return one


def change(registry, before, **changes):
    after = replace(before, version=before.version + 1, **changes)
    assert registry.save(before, after, note(before.thing))
    return after


def test_a_created_device_is_found_as_it_was_given(registry):
    one = create(registry, "pump-1", name="Pumpe Süd", tags={"site": "Köln", "line": "2"})
    assert registry.find(["pump-1", "nobody"]) == {"pump-1": one}


def test_a_name_is_created_once(transacting):
    create(transacting.registry, "pump-1")
    kept = transacting.audited()
    assert not transacting.registry.save(None, device("pump-1", "plant-2"), note("pump-1"))
    assert transacting.registry.find(["pump-1"])["pump-1"].group == "plant-1"
    assert transacting.audited() == kept


def test_a_change_of_what_is_no_longer_so_is_refused_whole(transacting):
    first = create(transacting.registry, "pump-1", tags={"a": "1"})
    change(transacting.registry, first, tags={"a": "2"})
    kept = transacting.audited()
    assert not transacting.registry.save(first, replace(first, group="plant-9", version=2), note("pump-1"))
    assert pages(transacting.registry, wanted(tags=(("a", "2"),))) == ["pump-1"]
    assert pages(transacting.registry, wanted(group="plant-9")) == []
    assert transacting.groups.find(["plant-9"]) == {}
    assert transacting.audited() == kept


def test_a_device_is_on_every_list_and_after_a_change_on_no_old_one(registry):
    one = create(registry, "pump-1", "plant-1/line-2", name="Big pump", tags={"line": "2"}, now=NOW + 5)
    on = [
        {},
        {"group": "plant-1"},
        {"model": "climate"},
        {"tags": (("line", "2"),)},
        {"status": Status.UNKNOWN},
        {"words": parse_words("big")},
        {"sort": Sort.NAME, "group": "plant-1/line-2"},
        {"sort": Sort.CREATED_DOWN, "group": "plant-1"},
    ]
    assert [pages(registry, wanted(**asked)) for asked in on] == [["pump-1"]] * len(on)
    two = change(registry, one, group="plant-2", model="machine", name="Small pump", tags={"line": "3"})
    assert [pages(registry, wanted(**asked)) for asked in on] == [["pump-1"], [], [], [], ["pump-1"], [], [], []]
    there = [
        {"group": "plant-2", "model": "machine"},
        {"tags": (("line", "3"),), "group": "plant-2"},
        {"status": Status.UNKNOWN, "group": "plant-2"},
        {"words": parse_words("small pum")},
        {"sort": Sort.NAME_DOWN, "group": "plant-2"},
        {"sort": Sort.CREATED},
    ]
    assert [pages(registry, wanted(**asked)) for asked in there] == [["pump-1"]] * len(there)
    gone = change(registry, two, decommissioned=True)
    assert [pages(registry, wanted(**asked)) for asked in there] == [[]] * len(there)
    assert registry.find(["pump-1"])["pump-1"] == gone
    change(registry, gone, decommissioned=False)
    assert [pages(registry, wanted(**asked)) for asked in there] == [["pump-1"]] * len(there)


def test_the_most_that_a_device_can_have_moves_in_one_transaction(transacting):
    def deep(letter):
        return "/".join(letter * 63 for _ in range(6))

    def full(thing, letter, version):
        tags = {f"{letter}{at}": "v" * 90 for at in range(MAX_TAGS)}
        name = " ".join(f"{letter}{at}" for at in range(20))
        return device(thing, deep(letter), name=name, tags=tags, version=version)

    first = full("pump-1", "a", 1)
    assert transacting.registry.save(None, first, note("pump-1"))
    second = full("pump-1", "b", 2)
    assert transacting.registry.save(first, second, note("pump-1"))
    assert pages(transacting.registry, wanted(tags=(("b7", "v" * 90),), group="b" * 63)) == ["pump-1"]
    assert pages(transacting.registry, wanted(words=("b3", f"b{MAX_WORDS - 3}"))) == ["pump-1"]
    assert pages(transacting.registry, wanted(tags=(("a7", "v" * 90),))) == []
    assert [transacting.groups.find([path])[path].devices for path in (deep("a"), deep("b"))] == [0, 1]


def test_a_group_is_its_subtree_and_no_namesake(registry):
    groups = ["plant-1", "plant-1/a", "plant-1/a/b", "plant-1-x", "plant-10", "plant", "plant-2/plant-1"]
    for at, group in enumerate(groups):
        create(registry, f"d{at}", group)
    for sort in (None, Sort.NAME, Sort.CREATED):
        assert sorted(pages(registry, wanted(group="plant-1", sort=sort))) == ["d0", "d1", "d2"]
        assert sorted(pages(registry, wanted(group="plant-1/a", sort=sort))) == ["d1", "d2"]
        assert pages(registry, wanted(group="nowhere", sort=sort)) == []


@pytest.mark.parametrize(("limit", "devices"), [(1, 7), (4, 24), (1000, 24)])
def test_pages_over_all_shards_join_in_order(parts, limit, devices):
    chance = random.Random(limit)
    names = [f"device-{at}" for at in range(devices)]
    groups = {name: chance.choice(["plant-1", "plant-1/line-1", "plant-1/line-2", "plant-2"]) for name in names}
    for name in chance.sample(names, len(names)):
        create(parts.registry, name, groups[name], chance.choice(["climate", "machine"]))
    expected = sorted(names, key=lambda name: listing_key(groups[name], name))
    assert pages(parts.registry, wanted(), limit) == expected
    assert pages(parts.registry, wanted(sort=Sort.GROUP_DOWN), limit) == expected[::-1]
    by_model = [pages(parts.registry, wanted(model=model), limit) for model in ("climate", "machine")]
    assert sorted(by_model[0] + by_model[1]) == sorted(names)


def test_the_longest_names_page_as_well(registry):
    group = "/".join("g" * 63 for _ in range(6))
    names = [f"{at}".rjust(63, "d") for at in range(5)]
    for name in names:
        create(registry, name, group, name="\U0001f6b0" * 128)
    assert pages(registry, wanted(group=group), limit=2) == names
    assert pages(registry, wanted(sort=Sort.NAME), limit=2) == names


def test_devices_that_all_fall_into_one_shard_are_all_listed(registry):
    names = [name for name in (f"d{at}" for at in range(700)) if shard_of(name) == "01"][:24]
    for name in names:
        create(registry, name)
    assert pages(registry, wanted(), limit=6) == sorted(names)
    assert pages(registry, wanted(sort=Sort.NAME, tags=(("a", "b"),)), limit=6) == []


def test_a_device_that_appears_behind_the_cursor_is_not_missed_nor_any_repeated(registry):
    for at in range(0, 20, 2):
        create(registry, f"d{at:02}")
    first = registry.page(wanted(), 5, None)
    create(registry, "d01")
    create(registry, "d11")
    rest = registry.page(wanted(), 100, first.cursor)
    assert [one.thing for one in rest.devices] == ["d10", "d11", "d12", "d14", "d16", "d18"]


def test_names_are_sorted_whatever_their_case_and_shorter_ones_first(registry):
    names = ["Press 2", "press", "PRESS 1", "Äpfel", "apple", "Press-x", "ß"]
    for at, name in enumerate(names):
        create(registry, f"d{at}", name=name)
    shown = [registry.find([thing])[thing].name for thing in pages(registry, wanted(sort=Sort.NAME), limit=2)]
    assert shown == ["apple", "press", "PRESS 1", "Press 2", "Press-x", "ß", "Äpfel"]
    assert pages(registry, wanted(sort=Sort.NAME_DOWN))[0] == "d3"


def test_words_are_found_by_their_beginnings_each_device_once(registry):
    create(registry, "pump-1", name="Pumphouse pump, pumping hall")
    create(registry, "press-4", name="Hydraulic PRESS Ünit")
    found = {
        "pump": ["pump-1"],
        "pumpi": ["pump-1"],
        "hall pum": ["pump-1"],
        "press-4": ["press-4"],
        "üni": ["press-4"],
        "4 hyd": ["press-4"],
        "ress": [],
        "pump press": [],
    }
    assert {text: pages(registry, wanted(words=parse_words(text)), limit=1) for text in found} == found


def test_status_follows_settled_transitions_and_moves_with_the_device(parts):
    one = create(parts.registry, "pump-1")
    create(parts.registry, "pump-2")
    assert pages(parts.registry, wanted(status=Status.UNKNOWN)) == ["pump-1", "pump-2"]
    assert parts.presences.save("pump-1", Presence(status=Status.ONLINE, since=5))
    assert parts.presences.save("stray", Presence(status=Status.ONLINE, since=5))
    assert pages(parts.registry, wanted(status=Status.ONLINE)) == ["pump-1"]
    change(parts.registry, one, group="plant-2", tags={"a": "b"})
    online = wanted(status=Status.ONLINE, group="plant-2", model="climate", tags=(("a", "b"),), sort=Sort.GROUP_DOWN)
    assert pages(parts.registry, online) == ["pump-1"]
    assert pages(parts.registry, replace(online, model="machine")) == []
    create(parts.registry, "stray", "plant-2")
    assert sorted(pages(parts.registry, wanted(status=Status.ONLINE))) == ["pump-1", "stray"]
    for thing in ("pump-1", "pump-2"):
        reach = Reach(things=("pump-1", "pump-2", "stray"), groups=("plant-1",))
        assert (thing in pages(parts.registry, wanted(reach, status=Status.ONLINE))) == (thing == "pump-1")


def test_a_list_holds_what_is_in_reach_and_nothing_else(registry):
    for thing, group in [("a", "p1"), ("b", "p1/x"), ("c", "p1/y"), ("d", "p2"), ("e", "p2/x"), ("f", "p3")]:
        create(registry, thing, group, name=f"Pump {thing}", tags={"k": "v"})
    reach = Reach(groups=("p1/x", "p2"), things=("b", "f", "nobody"))
    asked = [
        {},
        {"sort": Sort.GROUP_DOWN},
        {"model": "climate"},
        {"tags": (("k", "v"),)},
        {"status": Status.UNKNOWN},
        {"sort": Sort.NAME},
        {"sort": Sort.CREATED_DOWN},
        {"words": ("pump",)},
    ]
    for one in asked:
        assert sorted(pages(registry, wanted(reach, **one), limit=2)) == ["b", "d", "e", "f"], one
        assert sorted(pages(registry, wanted(reach, group="p2", **one))) == ["d", "e"], one
        assert pages(registry, wanted(reach, group="p1/x", **one)) == ["b"], one
        assert pages(registry, wanted(reach, group="p1/y", **one)) == [], one
        assert pages(registry, wanted(Reach(), **one)) == [], one


def test_somebody_with_many_grants_reads_in_bounded_pages(registry):
    groups = tuple(f"g{at:02}" for at in range(40))
    for group in groups[::8]:
        create(registry, f"d-{group}", group)
    expected = [f"d-{group}" for group in groups[::8]]
    for sort in (None, Sort.NAME, Sort.CREATED):
        assert pages(registry, wanted(Reach(groups=groups), sort=sort)) == expected


@pytest.mark.parametrize("cursor", ["", "x", "e30", "WzEsIiIsWyJhIl1d", "a" * 999])
def test_a_cursor_that_no_page_gave_is_refused(registry, cursor):
    with pytest.raises(CursorError):
        registry.page(wanted(), 5, cursor)


def test_a_cursor_of_another_question_is_refused(registry):
    for at in range(6):
        create(registry, f"d{at}")
    cursor = registry.page(wanted(), 2, None).cursor
    for other in ({"group": "plant-1"}, {"model": "climate"}, {"sort": Sort.NAME}, {"tags": (("a", "b"),)}):
        with pytest.raises(CursorError):
            registry.page(wanted(**other), 2, cursor)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"words": ("pump",), "sort": Sort.NAME}, "sort"),
        ({"words": ("pump",), "status": Status.ONLINE}, "status"),
        ({"status": Status.ONLINE, "sort": Sort.CREATED}, "sort"),
    ],
)
def test_a_list_that_there_is_not_is_refused(registry, asked, field):
    with pytest.raises(RequestError) as caught:
        registry.page(wanted(**asked), 5, None)
    assert caught.value.field == field


class Counting:
    def __init__(self, client):
        self.client = client
        self.queries = 0
        self.looked_at = 0

    def query(self, **request):
        self.queries += 1
        answer = self.client.query(**request)
        self.looked_at += answer["ScannedCount"]
        return answer


def test_a_page_costs_the_same_however_many_devices_there_are(dynamodb):
    registry = real(dynamodb).registry
    asked = [
        wanted(),
        wanted(sort=Sort.NAME),
        wanted(words=("device",)),
        wanted(Reach(groups=("plant-1",)), sort=Sort.CREATED_DOWN),
        wanted(sort=Sort.NAME, model="machine"),
    ]
    costs = []
    created = 0
    for upto in (24, 60):
        for at in range(created, upto):
            create(registry, f"device-{at}", "plant-1/line-1")
        created = upto
        counting = [Counting(dynamodb) for _ in asked]
        for counted, one in zip(counting, asked, strict=True):
            DynamoDBRegistry(counted, "core", "state", None).page(one, 10, None)
        costs.append([counted.queries for counted in counting])
        assert all(counted.looked_at <= 3 * 7 for counted in counting)
    assert costs == [[3] * len(asked)] * 2


def test_a_page_ends_before_it_is_too_large_for_an_answer(dynamodb, monkeypatch):
    registry = real(dynamodb).registry
    tags = {f"key-{at}": "水" * 100 for at in range(3)}
    things = [create(registry, f"pump-{at}", tags=tags).thing for at in range(7)]
    monkeypatch.setattr(dynamodb_listing, "MAX_PAGE_BYTES", 2_500)
    sizes, found, cursor = [], [], None
    while True:
        page = registry.page(wanted(), 1000, cursor)
        sizes.append(len(page.devices))
        found += [one.thing for one in page.devices]
        cursor = page.cursor
        if cursor is None:
            break
    assert (found, sizes) == (things, [3, 3, 1])


def test_a_table_that_is_not_there_is_the_registry_s_error(dynamodb):
    finder = DynamoDBDeviceFinder(dynamodb, "no-such-table")
    registry = DynamoDBRegistry(dynamodb, "no-such-table", "state", OneByOne(dynamodb))
    for call in (
        lambda: finder.find(["a"]),
        lambda: registry.page(wanted(), 1, None),
        lambda: registry.save(None, device("a"), note("a")),
    ):
        with pytest.raises(RegistryError):
            call()


def test_an_entry_of_an_earlier_release_is_put_on_every_list_by_its_next_change(dynamodb):
    parts = real(dynamodb)
    old = {"thing": "pump-1", "name": "pump-1", "model": "climate", "grp": "plant-1", "source": "fleet"}
    dynamodb.put_item(
        TableName="core",
        Item={
            "pk": {"S": "DEVICE#pump-1"},
            "sk": {"S": "META"},
            **{name: {"S": value} for name, value in old.items()},
            **{name: {"N": "1"} for name in ("created_at", "updated_at", "version")},
            "other": {"S": "of a newer release"},
        },
    )
    (known,) = parts.registry.find(["pump-1"]).values()
    assert not known.indexed
    change(parts.registry, known, indexed=True, group="plant-2")
    assert pages(parts.registry, wanted(sort=Sort.NAME)) == ["pump-1"]
    assert parts.groups.find(["plant-1", "plant-2"])["plant-2"].devices == 1
    kept = dynamodb.get_item(TableName="core", Key={"pk": {"S": "DEVICE#pump-1"}, "sk": {"S": "META"}})["Item"]
    assert kept["other"] == {"S": "of a newer release"}
