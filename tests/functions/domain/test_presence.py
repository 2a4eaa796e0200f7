import msgspec
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.presence import MAX_SESSIONS, Presence, Session, Status


def connect(session, at, version=0):
    return Session(id=session, version=version, connected_at=at)


def disconnect(session, at, reason="CONNECTION_LOST", version=0):
    return Session(id=session, version=version, disconnected_at=at, reason=reason)


def after(*events):
    presence = Presence()
    for event in events:
        presence = presence.observed(event)
    return presence


def test_a_device_that_never_connected_is_unknown():
    assert (Presence().status, Presence().connected, Presence().unsettled) == (Status.UNKNOWN, False, None)


def test_a_connect_is_online_at_once():
    presence = after(connect("s1", 5))
    assert (presence.status, presence.since) == (Status.ONLINE, 5)


def test_a_disconnect_is_offline_only_once_it_has_settled():
    presence = after(connect("s1", 5), disconnect("s1", 9))
    assert (presence.status, presence.connected) == (Status.ONLINE, False)
    assert presence.unsettled.id == "s1"
    settled = presence.settled("s1")
    assert (settled.status, settled.since, settled.reason) == (Status.OFFLINE, 9, "CONNECTION_LOST")
    assert settled.unsettled is None


def test_a_device_that_came_back_in_time_never_was_offline():
    presence = after(connect("s1", 5), disconnect("s1", 9), connect("s2", 10))
    assert presence.settled("s1") is presence
    assert (presence.status, presence.since) == (Status.ONLINE, 10)


def test_a_disconnect_that_overtook_its_connect_is_not_undone_by_it():
    presence = after(disconnect("s1", 9), connect("s1", 5))
    assert not presence.connected
    assert presence.settled("s1").status is Status.OFFLINE


def test_the_old_session_s_disconnect_after_a_takeover_says_nothing():
    presence = after(connect("s1", 5, 0), connect("s2", 100, 1), disconnect("s1", 101, "DUPLICATE_CLIENTID", 0))
    assert presence.connected
    assert presence.unsettled is None


def test_a_version_that_began_again_is_not_old():
    presence = after(connect("s1", 5, 41), disconnect("s1", 9, version=41)).settled("s1")
    back = presence.observed(connect("s2", 9_000_000, 0))
    assert back.status is Status.ONLINE


def test_a_session_that_outlived_its_version_counter_comes_back():
    # A device that sleeps for hours keeps its session, and each of its connections is version 0.
    presence = after(connect("s#0", 5), disconnect("s#0", 9)).settled("s#0")
    back = presence.observed(connect("s#0", 9_000_000))
    assert (back.status, back.since, back.connected) == (Status.ONLINE, 9_000_000, True)
    for event in (connect("s#0", 5), disconnect("s#0", 9)):
        assert back.observed(event) == back
    gone = back.observed(disconnect("s#0", 9_000_500)).settled("s#0")
    assert (gone.status, gone.since) == (Status.OFFLINE, 9_000_500)


def test_a_device_known_by_a_disconnect_alone_settles_offline():
    presence = after(disconnect("s1", 9))
    assert presence.status is Status.UNKNOWN
    assert presence.settled("s1").status is Status.OFFLINE


def test_a_redelivered_event_changes_nothing():
    events = [connect("s1", 5), disconnect("s1", 9), connect("s2", 20), disconnect("s2", 30)]
    presence = after(*events).settled("s2")
    for event in events:
        assert presence.observed(event) == presence


def test_settling_again_or_for_another_session_changes_nothing():
    presence = after(connect("s1", 5), disconnect("s1", 9))
    assert presence.settled("s0") is presence
    settled = presence.settled("s1")
    assert settled.settled("s1") is settled


def test_offline_again_after_a_reconnect_needs_to_settle_again():
    presence = after(connect("s1", 5), disconnect("s1", 9)).settled("s1")
    presence = presence.observed(connect("s2", 20)).observed(disconnect("s2", 30))
    assert presence.status is Status.ONLINE
    assert presence.settled("s1") is presence
    assert presence.settled("s2").since == 30


def test_a_flapping_device_is_remembered_by_its_newest_sessions():
    presence = Presence()
    for at in range(100):
        presence = presence.observed(connect(f"s{at}", 10 * at)).observed(disconnect(f"s{at}", 10 * at + 5))
    assert [session.id for session in presence.sessions] == [f"s{at}" for at in range(100 - MAX_SESSIONS, 100)]


# A device's real history: sessions one after the other, of which the last may be up, and versions that begin again.
histories = st.lists(
    st.tuples(st.integers(1, 100), st.integers(0, 100), st.integers(0, 3)), min_size=1, max_size=MAX_SESSIONS
).map(lambda steps: [*_events(steps)])


def _events(steps):
    at = 0
    for number, (up, gap, version) in enumerate(steps):
        yield connect(f"s{number}", at, version)
        # An old session may be closed after the next one has begun.
        yield disconnect(f"s{number}", at + up, version=version)
        at += gap + 1


# The same of a device that is away for long: its one session lives on, and its versions repeat.
sleepers = st.lists(
    st.tuples(st.integers(1, 100), st.integers(1, 100), st.integers(0, 2)), min_size=1, max_size=MAX_SESSIONS
).map(lambda steps: [*_connections_of_a_session(steps)])


def _connections_of_a_session(steps):
    at = 0
    for up, gap, version in steps:
        yield connect(f"s#{version}", at, version)
        yield disconnect(f"s#{version}", at + up, version=version)
        at += up + gap


@given(histories | sleepers, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_events_and_their_repetition_do_not_matter(history, still_up, chance):
    events = history[:-1] if still_up else history
    straight = after(*events)
    shuffled = [*events, *chance.choices(events, k=5)]
    chance.shuffle(shuffled)
    mixed = after(*shuffled)
    assert mixed.sessions == straight.sessions
    assert mixed.connected == still_up
    last = history[-1].id
    a, b = straight.settled(last), mixed.settled(last)
    assert (a.status, a.since, a.reason) == (b.status, b.since, b.reason)
    assert a.status is (Status.ONLINE if still_up else Status.OFFLINE)


def test_presence_survives_its_json():
    presence = after(connect("s1", 5), disconnect("s1", 9)).settled("s1")
    assert msgspec.json.decode(msgspec.json.encode(presence), type=Presence) == presence
