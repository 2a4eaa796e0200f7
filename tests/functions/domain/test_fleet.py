import pytest

from functions.domain.engine.losses import HOUR_MS, HourlyLoss
from functions.domain.fleet import RECENT_MS, WORST_DEVICES, Member, Reason, Trouble, sums, window_from
from functions.domain.presence import Presence, Status
from functions.domain.state import Counters, DeviceState, Latest
from functions.domain.status import DeviceStatus
from tests.functions.registering import NOW, device

INTERVAL = 10_000
ONLINE, OFFLINE, UNKNOWN = Status


def member(thing="pump-1", state=ONLINE, *, read=0, since=NOW - 10**6, losses=(), **more):
    """`read` ms ago."""
    known = DeviceState(version=1, latest={"m": Latest(NOW - read, 1.0, "good")}, counters=Counters(messages=2))
    status = DeviceStatus(known, Presence(status=state, since=since), **more)
    return Member(device(thing), status, INTERVAL, tuple(losses))


def loss(lost, received=100, hour=0):
    return HourlyLoss(hour=hour, received=received, lost=lost)


def test_a_device_that_is_well_has_no_troubles():
    assert member(losses=[loss(0)]).troubles(NOW) == ()


def test_a_device_that_was_never_connected_is_none_that_is_worst_off():
    assert member(state=UNKNOWN, read=10**9).troubles(NOW) == ()


def test_offline_is_since_it_went_and_stale_since_it_became_so():
    assert member(state=OFFLINE, since=NOW - 5, read=10**6).troubles(NOW) == (Trouble(Reason.OFFLINE, NOW - 5),)
    assert member(read=40_000).troubles(NOW) == (Trouble(Reason.STALE, NOW - 10_000),)


@pytest.mark.parametrize(("lost", "lossy"), [(0, False), (1, False), (2, True)])
def test_more_than_one_percent_lost_is_lossy(lost, lossy):
    assert bool(member(losses=[loss(lost, received=99)]).troubles(NOW)) is lossy


def test_a_loss_is_since_its_first_hour():
    hours = [loss(0, hour=0), loss(7, hour=HOUR_MS), loss(5, hour=2 * HOUR_MS)]
    assert member(losses=hours).troubles(NOW) == (Trouble(Reason.LOSSY, HOUR_MS, 12),)


def test_what_was_quarantined_is_a_trouble_for_a_day():
    bad = {"quarantined": {"malformed": 2, "future": 1}}
    at = NOW - RECENT_MS + 1
    assert member(quarantined_at=at, **bad).troubles(NOW) == (Trouble(Reason.QUARANTINED, at, 3),)
    assert member(quarantined_at=at - 1, **bad).troubles(NOW) == ()
    assert member(**bad).troubles(NOW) == ()


def test_sums_are_of_every_device_and_its_status():
    found = sums(
        [
            member("a", read=40_000, losses=[loss(3, 7)]),
            member("b", OFFLINE, quarantined={"future": 1}),
            member("c", UNKNOWN, quarantined={"future": 2}),
            member("d", losses=[loss(0, 10)]),
        ],
        NOW,
    )
    assert (found.devices, dict(found.statuses), found.stale) == (4, {ONLINE: 2, OFFLINE: 1, UNKNOWN: 1}, 1)
    assert (found.received, found.lost, found.counters.messages, found.quarantined) == (17, 3, 8, {"future": 3})


def test_the_worst_are_by_their_worst_trouble_then_by_how_many_then_by_who_came_last():
    found = sums(
        [
            member("long-off", OFFLINE, since=NOW - 10**6),
            member("lossy", losses=[loss(50)]),
            member("just-off", OFFLINE, since=NOW - 5),
            member("rubbish", quarantined_at=NOW - 5),
            member("stale", read=40_000),
            member("stale-and-lossy", read=90_000, losses=[loss(50)]),
            member("well"),
        ],
        NOW,
    )
    names = [one.member.device.thing for one in found.worst]
    assert names == ["just-off", "long-off", "stale-and-lossy", "stale", "lossy", "rubbish"]
    assert [one.stale for one in found.worst] == [False, False, True, True, False, False]


def test_only_so_many_are_named():
    found = sums([member(f"pump-{nr:02d}", OFFLINE, since=NOW - nr) for nr in range(15)], NOW)
    assert [one.member.device.thing for one in found.worst] == [f"pump-{nr:02d}" for nr in range(WORST_DEVICES)]


def test_the_window_is_the_hour_that_goes_on_and_the_one_before():
    assert window_from(5 * HOUR_MS) == window_from(6 * HOUR_MS - 1) == 4 * HOUR_MS
