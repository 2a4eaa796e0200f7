import pytest
from msgspec.structs import replace

from functions.domain.reconciliation import Reconciliation
from functions.domain.series import Point

T0 = 1_764_000_000_000
ONE = Point("pump-1", "temperature", T0, 21.5, "good", late=False, received_at=T0 + 5)
TWO = Point("pump-1", "humidity", T0 + 1, 40.0, "good", late=False, received_at=T0 + 5)


def compared(found, *, points=(ONE, TWO), refused=None, breaks_ties=True, whole=False):
    reconciliation = Reconciliation(
        {(point.metric, point.ts): point for point in points}, refused or {}, breaks_ties=breaks_ties, whole=whole
    )
    for point in found:
        reconciliation.see([point])
    return reconciliation.device_day


def test_a_target_that_holds_the_same_in_any_order_is_verified():
    day = compared([TWO, ONE])
    assert (day.device, day.day, day.points, day.expected, day.found) == ("pump-1", "2025-11-24", 2, 2, 2)
    assert day.checksum == day.found_checksum
    assert day.verified
    assert (day.superseded, day.missing, day.different, day.refused) == (0, 0, 0, {})


def test_where_a_part_is_compared_nothing_is_said_of_what_else_the_target_holds():
    day = compared([ONE, TWO, ONE, replace(ONE, ts=T0 + 9), replace(ONE, metric="other")])
    assert day == compared([ONE, TWO])
    assert day.extra is None


def test_where_the_whole_is_compared_what_only_the_target_holds_is_extra_and_no_error():
    """It may have come from the devices since."""
    day = compared([ONE, TWO, replace(ONE, ts=T0 + 9), replace(ONE, metric="other")], whole=True)
    assert (day.extra, day.found, day.verified) == (2, 2, True)
    assert compared([ONE, TWO], whole=True).extra == 0


def test_a_point_that_the_target_gives_twice_is_extra():
    day = compared([ONE, TWO, ONE], whole=True)
    assert (day.extra, day.found, day.verified) == (1, 2, True)


def test_what_the_source_holds_too_is_never_extra():
    newer = replace(ONE, received_at=ONE.received_at + 1)
    day = compared([newer, TWO], refused={("humidity", T0 + 1): "expired"}, whole=True)
    assert (day.extra, day.superseded, day.verified) == (0, 1, True)


def test_a_point_that_is_not_there_is_missing():
    day = compared([ONE])
    assert not day.verified
    assert (day.missing, day.different, day.found, day.expected) == (1, 0, 1, 2)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ONE, replace(ONE, value=21.4)),
        (replace(ONE, value="21.5"), ONE),
        (replace(ONE, quality="bad"), ONE),
        (replace(ONE, late=True), ONE),
        (ONE, replace(ONE, received_at=ONE.received_at - 1)),
    ],
    ids=["value", "type", "quality", "late", "received_at"],
)
@pytest.mark.parametrize("breaks_ties", [False, True])
def test_a_point_that_is_not_what_it_should_be_is_different(wanted, found, breaks_ties):
    day = compared([found, TWO], points=(wanted, TWO), breaks_ties=breaks_ties)
    assert not day.verified
    assert (day.missing, day.different, day.found) == (0, 1, 2)


def test_a_boolean_is_not_the_number_that_it_equals():
    day = compared([replace(ONE, value=True)], points=(replace(ONE, value=1.0),))
    assert not day.verified
    assert day.different == 1


def test_what_was_received_later_supersedes_and_is_no_error():
    day = compared([replace(ONE, value=1.0, received_at=ONE.received_at + 1), TWO])
    assert day.verified
    assert (day.superseded, day.expected, day.found) == (1, 1, 1)


def test_of_what_was_received_together_the_greater_supersedes_where_the_store_says_so():
    greater = replace(ONE, value=22.0)
    assert compared([greater, TWO]).superseded == 1
    assert compared([greater, TWO]).verified
    assert compared([greater, TWO], breaks_ties=False).different == 1


def test_what_the_target_refused_is_counted_by_its_reason():
    day = compared([TWO], refused={("temperature", T0): "expired"})
    assert day.verified
    assert (day.refused, day.expected, day.found) == ({"expired": 1}, 1, 1)
    everything = compared([], refused={("temperature", T0): "expired", ("humidity", T0 + 1): "expired"})
    assert everything.verified
    assert everything.expected == 0


@pytest.mark.parametrize("reason", ["unstorable", "refused", "future"])
def test_a_point_refused_for_anything_but_its_age_is_not_verified(reason):
    day = compared([TWO], refused={("temperature", T0): reason})
    assert (day.expected, day.found, day.verified) == (1, 1, False)
