import json
from itertools import permutations

import pytest

from functions.adapters.memory import MemoryPresenceStore, MemorySettleLater, MemoryWorld
from functions.adapters.memory_alarm_queues import MemoryAlarmsQueue
from functions.adapters.memory_commands import MemoryCommandQueue
from functions.adapters.memory_live import MemoryLivePublisher
from functions.domain.live import Kind
from functions.domain.presence import SETTLE, Status
from functions.errors import AlarmsError, QueueMessageError, StateError
from functions.services.presence import KeepPresence


def event(kind, session, at, client="pump-1", version=0):
    return json.dumps(
        {
            "clientId": client,
            "timestamp": at,
            "eventType": kind,
            "sessionIdentifier": session,
            "principalIdentifier": "p",
            "versionNumber": version,
            "ipAddress": "192.0.2.1",
            "unknown": [1],
        }
    )


def settle(session, thing="pump-1"):
    return json.dumps({"v": 1, "kind": SETTLE, "thing": thing, "at": 0, "data": {"session": session}})


@pytest.fixture
def world():
    return MemoryWorld()


@pytest.fixture
def later():
    return MemorySettleLater()


@pytest.fixture
def live():
    return MemoryLivePublisher()


@pytest.fixture
def alarms():
    return MemoryAlarmsQueue()


@pytest.fixture
def keep(world, later, live, alarms):
    return KeepPresence(MemoryPresenceStore(world), later, range(3), live, MemoryCommandQueue(), alarms)


def test_a_connect_is_kept_and_nothing_scheduled(keep, world, later):
    assert keep.take(event("connected", "s1", 5))
    assert world.presences["pump-1"].status is Status.ONLINE
    assert later.scheduled == []


def test_a_disconnect_asks_to_settle_later_and_then_settles(keep, world, later):
    keep.take(event("connected", "s1", 5))
    keep.take(event("disconnected", "s1", 9))
    assert later.scheduled == [("pump-1", "s1#0")]
    assert world.presences["pump-1"].status is Status.ONLINE
    assert keep.take(settle("s1#0"))
    assert world.presences["pump-1"].status is Status.OFFLINE


def test_whoever_watches_is_told_what_people_see_and_of_nothing_else(keep, live):
    keep.take(event("connected", "s1", 5))
    keep.take(event("connected", "s1", 5))
    keep.take(event("disconnected", "s1", 9))
    keep.take(settle("s1#0"))
    assert [(one.kind, one.thing, one.at, one.data["status"]) for one in live.events] == [
        (Kind.PRESENCE, "pump-1", 5, "online"),
        (Kind.PRESENCE, "pump-1", 9, "offline"),
    ]


def test_rules_are_looked_at_once_a_device_is_seen_to_come_or_go(keep, alarms):
    woken = []
    for body in (event("connected", "s1", 5), event("disconnected", "s1", 9), settle("s1#0")):
        keep.take(body)
        woken.append([(work.thing, delay_s) for work, delay_s in alarms.work])
        alarms.work.clear()
    assert woken == [[("pump-1", 0)], [], [("pump-1", 0)]]


def test_what_comes_again_has_rules_looked_at_again_since_the_first_may_have_failed_before_that(keep, alarms, world):
    alarms.fails = True
    with pytest.raises(AlarmsError):
        keep.take(event("connected", "s1", 5))
    assert world.presences["pump-1"].status is Status.ONLINE
    alarms.fails = False
    keep.take(event("connected", "s1", 5))
    keep.take(event("disconnected", "s1", 9))
    alarms.fails = True
    with pytest.raises(AlarmsError):
        keep.take(settle("s1#0"))
    assert world.presences["pump-1"].status is Status.OFFLINE
    alarms.fails = False
    keep.take(settle("s1#0"))
    assert [work.thing for work, _ in alarms.work] == ["pump-1", "pump-1"]


def test_what_says_nothing_of_where_a_device_is_wakes_nobody(keep, alarms):
    keep.take(event("connected", "s2", 20, version=2))
    alarms.work.clear()
    keep.take(event("connected", "s1", 5))
    keep.take(event("disconnected", "s1", 9))
    keep.take(settle("s1#0"))
    keep.take(settle("s9#0", "ghost"))
    assert [work.thing for work, _ in alarms.work] == ["pump-1"]


def test_a_reconnect_before_the_settle_message_wins(keep, world, later):
    for body in (
        event("connected", "s1", 5),
        event("disconnected", "s1", 9),
        event("connected", "s2", 10),
        settle("s1#0"),
    ):
        keep.take(body)
    assert world.presences["pump-1"].status is Status.ONLINE


def test_a_session_that_is_resumed_is_online_again_in_whatever_order_it_is_told(world):
    told = [
        event("connected", "s1", 5, version=3),
        event("disconnected", "s1", 9, version=3),
        event("connected", "s1", 12, version=4),
    ]
    for bodies in permutations(told):
        queue = MemoryCommandQueue()
        keep = KeepPresence(
            MemoryPresenceStore(MemoryWorld()),
            MemorySettleLater(),
            range(3),
            MemoryLivePublisher(),
            queue,
            MemoryAlarmsQueue(),
        )
        for body in bodies:
            keep.take(body)
        keep.take(settle("s1#3"))
        presence = keep._presences.read("pump-1")
        assert (presence.status, presence.since, presence.connected) == (Status.ONLINE, 12, True)
        assert ("pump-1", "device_online", 12) in queue.wakes


def test_a_disconnect_delivered_again_asks_again_until_it_is_settled(keep, world, later):
    keep.take(event("disconnected", "s1", 9))
    keep.take(event("disconnected", "s1", 9))
    assert len(later.scheduled) == 2
    keep.take(settle("s1#0"))
    keep.take(event("disconnected", "s1", 9))
    assert len(later.scheduled) == 2


def test_a_settle_for_a_device_never_heard_changes_nothing(keep, world):
    keep.take(settle("s1#0", "ghost"))
    assert world.presences == {}


@pytest.mark.parametrize("client", ["Console 1", "", "a/b", "iotconsole-#"])
def test_a_client_that_is_no_thing_is_left_alone(keep, world, client):
    assert not keep.take(event("connected", "s1", 5, client))
    assert world.presences == {}


@pytest.mark.parametrize("body", ["", "{}", "not JSON", '{"v":1,"kind":"other","thing":"x","at":1}', b"\xff"])
def test_what_is_no_lifecycle_event_belongs_into_the_dead_letter_queue(keep, body):
    with pytest.raises(QueueMessageError, match="expected a lifecycle event"):
        keep.take(body)


def test_a_write_that_lost_the_race_is_made_again_on_what_the_other_wrote(keep, world):
    store = keep._presences
    save, raced = store.save, []

    def race(thing, presence):
        if not raced:
            raced.append(True)
            keep.take(event("connected", "s2", 100, version=1))
        return save(thing, presence)

    store.save = race
    keep.take(event("connected", "s1", 5))
    assert [session.id for session in world.presences["pump-1"].sessions] == ["s1#0", "s2#1"]


def test_losing_every_race_is_an_error(keep):
    keep._presences.save = lambda thing, presence: False
    with pytest.raises(StateError, match="written by others"):
        keep.take(event("connected", "s1", 5))
