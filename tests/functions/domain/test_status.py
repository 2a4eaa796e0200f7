import pytest

from functions.domain.presence import Presence, Session, Status
from functions.domain.state import DeviceState, Latest
from functions.domain.status import SILENT_INTERVALS, DeviceStatus

INTERVAL = 10_000
SILENCE = SILENT_INTERVALS * INTERVAL


def status(*read, seen=None, state=Status.ONLINE, since=0, connects=(), **more):
    """With readings at these times, one of each metric."""
    latest = {f"m{nr}": Latest(ts, 1.0, "good") for nr, ts in enumerate(read)}
    sessions = tuple(Session(id=f"s{at}", connected_at=at) for at in connects)
    presence = Presence(status=state, since=since, sessions=sessions)
    return DeviceStatus(DeviceState(version=1, latest=latest, seen_at=seen), presence, **more)


def test_a_device_that_never_said_anything_was_never_seen():
    assert DeviceStatus().seen_at is None
    assert DeviceStatus().read_at is None


def test_it_was_read_at_its_newest_reading_of_whatever_metric():
    assert status(5, 9, 7).read_at == 9


@pytest.mark.parametrize(
    ("known", "seen_at"),
    [
        (status(5, seen=50), 50),
        (status(5, seen=50, connects=(20, 60)), 60),
        (status(5, seen=50, quarantined_at=70), 70),
        (status(connects=(20,)), 20),
        (status(99, seen=50), 50),
    ],
)
def test_it_was_seen_when_the_last_of_anything_came(known, seen_at):
    assert known.seen_at == seen_at


def test_a_device_not_heard_since_an_earlier_release_was_seen_at_its_newest_reading():
    assert status(5, 9).seen_at == 9


def test_a_disconnect_is_nothing_that_a_device_said():
    ended = Session(id="s1", connected_at=5, disconnected_at=90)
    known = DeviceStatus(presence=Presence(status=Status.OFFLINE, since=90, sessions=(ended,)))
    assert known.seen_at == 5


def test_it_is_stale_once_three_intervals_have_passed_without_a_reading():
    known = status(1000, 500)
    assert not known.is_stale(INTERVAL, 1000 + SILENCE)
    assert known.is_stale(INTERVAL, 1001 + SILENCE)
    assert known.stale_from(INTERVAL) == 1000 + SILENCE


def test_what_comes_without_a_reading_does_not_make_it_fresh():
    assert status(1000, seen=SILENCE * 2, quarantined_at=SILENCE * 2).is_stale(INTERVAL, SILENCE * 2)


def test_one_that_has_just_connected_is_given_time_for_its_first_reading():
    known = status(1000, since=500_000)
    assert not known.is_stale(INTERVAL, 500_000 + SILENCE)
    assert known.is_stale(INTERVAL, 500_001 + SILENCE)


@pytest.mark.parametrize("state", [Status.OFFLINE, Status.UNKNOWN])
def test_only_what_is_online_is_stale(state):
    known = status(1000, state=state)
    assert known.stale_from(INTERVAL) is None
    assert not known.is_stale(INTERVAL, 10**12)


def test_without_a_known_interval_nothing_is_stale():
    assert not status(1000).is_stale(None, 10**12)
