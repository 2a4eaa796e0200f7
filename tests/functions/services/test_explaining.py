"""Where rules stand on a device, and why: from what they remember, and from what is stored."""

import json

import pytest
from msgspec.structs import replace

from contract.models import shipped
from functions.adapters.memory import MemoryStateStore, MemoryTelemetryStore, MemoryWorld
from functions.adapters.memory_registry import MemoryRegistry
from functions.adapters.memory_rules import MemoryRules
from functions.domain.access import By
from functions.domain.definitions import Definition
from functions.domain.engine.inputs import Input
from functions.domain.explaining import Outlook
from functions.domain.series import Point
from functions.domain.state import DeviceState, Latest
from functions.errors import ConflictError, NotFoundError, RequestError
from functions.services.explaining import Explaining
from functions.services.gate import Gate
from functions.services.rulebook import Rulebook
from tests.functions.api_harness import person
from tests.functions.registering import ANN, device, note

MINUTE, DAY = 60_000, 86_400_000
WARM = {"rule": "warm", "scope": "*", "severity": "major", "when": {"metric": "temperature", "above": 8}}
WHO = ANN.principal


class Plant:
    """A device whose rules run as in ingest."""

    def __init__(self, clock):
        self.clock = clock
        self.world = MemoryWorld()
        self.series = MemoryTelemetryStore(clock=clock, retention_ms=90 * DAY)
        self.registry = MemoryRegistry()
        self.registry.put(device("cold-1", "plant-1", "climate", tags={"limit": "8"}))
        self.store = MemoryRules()
        self.book = Rulebook(self.store, self.registry, clock, shipped=shipped())
        self.seq = 0
        self.explaining = Explaining(
            gate=Gate(self.registry),
            rulebook=self.book,
            states=MemoryStateStore(self.world),
            series=self.series,
            clock=clock,
        )

    def install(self, document):
        author = By("user:ann", "ann")
        version = self.store.rules.newest(document["rule"]) + 1
        made = Definition(
            id=document["rule"], text=json.dumps(document), version=version, created_at=1, updated_at=1, by=author
        )
        assert self.store.rules.save(self.store.rules.find(made.id), made, note(made.id))

    def hear(self, **values):
        """A message of now: its values are stored, and its rules run."""
        now = self.clock.now
        points = [
            Point("cold-1", metric, now, value, "good", late=False, received_at=now) for metric, value in values.items()
        ]
        assert self.series.write(points) == []
        state = self.world.states.get("cold-1", DeviceState())
        program = self.book.of(["cold-1"])["cold-1"].program
        message = Input("boot", self.seq, now, now, ((now, values),))
        outcome = program.run("cold-1", state, [message], None, attributes={"limit": "8"})
        self.seq += 1
        latest = {**state.latest, **{metric: Latest(now, value, "good") for metric, value in values.items()}}
        self.world.states["cold-1"] = replace(
            state,
            version=state.version + 1,
            latest=latest,
            rules=outcome.rules,
            alarms=outcome.alarms,
            armed=outcome.armed,
        )

    def explain(self, rule="warm", at=None, who=WHO):
        return self.explaining.explain(who, "cold-1", rule, at).explained


@pytest.fixture
def plant(clock):
    plant = Plant(clock)
    plant.install(WARM)
    return plant


def test_a_device_that_was_never_heard_has_rules_of_which_nothing_is_known(plant):
    found = {one.in_force.rule.id: one for one in plant.explaining.rules(WHO, "cold-1")}
    assert {"warm", "climate:no_data"} <= found.keys()
    assert found["warm"].explained.outlook is Outlook.UNKNOWN
    assert found["warm"].explained.reasons == ("temperature above 8: it never came",)
    assert (found["warm"].in_force.version, found["climate:no_data"].in_force.definition) == (1, None)


def test_a_rule_that_has_fired_says_since_when_and_as_which_alarm(plant):
    plant.hear(temperature=7.0)
    plant.clock.now += MINUTE
    raised_at = plant.clock.now
    plant.hear(temperature=9.5)
    plant.clock.now += 5 * MINUTE
    found = plant.explain()
    assert (found.outlook, found.since, found.severity, found.number) == (Outlook.ACTIVE, raised_at, "major", 1)
    assert found.reasons == ("temperature above 8: it was 9.5 at 16:01:00",)
    (band,) = found.bands
    assert (band["severity"], band["fired"], band["when"]["age_ms"]) == ("major", True, 5 * MINUTE - 10_000)


def test_one_that_has_not_says_what_keeps_it_also_when_its_samples_were_passed_over(plant):
    for value in (7.0, 6.0, 5.0):
        plant.hear(temperature=value)
        plant.clock.now += MINUTE
    found = plant.explain()
    assert (found.outlook, found.number) == (Outlook.INACTIVE, None)
    assert found.reasons == ("temperature above 8: it was 5 at 16:02:00",)


def test_a_duration_that_runs_is_waited_for(plant):
    plant.install(WARM | {"when": {"metric": "temperature", "above": 8, "for": "10m"}})
    plant.hear(temperature=9.0)
    plant.clock.now += 5 * MINUTE
    found = plant.explain()
    assert found.outlook is Outlook.WAITING
    assert found.reasons == ("temperature above 8 for 10m: it was 9 at 16:00:00, so far for 4m50s",)


def test_what_is_due_by_now_is_seen_as_done(plant):
    plant.install(WARM | {"when": {"metric": "temperature", "above": 8, "for": "10m"}})
    plant.hear(temperature=9.0)
    plant.clock.now += 11 * MINUTE
    assert plant.explain().outlook is Outlook.ACTIVE


def test_an_alarm_with_a_clear_condition_says_why_it_is_not_cleared(plant):
    plant.install(WARM | {"clear": {"metric": "temperature", "below": 5}})
    plant.hear(temperature=9.0)
    plant.clock.now += MINUTE
    plant.hear(temperature=6.0)
    assert plant.explain().reasons == ("not cleared: temperature below 5: it was 6 at 16:01:00",)


def test_a_disabled_rule_is_known_as_one(plant):
    plant.install(WARM | {"enabled": False})
    plant.install({"rule": "climate:no_data", "scope": "model:climate", "enabled": False})
    found = {one.in_force.rule.id: one.explained.outlook for one in plant.explaining.rules(WHO, "cold-1")}
    assert found["warm"] is found["climate:no_data"] is Outlook.DISABLED


def test_a_rule_that_came_later_begins_now(plant):
    plant.hear(temperature=9.0)
    plant.install(WARM | {"rule": "humid", "when": {"metric": "humidity", "above": 1}})
    assert plant.explain("humid").outlook is Outlook.UNKNOWN


def test_an_earlier_time_is_told_by_what_is_stored(plant):
    begun = plant.clock.now
    for value in (7.0, 9.0, 9.0, 6.0):
        plant.hear(temperature=value)
        plant.clock.now += MINUTE
    plant.install(WARM | {"when": {"metric": "temperature", "above": 8, "for": "1m"}})
    outlooks = [plant.explain(at=begun + at * MINUTE).outlook for at in range(4)]
    assert outlooks == [Outlook.INACTIVE, Outlook.WAITING, Outlook.ACTIVE, Outlook.INACTIVE]
    found = plant.explain(at=begun + 2 * MINUTE)
    assert (found.since, found.number) == (begun + 2 * MINUTE, None)
    found = plant.explain(at=begun + 2 * MINUTE - 1)
    assert found.reasons == ("temperature above 8 for 1m: it was 9 at 16:01:00, so far for 59s",)
    assert plant.explain(at=begun - 1).reasons == ("temperature above 8 for 1m: it never came",)


def test_a_replay_sees_attributes_and_late_data_as_the_engine_does(plant):
    plant.install(WARM | {"when": {"metric": "temperature", "above": {"attribute": "limit"}}})
    now = plant.clock.now
    plant.series.write(
        [
            Point("cold-1", "temperature", now - 2000, 7.0, "good", late=False, received_at=now),
            Point("cold-1", "temperature", now - 1000, 9.0, "good", late=True, received_at=now),
        ]
    )
    assert plant.explain(at=now).reasons == ("temperature above limit (8): it was 7 at 15:59:58",)


@pytest.mark.parametrize("at", [1, -1])
def test_the_future_cannot_be_explained(plant, at):
    when = plant.clock.now + 1 if at > 0 else -1
    with pytest.raises(RequestError) as refused:
        plant.explain(at=when)
    assert refused.value.field == "at"


def test_only_whoever_may_see_the_device_hears_of_it(plant):
    for call in (plant.explain, lambda who: plant.explaining.rules(who, "cold-1")):
        with pytest.raises(NotFoundError, match="may not see it"):
            call(who=person(("admin", "group:plant-2")))
    assert plant.explain(who=person(("viewer", "device:cold-1"))).outlook is Outlook.UNKNOWN


def test_a_rule_that_does_not_apply_is_not_found(plant):
    plant.install(WARM | {"rule": "elsewhere", "scope": "group:plant-2"})
    with pytest.raises(NotFoundError, match="elsewhere"):
        plant.explain("elsewhere")


def test_a_state_of_another_release_is_said_to_be_one(plant):
    plant.world.states["cold-1"] = DeviceState(version=1, rules=b"\xff")
    with pytest.raises(ConflictError, match="cannot be read"):
        plant.explain()
