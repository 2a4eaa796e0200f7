"""What applies to a device, and how seldom anything is read for it."""

import json

import msgspec
import pytest

from contract import models
from contract.models import shipped
from functions.adapters.memory_registry import MemoryRegistry
from functions.adapters.memory_rules import MemoryRules
from functions.domain.access import By
from functions.domain.definitions import Definition
from functions.domain.state import DeviceState
from functions.services.rulebook import DEVICE_MS, MAX_DEVICES, REVISION_MS, Rulebook
from tests.functions.registering import device, note

ANN = By("user:ann", "ann")


def rule(name, scope="*", **more):
    return {"rule": name, "scope": scope, "severity": "major", "when": {"metric": "temperature", "above": 8}, **more}


class Shelves:
    """Rules, models and devices; `asked` has what was asked of the registry."""

    def __init__(self, clock):
        self.clock = clock
        self.store = MemoryRules()
        self.registry = MemoryRegistry()
        self.registry.put(device("cold-1", "plant-1/line-2", "climate"))
        self.broken = []
        self.asked = []
        self.book = self.another()

    def another(self):
        return Rulebook(self.store, self, self.clock, shipped=shipped(), broken=lambda *what: self.broken.append(what))

    def find(self, things):
        self.asked.append(list(things))
        return self.registry.find(things)

    def install(self, document, shelf=None):
        shelf = shelf or self.store.rules
        name = document["rule"] if "rule" in document else document["fieldline:name"]
        before = shelf.find(name)
        version = shelf.newest(name) + 1
        after = Definition(
            id=name, text=json.dumps(document), version=version, created_at=1, updated_at=version, by=ANN
        )
        assert shelf.save(before, after, note(name))

    def withdraw(self, name):
        assert self.store.rules.delete(self.store.rules.find(name), note(name))

    def later(self, ms=REVISION_MS):
        self.clock.now += ms

    def rules_of(self, thing="cold-1", **how):
        program = self.book.of([thing], **how)[thing].program
        return {one.rule.id: one.version for one in program.rules if ":" not in one.rule.id}


@pytest.fixture
def shelves(clock):
    return Shelves(clock)


def test_a_device_has_the_rules_of_everything_its_model_its_groups_and_itself(shelves):
    for number, scope in enumerate(
        [
            "*",
            "model:climate",
            "group:plant-1",
            "group:plant-1/line-2",
            "device:cold-1",
            "model:machine",
            "group:plant-1/line-2/cell-1",
            "group:plant-10",
            "group:plant-1/line",
            "device:cold-2",
        ]
    ):
        shelves.install(rule(f"r{number}", scope))
    assert shelves.rules_of() == {f"r{number}": 1 for number in range(5)}
    shelves.registry.put(device("cold-2", "plant-10", "machine"))
    assert shelves.rules_of("cold-2") == {"r0": 1, "r5": 1, "r7": 1, "r9": 1}
    assert shelves.rules_of("nobody") == {}
    shelves.registry.put(device("cold-3", decommissioned=True))
    assert shelves.rules_of("cold-3") == {}
    assert shelves.book.of(["cold-3"])["cold-3"].device is not None


def test_a_model_s_own_rules_apply_until_an_installed_one_of_the_name_stands_for_them(shelves):
    def of_model():
        return {
            one.rule.id: (one.version, one.rule.title)
            for one in shelves.book.of(["cold-1"])["cold-1"].program.rules
            if one.rule.id.startswith("climate:")
        }

    before = of_model()
    name, (version, title) = next(iter(before.items()))
    assert version == 0, "as shipped"
    shelves.install(rule(name, "model:climate", title="Ours"))
    shelves.later()
    assert of_model() == {**before, name: (1, "Ours")}
    shelves.install({"rule": name, "scope": "model:climate", "enabled": False})
    shelves.later()
    assert name not in of_model()
    shelves.withdraw(name)
    shelves.later()
    assert of_model()[name] == (0, title)


def test_disabled_rules_do_not_run_and_are_known(shelves):
    shelves.install(rule("off", enabled=False))
    assert shelves.rules_of() == {}
    known = shelves.book.snapshot().in_force(device("cold-1", "plant-1/line-2", "climate"))
    assert "off" in {one.rule.id for one in known}


def test_a_stored_model_takes_the_place_of_the_shipped_one_until_it_is_deleted(shelves):
    document = json.loads(models.encode(shipped()["climate"])) | {"title": "Ours"}
    shelves.install(document, shelves.store.models)
    shelves.install(document | {"fieldline:name": "boiler", "title": "Boiler"}, shelves.store.models)
    assert shelves.book.models["climate"].title == "Ours"
    assert set(shelves.book.models) == {*shipped(), "boiler"}
    assert len(shelves.book.models) == len(shipped()) + 1
    assert shelves.book.of(["cold-1"])["cold-1"].model.title == "Ours"
    versions = {one.version for one in shelves.book.of(["cold-1"])["cold-1"].program.rules}
    assert versions == {1}, "a model's rules have its version"
    shelves.store.models.delete(shelves.store.models.find("climate"), note("climate"))
    shelves.later()
    assert shelves.book.models["climate"] == shipped()["climate"]


def test_a_change_is_seen_within_five_seconds_and_nothing_is_read_before_or_without_one(shelves):
    shelves.install(rule("first"))
    assert shelves.rules_of() == {"first": 1}
    for _ in range(100):
        shelves.later(REVISION_MS // 100)
        shelves.rules_of()
    assert shelves.store.reads == 1
    shelves.install(rule("first", title="changed"))
    assert shelves.rules_of() == {"first": 1}
    shelves.later()
    assert shelves.rules_of() == {"first": 2}
    assert shelves.store.reads == 2
    shelves.install(rule("second"))
    assert "second" in shelves.book.snapshot(consistent=True).rules
    assert shelves.rules_of() == {"first": 2, "second": 1}


def test_a_change_while_everything_is_read_is_not_taken_for_the_revision_before(shelves):
    """Else two functions would go by the same revision with different rules, and undo what the other found."""
    everything, changes = shelves.store.everything, [rule("second"), rule("third")]

    def raced():
        found = everything()
        if changes:
            shelves.install(changes.pop())
            return everything()
        return found

    shelves.install(rule("first"))
    shelves.store.everything = raced
    standing = shelves.book.of(["cold-1"])["cold-1"]
    assert (standing.revision, set(shelves.rules_of())) == (shelves.store.revision(), {"first", "second", "third"})


def test_devices_with_the_same_rules_share_one_program_also_after_other_rules_changed(shelves):
    shelves.install(rule("one", "group:plant-1"))
    for number in range(2, 5):
        shelves.registry.put(device(f"cold-{number}", "plant-1/line-2" if number < 4 else "plant-1/line-3"))
    things = [f"cold-{number}" for number in range(1, 5)]
    first = {id(one.program) for one in shelves.book.of(things).values()}
    assert len(first) == 1
    shelves.install(rule("two", "device:cold-2"))
    shelves.later()
    programs = {thing: id(one.program) for thing, one in shelves.book.of(things).items()}
    assert {programs[thing] for thing in ("cold-1", "cold-3", "cold-4")} == first
    assert programs["cold-2"] not in first
    rules = {one.rule.id: one.rule for one in shelves.book.of(["cold-2"])["cold-2"].program.rules}
    again = {one.rule.id: one.rule for one in shelves.book.of(["cold-1"])["cold-1"].program.rules}
    assert rules["climate:no_data"] is again["climate:no_data"], "and what is compiled of a rule is known by its object"


def test_devices_are_remembered_for_a_minute_unless_they_are_known_or_asked_for_afresh(shelves):
    assert shelves.book.models_of(["cold-1", "nobody"])["cold-1"].name == "climate"
    assert shelves.book.of(["nobody", "cold-1"])["nobody"].device is None
    assert shelves.asked == [["cold-1", "nobody"]]
    moved = device("cold-1", "plant-2")
    shelves.registry.put(moved)
    assert shelves.book.of(["cold-1"])["cold-1"].device.group == "plant-1/line-2"
    assert shelves.book.of(["cold-1"], {"cold-1": moved})["cold-1"].device == moved
    assert len(shelves.asked) == 1
    assert shelves.book.of(["cold-1"], fresh=True)["cold-1"].device == moved
    shelves.later(DEVICE_MS)
    shelves.book.of(["cold-1"])
    assert shelves.asked[1:] == [["cold-1"], ["cold-1"]]


def test_memory_is_bounded_whatever_the_fleet(shelves, monkeypatch):
    monkeypatch.setattr("functions.services.rulebook.MAX_DEVICES", 3)
    monkeypatch.setattr("functions.services.rulebook.MAX_PROGRAMS", 2)
    assert MAX_DEVICES > 3
    for number in range(10):
        shelves.registry.put(device(f"d-{number}", f"plant-{number}"))
        shelves.install(rule(f"r{number}", f"group:plant-{number}"))
    for number in range(10):
        assert shelves.rules_of(f"d-{number}") == {f"r{number}": 1}
    assert len(shelves.book._devices) <= 3
    assert len(shelves.book._programs) <= 2
    assert len(shelves.book._by_rules) <= 2


def test_what_another_release_wrote_is_told_and_everything_else_goes_on(shelves):
    shelves.install(rule("good"))
    shelves.install({**rule("newer"), "when": {"metric": "temperature", "resonates": 1}})
    shelves.install({"rule": "no-rule"})
    shelves.install({"fieldline:name": "climate", "@type": "tm:NewModel"}, shelves.store.models)
    assert shelves.rules_of() == {"good": 1}
    assert shelves.book.models["climate"] == shipped()["climate"]
    assert {what for what, _ in shelves.broken} == {"the rule newer", "the rule no-rule", "the model climate"}
    assert "resonates" in dict(shelves.broken)["the rule newer"]


def test_a_thousand_rules_cost_a_device_only_its_own(shelves, monkeypatch):
    read = []
    decode = msgspec.json.decode
    for number in range(200):
        shelves.install(rule(f"r{number}", f"group:plant-{number}"))
    shelves.book.snapshot()
    monkeypatch.setattr("functions.domain.rules.msgspec.json.decode", lambda text: read.append(text) or decode(text))
    assert shelves.rules_of() == {"r1": 1}
    assert len(read) <= 1


def test_the_entry_beside_a_state_is_as_new_as_the_state(shelves):
    shelves.install(rule("of-plant-1", "group:plant-1"))
    shelves.install(rule("of-plant-2", "group:plant-2"))
    assert set(shelves.rules_of()) == {"of-plant-1"}
    asked = len(shelves.asked)
    moved = DeviceState(device=device("cold-1", "plant-2"))
    found = shelves.book.standings({"cold-1": moved, "cold-9": DeviceState()})
    assert found["cold-1"].device.group == "plant-2"
    assert "of-plant-2" in found["cold-1"].program.compiled
    assert "of-plant-1" not in found["cold-1"].program.compiled
    assert shelves.asked[asked:] == [["cold-9"]], "whom no state tells of"
