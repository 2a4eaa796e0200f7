"""From a change to those who watch, and to nobody else."""

from threading import Lock, Thread

import pytest

from functions.domain.access import Role
from functions.domain.live import FRAME_BYTES, Kind, LiveEvent, Outcome
from functions.errors import LiveError
from functions.services import live_publisher
from tests.functions.live_world import ANN, BOB, LiveWorld


@pytest.fixture
def world(clock):
    return LiveWorld(clock)


def latest(thing="pump-1", group="plant-1/line-1", at=1, **values):
    data = {
        metric: {"ts": at, "value": value, "q": "good"} for metric, value in (values or {"temperature": at}).items()
    }
    return LiveEvent(Kind.LATEST, thing, group, at, data)


def watch(world, connection, principal=ANN, **what):
    world.connect(connection, principal)
    assert world.say(connection, type="subscribe", **what)["type"] == "subscribed"
    world.clock.now += 5_001


def test_a_change_reaches_whoever_watches_the_device_its_groups_or_everything(world):
    watch(world, "c1", devices=["pump-1"])
    watch(world, "c2", groups=["plant-1"])
    watch(world, "c3", all=True)
    watch(world, "c4", devices=["pump-2"])
    report = world.change(latest())
    assert (report.connections, report.frames, report.events) == (3, 3, 1)
    for connection in ("c1", "c2", "c3"):
        (frame,) = world.told(connection)
        assert frame["events"][0]["data"]["temperature"]["value"] == 1
    assert world.told("c4") == []


def test_while_nobody_watches_nothing_is_queued_and_the_set_is_read_once_in_five_seconds(world, clock):
    for _ in range(100):
        world.publisher.publish([latest(group=None)])
    assert (world.queue.messages, world.connections.reads, world.devices.reads) == ([], 1, 0)
    clock.now += 5_000
    world.publisher.publish([latest(group=None)])
    assert world.connections.reads == 2


def test_what_nobody_watches_is_not_queued_though_something_else_is(world):
    watch(world, "c1", devices=["pump-2"])
    world.publisher.publish([latest(), latest("pump-2", "plant-1/line-2")])
    (message,) = world.queue.messages
    assert b"pump-2" in message
    assert b"pump-1" not in message


def test_a_publisher_who_does_not_know_the_group_has_it_found_out(world):
    watch(world, "c1", groups=["plant-1"])
    world.change(latest(group=None))
    assert world.told("c1")[0]["events"][0]["group"] == "plant-1/line-1"


def test_publishing_side_by_side_neither_loses_what_is_watched_nor_trips_over_a_full_memory(world, monkeypatch):
    watch(world, "c1", all=True)
    monkeypatch.setattr(live_publisher, "MAX_REMEMBERED", 2)
    others = [Thread(target=world.publisher.publish, args=([latest(thing, None)],)) for thing in ("pump-2", "press-1")]

    def beside(other, call):
        first = Lock()

        def called(*args):
            if first.acquire(blocking=False):  # whoever of the threads comes first, and only once
                other.start()
                other.join(0.05)
            return call(*args)

        return called

    monkeypatch.setattr(world.connections, "marks", beside(others[0], world.connections.marks))
    world.publisher.publish([latest(group=None)])
    monkeypatch.setattr(world.devices, "find", beside(others[1], world.devices.find))
    world.publisher.publish([latest(group=None), latest("pump-9", None)])
    for other in others:
        other.join()
    queued = b"".join(world.queue.messages)
    assert [queued.count(b'"%s"' % thing) for thing in (b"pump-1", b"pump-2", b"press-1", b"pump-9")] == [2, 1, 1, 1]


def test_an_unregistered_device_is_told_to_a_reader_of_everything(world):
    watch(world, "c1", all=True)
    watch(world, "c2", BOB, all=True)
    world.change(latest("stray-1", None))
    assert world.told("c1")[0]["events"][0]["device"] == "stray-1"
    assert world.told("c2") == []


def test_a_connection_that_watches_by_several_ways_is_told_once(world):
    watch(world, "c1", all=True, devices=["pump-1"], groups=["plant-1", "plant-1/line-1"])
    world.change(latest())
    (frame,) = world.told("c1")
    assert len(frame["events"]) == 1


def alarm(version=1, thing="pump-1", group="plant-1/line-1"):
    return LiveEvent(Kind.ALARM, thing, group, version, {"version": version, "state": "active"}, alarm=f"{thing}.1")


def test_whoever_watches_alarms_is_told_those_he_may_see_and_nothing_else(world):
    watch(world, "c1", alarms=True)
    watch(world, "c2", BOB, alarms=True)
    presence = LiveEvent(Kind.PRESENCE, "pump-1", "plant-1/line-1", 1, {"status": "offline"})
    world.publisher.publish([latest(), presence])
    assert world.queue.messages == []
    world.change(alarm(), alarm(thing="press-1", group="plant-2"), alarm(thing="stray-1", group=""), latest())
    ((everything,), (some,)) = (world.told("c1"), world.told("c2"))
    assert [event["alarm"] for event in everything["events"]] == ["press-1.1", "pump-1.1", "stray-1.1"]
    assert [event["alarm"] for event in some["events"]] == ["pump-1.1"]
    assert {event["kind"] for event in everything["events"]} == {"alarm"}


def test_while_alarms_alone_are_watched_publishing_values_reads_no_device_and_sends_nothing(world):
    watch(world, "c1", alarms=True)
    before = world.devices.reads
    for _ in range(100):
        world.publisher.publish([latest(group=None)])
    assert (world.queue.messages, world.connections.reads, world.devices.reads) == ([], 1, before)
    watch(world, "c2", groups=["plant-1"])
    world.change(latest(group=None), alarm())
    assert [event["kind"] for event in world.told("c1")[0]["events"]] == ["alarm"]
    assert [event["kind"] for event in world.told("c2")[0]["events"]] == ["alarm", "latest"]


def test_an_alarm_is_told_once_by_however_many_ways_it_is_watched(world):
    watch(world, "c1", all=True, alarms=True, devices=["pump-1"], groups=["plant-1"])
    world.change(alarm(1), alarm(2))
    (frame,) = world.told("c1")
    assert [event["data"]["version"] for event in frame["events"]] == [2]


def test_watched_alarms_follow_the_grants_of_the_moment(world, clock):
    watch(world, "c1", BOB, alarms=True)
    world.change(alarm(1))
    assert len(world.told("c1")) == 1
    world.grant(BOB, Role.VIEWER, "group:plant-2")
    clock.now += 31_000
    world.change(alarm(2), alarm(3, "press-1", "plant-2"))
    (frame,) = world.told("c1")
    assert [event["alarm"] for event in frame["events"]] == ["press-1.1"]


def test_watched_alarms_end_when_none_may_be_seen_any_more(world, clock, monkeypatch):
    from functions.domain import access

    watch(world, "c1", BOB, alarms=True)
    monkeypatch.setitem(access.MATRIX, access.Permission.ALARMS_READ, frozenset({Role.ADMIN}))
    report = world.change(alarm())
    assert world.told("c1") == [{"type": "revoked", "topics": ["alarms"]}]
    assert report.revoked == 1
    assert world.connections.marks() == frozenset()


def test_changes_of_a_batch_are_coalesced_and_steps_of_commands_are_not(world):
    watch(world, "c1", all=True)
    steps = [LiveEvent(Kind.COMMAND, "pump-1", "plant-1", at, {"status": str(at)}, "c") for at in (5, 6)]
    world.change(latest(at=1), latest(at=3), latest(at=2), *steps)
    (frame,) = world.told("c1")
    assert [event["at"] for event in frame["events"]] == [3, 5, 6]


def test_frames_are_bounded(world):
    watch(world, "c1", all=True)
    world.change(*(latest(f"pump-{n}", "plant-1", **{f"m{k}": "x" * 200 for k in range(50)}) for n in range(20)))
    assert len(world.sockets.sent["c1"]) > 5
    assert all(len(frame) < FRAME_BYTES for frame in world.sockets.sent["c1"])


def test_a_grant_taken_away_ends_the_subscription_and_its_owner_is_told(world, clock):
    watch(world, "c1", BOB, groups=["plant-1"])
    world.change(latest())
    assert world.told("c1")[0]["type"] == "events"
    world.grant(BOB, Role.VIEWER, "group:plant-2")
    clock.now += 31_000
    report = world.change(latest(at=2))
    assert world.told("c1") == [{"type": "revoked", "topics": ["group:plant-1"]}]
    assert report.revoked == 1
    world.change(latest(at=3))
    assert world.told("c1") == []


def test_somebody_disabled_is_told_so_within_half_a_minute_and_his_connection_ends(world, clock):
    watch(world, "c1", BOB, groups=["plant-1"])
    world.change(latest())
    world.told("c1")
    world.grant(BOB, Role.VIEWER, "group:plant-1", disabled=True)
    clock.now += 31_000
    world.change(latest(at=2))
    assert world.told("c1") == [{"type": "revoked", "topics": ["group:plant-1"], "everything": True}]
    assert world.sockets.closed == ["c1"]


def test_a_device_that_moved_out_of_the_scope_is_no_longer_told(world, clock):
    watch(world, "c1", BOB, devices=["pump-1"])
    world.devices.groups["pump-1"] = "plant-2"
    clock.now += 31_000
    world.change(latest(group=None))
    assert world.told("c1") == [{"type": "revoked", "topics": ["device:pump-1"]}]


def test_what_takes_another_permission_is_told_by_that_permission(world, monkeypatch):
    from functions.domain import access

    watch(world, "c1", BOB, devices=["pump-1"])
    monkeypatch.setitem(access.MATRIX, access.Permission.CONFIG_READ, frozenset({Role.ADMIN}))
    world.change(
        LiveEvent(Kind.CONFIG, "pump-1", "plant-1/line-1", 1, {}),
        LiveEvent(Kind.STATE, "pump-1", "plant-1/line-1", 1, {}),
    )
    (frame,) = world.told("c1")
    assert [event["kind"] for event in frame["events"]] == ["state"]


def test_a_slow_client_is_dropped_and_nothing_waits_for_it(world):
    watch(world, "c1", all=True)
    watch(world, "c2", all=True)
    world.sockets.outcomes["c1"] = Outcome.SLOW
    report = world.change(latest())
    assert (report.slow, report.frames) == (1, 1)
    assert world.sockets.closed == ["c1"]
    assert world.connections.of(ANN) == ["c2"]
    assert len(world.told("c2")) == 1


def test_a_connection_that_is_gone_is_forgotten_and_its_topics_with_it(world):
    watch(world, "c1", devices=["pump-1"])
    world.sockets.outcomes["c1"] = Outcome.GONE
    assert world.change(latest()).gone == 1
    assert world.connections.marks() == frozenset()
    assert world.sockets.closed == []


def test_a_frame_that_failed_for_once_costs_no_connection(world):
    watch(world, "c1", all=True)
    world.sockets.outcomes["c1"] = Outcome.FAILED
    assert world.change(latest()).unsent == 1
    assert world.connections.of(ANN) == ["c1"]


def test_a_topic_that_is_in_the_set_but_watched_by_nobody_leaves_it(world, clock):
    watch(world, "c1", devices=["pump-1"])
    world.connections._open.clear()
    assert world.connections.marks()
    world.change(latest())
    assert world.connections.marks() == frozenset()


def test_what_waited_too_long_is_not_sent(world, clock):
    watch(world, "c1", all=True)
    world.publisher.publish([latest()])
    clock.now += 60_001
    report = world.push.take({"1": world.queue.messages[0]})
    assert (report.stale, report.events, report.failed) == (1, 0, set())
    assert world.told("c1") == []


def test_values_that_are_old_but_came_just_now_are_sent(world, clock):
    watch(world, "c1", all=True)
    world.change(latest(at=clock.now - 3_600_000))
    assert len(world.told("c1")) == 1


def test_what_is_no_message_of_ours_fails_alone(world):
    watch(world, "c1", all=True)
    world.publisher.publish([latest()])
    report = world.push.take({"1": world.queue.messages[0], "2": b"{"})
    assert report.failed == {"2"}
    assert len(world.told("c1")) == 1


def test_when_the_table_is_down_the_batch_comes_again(world):
    watch(world, "c1", all=True)
    world.publisher.publish([latest()])

    def down(_):
        raise LiveError("down")

    world.connections.watchers = down
    assert world.push.take({"1": world.queue.messages[0]}).failed == {"1"}


def test_publishing_never_raises(world, clock):
    watch(world, "c1", all=True)

    def down(*_):
        raise LiveError("down")

    world.queue.send = down
    world.publisher.publish([latest()])
    world.connections.marks = down
    clock.now += 5_000
    world.publisher.publish([latest()])


def test_many_events_travel_in_messages_that_fit_the_queue(world):
    watch(world, "c1", all=True)
    world.publisher.publish(
        [latest(f"pump-{n}", "plant-1", **{f"m{k}": "x" * 200 for k in range(50)}) for n in range(20)]
    )
    assert len(world.queue.messages) > 3
    assert all(len(message) < 64 * 1024 for message in world.queue.messages)
