"""What the state table promises, over the fake and the real adapter."""

import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.adapters.dynamodb_items import attribute_value, value_attribute
from functions.adapters.dynamodb_registry import DynamoDBRegistry
from functions.adapters.dynamodb_state import DynamoDBAgentVersions, DynamoDBPresenceStore, DynamoDBStateStore
from functions.adapters.dynamodb_state_items import state_key
from functions.adapters.memory import MemoryAgentVersions, MemoryPresenceStore, MemoryStateStore, MemoryWorld
from functions.domain.presence import Presence, Session, Status
from functions.domain.state import MAX_BOOTS, MAX_METRICS, WINDOW, Boot, Counters, DeviceState, Latest, Room, Saved
from functions.errors import StateError
from tests.functions.registering import OneByOne, device, note
from tests.functions.saving import save

STATE = DeviceState(
    latest={"temperature": Latest(5, 21.4, "good"), "mood": Latest(6, "fine", "stale", unmodeled=True)},
    boots=(Boot("b1", 7, 0b101), Boot("b2", 2**53 - 1, (1 << WINDOW) - 1)),
    counters=Counters(1, 2, 3, 4, 5),
)


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request):
    if request.param == "memory":
        world = MemoryWorld()
        return SimpleNamespace(
            states=MemoryStateStore(world),
            presences=MemoryPresenceStore(world),
            statuses=world,
            versions=MemoryAgentVersions(world),
        )
    client = request.getfixturevalue("dynamodb")
    states = DynamoDBStateStore(client, "state")
    return SimpleNamespace(
        states=states,
        presences=DynamoDBPresenceStore(client, "state"),
        statuses=states,
        versions=DynamoDBAgentVersions(client, "state"),
    )


def test_a_device_never_heard_has_an_empty_state(stores):
    assert stores.states.read(["pump-1"]) == {"pump-1": DeviceState()}
    assert stores.states.read([]) == {}
    assert stores.statuses.statuses(["pump-1"]) == {}


def test_a_state_is_read_as_it_was_saved_with_the_next_version(stores):
    assert save(stores.states, {"pump-1": STATE}) == Saved()
    (state,) = stores.states.read(["pump-1"]).values()
    assert (state.version, state.latest, state.boots, state.counters) == (
        1,
        STATE.latest,
        STATE.boots,
        STATE.counters,
    )


def test_a_state_read_before_somebody_else_wrote_is_not_saved(stores):
    first = stores.states.read(["pump-1"])
    second = stores.states.read(["pump-1"])
    assert save(stores.states, first) == Saved()
    assert save(stores.states, {**second, "pump-2": STATE}) == Saved(frozenset({"pump-1"}))
    assert stores.states.read(["pump-2"])["pump-2"].counters == STATE.counters
    assert save(stores.states, stores.states.read(["pump-1"])) == Saved()
    assert stores.states.read(["pump-1"])["pump-1"].version == 2


def test_many_devices_are_read_and_saved_together(stores):
    things = [f"pump-{at}" for at in range(230)]
    assert save(stores.states, dict.fromkeys(things, STATE)) == Saved()
    assert {state.version for state in stores.states.read(things).values()} == {1}
    assert len(stores.statuses.statuses(things)) == 230


def test_presence_and_state_do_not_touch_each_other(stores):
    presence = Presence(
        status=Status.OFFLINE,
        since=9,
        reason="CONNECTION_LOST",
        sessions=(Session(id="s1", version=3, connected_at=5, disconnected_at=9, reason="CONNECTION_LOST"),),
    )
    assert stores.presences.save("pump-1", presence)
    assert save(stores.states, {"pump-1": STATE}) == Saved()
    read = stores.presences.read("pump-1")
    assert (read.revision, read.status, read.since, read.reason, read.sessions) == (
        1,
        presence.status,
        9,
        presence.reason,
        presence.sessions,
    )
    status = stores.statuses.statuses(["pump-1"])["pump-1"]
    assert (status.presence, status.state.counters, status.quarantined) == (read, STATE.counters, {})


def test_a_presence_read_before_somebody_else_wrote_is_not_saved(stores):
    old = stores.presences.read("pump-1")
    assert old == Presence()
    assert stores.presences.save("pump-1", old)
    assert not stores.presences.save("pump-1", old)
    assert stores.presences.save("pump-1", stores.presences.read("pump-1"))
    assert stores.presences.read("pump-1").revision == 2


values = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1e308, -5e-324, 1e126, 1e-130, 2.0**53, 1e125, 9.99e125])
    | st.booleans()
    | st.text(max_size=256)
)


@given(values)
def test_any_value_survives_dynamodb_s_json(value):
    again = attribute_value(value_attribute(value))
    assert (type(again), again) == (type(value), value)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text("abc", min_size=1, max_size=4), values, max_size=5))
def test_any_value_survives_the_table(dynamodb, latest):
    store = DynamoDBStateStore(dynamodb, "state")
    thing = f"t-{hash(json.dumps(latest)) & 0xFFFFFFFF}"
    before = store.read([thing])[thing]
    known = {metric: Latest(1, value, "good") for metric, value in latest.items()}
    save(store, {thing: DeviceState(version=before.version, latest=known)})
    assert store.read([thing])[thing].latest == known


def test_what_a_newer_version_added_is_not_in_the_way_and_its_counters_stay(dynamodb):
    states = DynamoDBStateStore(dynamodb, "state")
    presences = DynamoDBPresenceStore(dynamodb, "state")
    sessions = (Session(id="s1", connected_at=5),)
    presences.save("pump-1", Presence(status=Status.ONLINE, since=5, sessions=sessions))
    save(states, {"pump-1": STATE})
    dynamodb.update_item(
        TableName="state",
        Key=state_key("pump-1"),
        UpdateExpression="SET #new = :map, counters.#new = :seven, latest.temperature.#new = :map, "
        "#stream[0].#new = :map, presence.#new = :map, presence.sessions = :sessions, presence.#status = :sleeping",
        ExpressionAttributeNames={"#new": "new", "#stream": "stream", "#status": "status"},
        ExpressionAttributeValues={
            ":map": {"M": {"x": {"NULL": True}}},
            ":seven": {"N": "7"},
            ":sessions": {"S": '[{"id":"s1","connected_at":5,"new":{}}]'},
            ":sleeping": {"S": "sleeping"},
        },
    )
    state = states.read(["pump-1"])["pump-1"]
    assert (state.version, state.latest, state.boots, state.counters) == (1, STATE.latest, STATE.boots, STATE.counters)
    status = states.statuses(["pump-1"])["pump-1"]
    assert (status.presence.status, status.presence.sessions) == (Status.UNKNOWN, sessions)
    assert presences.read("pump-1") == status.presence
    more = Counters(messages=9)
    assert save(states, {"pump-1": replace(state, counters=more)}) == Saved()
    assert states.read(["pump-1"])["pump-1"].counters == more
    (item,) = dynamodb.scan(TableName="state")["Items"]
    assert item["counters"]["M"]["new"] == {"N": "7"}
    assert "new" in item


def test_counters_that_an_older_version_did_not_write_are_zero(dynamodb):
    states = DynamoDBStateStore(dynamodb, "state")
    save(states, {"pump-1": STATE})
    dynamodb.update_item(TableName="state", Key=state_key("pump-1"), UpdateExpression="REMOVE counters.late")
    assert states.read(["pump-1"])["pump-1"].counters == replace(STATE.counters, late=0)


def test_a_state_whose_item_is_gone_is_a_conflict(stores):
    assert save(stores.states, {"pump-1": replace(STATE, version=3)}) == Saved(frozenset({"pump-1"}))


def size(attribute):
    """As DynamoDB counts an attribute's bytes, numbers generously."""
    ((kind, value),) = attribute.items()
    match kind:
        case "M":
            return 3 + sum(len(name.encode()) + 1 + size(item) for name, item in value.items())
        case "L":
            return 3 + sum(1 + size(item) for item in value)
        case "S":
            return len(value.encode())
        case "B":
            return len(value)
        case "N":
            return len(value) // 2 + 2
        case _:
            return 1


@pytest.mark.parametrize("value", [-1.7976931348623157e-120, "🌡" * 256, "x" * 40])
def test_the_fullest_item_stays_within_64_kb(dynamodb, value):
    latest, room = {}, Room({})
    for at in range(MAX_METRICS):
        if room.admit(name := f"m{at:063}", value):
            latest[name] = Latest(253_402_300_799_999, value, "estimated", unmodeled=True)
    boots = tuple(Boot(f"{at:064}", 2**53 - 1, (1 << WINDOW) - 1) for at in range(MAX_BOOTS))
    state = DeviceState(latest=latest, boots=boots, counters=Counters(*[2**53] * 5))
    save(DynamoDBStateStore(dynamodb, "state"), {"pump-1": state})
    sessions = tuple(
        Session(id=f"{at:036}", version=2**31, connected_at=10**13, disconnected_at=10**13, reason="X" * 40)
        for at in range(8)
    )
    DynamoDBPresenceStore(dynamodb, "state").save("pump-1", Presence(sessions=sessions))
    (item,) = dynamodb.scan(TableName="state")["Items"]
    assert size({"M": item}) < 63 * 1024


def refused(code, item=None):
    response = {"Error": {"Code": code, "Message": ""}}
    if item is not None:
        response["Item"] = item
    return ClientError(response, "UpdateItem")


class Stubborn:
    """A client whose update always fails so."""

    def __init__(self, exc):
        self.exc = exc

    def update_item(self, **request):
        self.request = request
        raise self.exc


def test_a_write_whose_answer_was_lost_is_recognised_as_its_own():
    mine = {"version": {"N": "1"}, "writer": {"S": "mine"}}
    client = Stubborn(refused("ConditionalCheckFailedException", mine))
    assert save(DynamoDBStateStore(client, "state", token=lambda: "mine"), {"pump-1": STATE}) == Saved()
    assert save(DynamoDBStateStore(client, "state", token=lambda: "other"), {"pump-1": STATE}).conflicts == {"pump-1"}
    assert client.request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


def test_a_write_beside_a_transaction_is_a_conflict():
    client = Stubborn(refused("TransactionConflictException"))
    assert save(DynamoDBStateStore(client, "state"), {"pump-1": STATE}).conflicts == {"pump-1"}
    assert not DynamoDBPresenceStore(client, "state").save("pump-1", Presence())


def test_any_other_refusal_is_that_device_s_failure_alone(dynamodb):
    class Refusing(Stubborn):
        def update_item(self, **request):
            if request["Key"]["pk"]["S"] == "DEVICE#pump-1":
                raise self.exc
            return dynamodb.update_item(**request)

    store = DynamoDBStateStore(Refusing(refused("ThrottlingException")), "state")
    saved = save(store, {f"pump-{at}": STATE for at in range(5)})
    assert saved.conflicts == frozenset()
    assert list(saved.failed) == ["pump-1"]
    assert "ThrottlingException" in saved.failed["pump-1"]
    assert len(dynamodb.scan(TableName="state")["Items"]) == 4


def test_a_refused_presence_is_an_error_that_names_the_device():
    client = Stubborn(refused("AccessDeniedException"))
    with pytest.raises(StateError, match="pump-1"):
        DynamoDBPresenceStore(client, "state").save("pump-1", Presence())


def test_keys_left_unprocessed_are_asked_again_and_reported_when_they_stay(backoff, waits):
    class Slow:
        def __init__(self, refusals):
            self.refusals = refusals

        def batch_get_item(self, RequestItems):  # noqa: N803 - boto3's name
            if self.refusals:
                self.refusals -= 1
                return {"Responses": {}, "UnprocessedKeys": RequestItems}
            return {"Responses": {"state": []}, "UnprocessedKeys": {}}

    assert DynamoDBStateStore(Slow(2), "state", backoff=backoff).read(["a"]) == {"a": DeviceState()}
    assert len(waits) == 2
    with pytest.raises(StateError, match="unprocessed"):
        DynamoDBStateStore(Slow(99), "state", backoff=backoff).read(["a"])


def test_a_state_comes_with_the_registry_s_entry_of_that_moment(dynamodb):
    registry = DynamoDBRegistry(dynamodb, "core", "state", OneByOne(dynamodb))
    store = DynamoDBStateStore(dynamodb, "state")
    pump = device("pump-1", "plant-1", tags={"limit": "8"})
    assert registry.save(None, pump, note("pump-1"))
    assert store.read(["pump-1"])["pump-1"] == DeviceState(device=pump), "also before it was heard"
    save(store, {"pump-1": store.read(["pump-1"])["pump-1"]})
    moved = replace(pump, group="plant-2", version=2)
    assert registry.save(pump, moved, note("pump-1"))
    state = store.read(["pump-1"])["pump-1"]
    assert (state.version, state.device) == (1, moved)
    assert registry.save(moved, replace(moved, decommissioned=True, version=3), note("pump-1"))
    assert store.read(["pump-1"])["pump-1"].device is None


def test_when_a_device_was_heard_is_kept_with_its_state(stores):
    assert save(stores.states, {"pump-1": STATE.heard_at(77), "pump-2": STATE}) == Saved()
    assert {thing: state.seen_at for thing, state in stores.states.read(["pump-1", "pump-2"]).items()} == {
        "pump-1": 77,
        "pump-2": None,
    }
    assert stores.statuses.statuses(["pump-1"])["pump-1"].state.seen_at == 77


def test_what_the_engine_keeps_is_read_with_a_status_only_where_it_is_asked_for(stores):
    save(stores.states, {"pump-1": replace(STATE, rules=b"kept")})
    assert stores.statuses.statuses(["pump-1"])["pump-1"].state.rules == b""
    assert stores.statuses.statuses(["pump-1"], engine=True)["pump-1"].state.rules == b"kept"


def test_the_agent_s_version_is_the_one_received_last(stores):
    stores.versions.save("pump-1", "0.2.0", 50)
    stores.versions.save("pump-1", "0.1.0", 40)
    assert stores.statuses.statuses(["pump-1"])["pump-1"].agent_version == "0.2.0"
    stores.versions.save("pump-1", "0.1.9", 50)
    stores.versions.save("pump-1", "0.3.0", 60)
    assert save(stores.states, {"pump-1": STATE}) == Saved()
    assert stores.statuses.statuses(["pump-1"])["pump-1"].agent_version == "0.3.0"
