"""A WebSocket's life: opened with a ticket, subscribed within one's scope, kept alive, cut off."""

import json

import pytest

from functions.domain import access
from functions.domain import live_frames as frames
from functions.domain.access import EVERYTHING, Grant, Kind, Role
from functions.domain.keys import Key
from functions.domain.live import LIFE_MS
from functions.errors import ForbiddenError, LiveError, UnauthorizedError
from functions.services.live_tickets import LIFE_MS as TICKET_MS
from tests.functions.live_world import ANN, BOB, ORIGIN, LiveWorld


@pytest.fixture
def world(clock):
    return LiveWorld(clock)


def test_a_ticket_opens_a_connection_of_its_principal(world):
    world.connect("c1")
    assert world.connections.of(ANN) == ["c1"]
    assert world.say("c1", type="hello")["type"] == "welcome"


def test_a_ticket_says_where_to_open_the_websocket_and_until_when(world, clock):
    ticket = world.ticket()
    assert ticket.url == f"wss://live.example/ws?ticket={ticket.ticket}"
    assert ticket.expires_at == clock.now + TICKET_MS
    assert len(ticket.ticket) == 43


def test_a_ticket_is_kept_as_its_hash_alone(world):
    assert world.ticket().ticket not in repr(vars(world.tickets))


def test_a_used_ticket_opens_nothing(world):
    ticket = world.ticket().ticket
    world.live.connect("c1", ticket, None)
    with pytest.raises(UnauthorizedError):
        world.live.connect("c2", ticket, None)
    assert world.connections.of(ANN) == ["c1"]


def test_an_expired_ticket_opens_nothing_and_one_about_to_expire_does(world, clock):
    first, second = world.ticket().ticket, world.ticket().ticket
    clock.now += TICKET_MS - 1
    world.live.connect("c1", first, None)
    clock.now += 1
    with pytest.raises(UnauthorizedError):
        world.live.connect("c2", second, None)


@pytest.mark.parametrize("ticket", [None, "", "x" * 43, "x" * 5000, "é" * 43, "\ud800" * 43])
def test_what_is_no_ticket_opens_nothing(world, ticket):
    with pytest.raises(UnauthorizedError):
        world.live.connect("c1", ticket, None)


def test_a_page_elsewhere_may_not_connect_and_does_not_use_up_the_ticket(world):
    ticket = world.ticket().ticket
    with pytest.raises(ForbiddenError):
        world.live.connect("c1", ticket, "https://evil.example")
    world.live.connect("c1", ticket, ORIGIN)


def test_whoever_was_disabled_since_his_ticket_may_not_connect(world):
    ticket = world.ticket(BOB).ticket
    world.grant(BOB, Role.VIEWER, "group:plant-1", disabled=True)
    with pytest.raises(UnauthorizedError):
        world.live.connect("c1", ticket, None)


def test_one_connection_too_many_closes_the_oldest(world, clock):
    for n in range(frames.MAX_CONNECTIONS + 2):
        clock.now += 1
        world.connect(f"c{n}")
    assert world.sockets.closed == ["c0", "c1"]
    assert world.connections.of(ANN) == [f"c{n}" for n in range(2, frames.MAX_CONNECTIONS + 2)]
    assert world.say("c0", type="ping") is None


def test_a_subscription_within_the_scope_is_taken_and_one_outside_is_refused_like_one_that_does_not_exist(world):
    world.connect("c1", BOB)
    answer = world.say("c1", type="subscribe", id="s", devices=["pump-1", "press-1", "nothing-1"])
    assert answer["type"] == "subscribed"
    assert answer["topics"] == ["device:pump-1"]
    assert answer["refused"] == [
        {"topic": "device:press-1", "reason": "not_found"},
        {"topic": "device:nothing-1", "reason": "not_found"},
    ]
    assert answer["id"] == "s"
    assert world.connections.watchers(["device:press-1"]) == {}


@pytest.mark.parametrize(
    ("asked", "within"),
    [
        ({"devices": ["pump-1"]}, True),
        ({"devices": ["press-1"]}, False),
        ({"groups": ["plant-1"]}, True),
        ({"groups": ["plant-1/line-2"]}, True),
        ({"groups": ["plant-2"]}, False),
        ({"groups": ["plant-10"]}, False),
        ({"commands": [{"device": "pump-2", "id": "c"}]}, True),
        ({"commands": [{"device": "press-1", "id": "c"}]}, False),
    ],
)
def test_each_kind_of_subscription_is_held_to_the_scope(world, asked, within):
    world.connect("c1", BOB)
    assert world.say("c1", type="subscribe", **asked)["type"] == ("subscribed" if within else "refused")
    assert bool(world.connections.marks()) == within


def test_an_unregistered_device_is_there_for_a_reader_of_everything_only(world):
    world.connect("c1", ANN)
    world.connect("c2", BOB)
    assert world.say("c1", type="subscribe", devices=["stray-1"])["type"] == "subscribed"
    assert world.say("c2", type="subscribe", devices=["stray-1"])["type"] == "refused"


def test_all_is_everything_for_one_who_sees_it_and_his_own_part_for_another(world):
    world.connect("c1", ANN)
    world.connect("c2", BOB)
    assert world.say("c1", type="subscribe", all=True)["topics"] == ["*"]
    assert world.say("c2", type="subscribe", all=True)["topics"] == ["group:plant-1"]


def test_alarms_are_one_topic_for_whoever_may_see_some(world, monkeypatch):
    world.connect("c1", ANN)
    world.connect("c2", BOB)
    for connection in ("c1", "c2"):
        assert world.say(connection, type="subscribe", alarms=True)["topics"] == ["alarms"]
    assert world.say("c2", type="subscribe", alarms=True, all=True)["topics"] == ["group:plant-1", "alarms"]
    assert world.say("c2", type="unsubscribe", all=True)["type"] == "unsubscribed"
    assert [*world.connections.watchers(["alarms", "group:plant-1"])] == ["alarms"]
    monkeypatch.setitem(access.MATRIX, access.Permission.ALARMS_READ, frozenset({Role.ADMIN}))
    world.connect("c3", BOB)
    refused = world.say("c3", type="subscribe", alarms=True)
    assert refused == {"type": "refused", "refused": [{"topic": "alarms", "reason": "not_found"}]}


def test_at_a_ping_alarms_of_which_he_may_see_none_any_more_are_dropped_and_told(world, clock, monkeypatch):
    world.connect("c1", BOB)
    world.say("c1", type="subscribe", alarms=True, devices=["pump-1"])
    world.say("c1", type="ping")
    assert world.told("c1") == []
    monkeypatch.setitem(access.MATRIX, access.Permission.ALARMS_READ, frozenset({Role.ADMIN}))
    world.say("c1", type="ping")
    assert world.told("c1") == [{"type": "revoked", "topics": ["alarms"]}]
    assert [*world.connections.watchers(["alarms", "device:pump-1"])] == ["device:pump-1"]


def test_alarms_take_the_place_of_one_subscription(world):
    world.connect("c1")
    world.say("c1", type="subscribe", groups=[f"plant-1/l{n}" for n in range(100)])
    answer = world.say("c1", type="subscribe", alarms=True)
    assert answer["refused"] == [{"topic": "alarms", "reason": "limit"}]


def test_a_client_learns_from_when_on_nothing_is_missed(world, clock):
    world.connect("c1")
    assert world.say("c1", type="subscribe", all=True)["complete_from"] == clock.now + 6_000


def test_a_connection_has_a_bounded_number_of_subscriptions(world):
    world.connect("c1")
    world.say("c1", type="subscribe", groups=[f"plant-1/l{n}" for n in range(60)])
    answer = world.say("c1", type="subscribe", groups=[f"plant-2/l{n}" for n in range(41)])
    assert answer["type"] == "refused"
    assert {one["reason"] for one in answer["refused"]} == {"limit"}
    assert world.say("c1", type="subscribe", groups=[f"plant-2/l{n}" for n in range(40)])["type"] == "subscribed"


def test_what_is_unsubscribed_is_watched_no_longer(world):
    world.connect("c1")
    world.say("c1", type="subscribe", devices=["pump-1", "pump-2"])
    assert world.say("c1", type="unsubscribe", devices=["pump-1"])["type"] == "unsubscribed"
    assert [*world.connections.watchers(["device:pump-1", "device:pump-2"])] == ["device:pump-2"]


def test_a_connection_that_ended_watches_nothing(world):
    world.connect("c1")
    world.say("c1", type="subscribe", devices=["pump-1"])
    world.live.disconnect("c1")
    world.live.disconnect("c1")
    assert world.connections.marks() == frozenset()


def test_nobody_can_name_another_s_connection(world):
    world.connect("c1", BOB)
    world.connect("c2", ANN)
    for extra in ("connection", "connectionId", "connection_id", "principal"):
        answer = world.say("c1", type="subscribe", devices=["press-1"], **{extra: "c2"})
        assert answer["type"] == "error"
    assert world.connections.marks() == frozenset()


def test_a_ping_is_answered_and_after_the_time_to_renew_with_renew(world, clock):
    world.connect("c1")
    assert world.say("c1", type="ping", id="1") == {"type": "pong", "at": clock.now, "id": "1"}
    clock.now += LIFE_MS - 60_000
    answer = world.say("c1", type="ping")
    assert (answer["type"], answer["closes_at"]) == ("renew", clock.now + 60_000)
    clock.now += 60_000
    assert world.say("c1", type="ping") is None
    assert world.sockets.closed == ["c1"]


def test_at_a_ping_what_is_no_longer_allowed_is_dropped_and_told(world, clock):
    world.connect("c1", BOB)
    world.say("c1", type="subscribe", groups=["plant-1"], devices=["pump-1"])
    world.grant(BOB, Role.VIEWER, "device:pump-1")
    assert world.say("c1", type="ping")["type"] == "pong"
    assert world.told("c1") == []  # grants are read every half minute
    clock.now += 31_000
    assert world.say("c1", type="ping")["type"] == "pong"
    assert world.told("c1") == [{"type": "revoked", "topics": ["group:plant-1"]}]
    assert [*world.connections.watchers(["group:plant-1", "device:pump-1"])] == ["device:pump-1"]


@pytest.mark.parametrize("gone", ["disabled", "no grants"])
def test_whoever_may_nothing_any_more_is_told_and_cut_off(world, clock, gone):
    world.connect("c1", BOB)
    world.say("c1", type="subscribe", groups=["plant-1"])
    if gone == "disabled":
        world.grant(BOB, Role.VIEWER, "group:plant-1", disabled=True)
    else:
        world.grant(BOB)
    clock.now += 31_000
    assert world.say("c1", type="ping") is None
    assert world.told("c1") == [{"type": "revoked", "topics": ["group:plant-1"], "everything": True}]
    assert world.sockets.closed == ["c1"]
    assert world.connections.marks() == frozenset()


def test_a_key_is_cut_off_when_it_expires(world, clock):
    world.keys.keys["k1"] = Key(
        id="k1",
        kind=Kind.KEY,
        name="app",
        digest="d",
        created_at=clock.now,
        created_by=ANN,
        expires_at=clock.now + 60_000,
        grants=(Grant(Role.VIEWER, EVERYTHING),),
    )
    world.tickets.put("digest", "key:k1", clock.now + 1000)
    assert world.standing.of("key:k1") is not None
    clock.now += 61_000
    assert world.standing.of("key:k1") is None


def test_a_malformed_message_is_answered_and_harms_nothing(world):
    world.connect("c1")
    answer = json.loads(world.live.hear("c1", "{"))
    assert (answer["type"], answer["slug"], answer["field"]) == ("error", "malformed", "message")
    assert world.say("c1", type="ping")["type"] == "pong"


def test_whoever_says_too_much_is_told_then_closed_and_quiet_ones_are_not(world, clock):
    world.connect("c1")
    for _ in range(frames.MESSAGES_A_MINUTE):
        assert world.say("c1", type="ping")["type"] == "pong"
    assert world.say("c1", type="ping")["slug"] == "rate"
    clock.now += 60_000
    assert world.say("c1", type="ping")["type"] == "pong"
    for _ in range(2 * frames.MESSAGES_A_MINUTE):
        world.say("c1", type="ping")
    assert world.sockets.closed == ["c1"]


def test_when_the_table_is_down_the_client_may_try_again_and_the_log_says_why(world, caplog):
    world.connect("c1")

    def down(*_):
        raise LiveError("the table is down")

    world.connections.watch = down
    answer = world.say("c1", type="subscribe", all=True)
    assert (answer["type"], answer["slug"]) == ("error", "unavailable")
    assert "the table is down" not in answer["message"]
    assert "the table is down" in caplog.text


def test_topics_are_entered_anew_now_and_then(world, clock):
    world.connect("c1")
    world.say("c1", type="subscribe", devices=["pump-1"])
    world.connections._marks.clear()
    clock.now += 11 * 60_000
    world.say("c1", type="ping")
    assert len(world.connections.marks()) == 1
