"""When a maintenance window holds, for which devices."""

import pytest

from functions.domain.access import By
from functions.domain.maintenance import MAX_LENGTH_MS, Window, check_times, holding, parse_reason
from functions.errors import RequestError
from tests.functions.domain.deliveries_of import NOW

BOB = By("user:2", "bob")


def window(scope="group:plant-1", start=NOW, end=NOW + 1000, number=0):
    return Window(
        id=f"{number:026d}", scope=scope, start=start, end=end, reason="Filters", by=By("user:1", "ann"), created_at=NOW
    )


@pytest.mark.parametrize(
    ("scope", "holds"),
    [
        ("*", True),
        ("group:plant-1", True),
        ("group:plant-1/line-2", True),
        ("device:pump-7", True),
        ("group:plant-1/line-1", False),
        ("group:plant-10", False),
        ("device:pump-70", False),
    ],
)
def test_a_window_holds_for_the_devices_of_its_scope(scope, holds):
    assert (holding([window(scope)], "pump-7", "plant-1/line-2", NOW) is not None) is holds


@pytest.mark.parametrize(("at", "holds"), [(-1, False), (0, True), (999, True), (1000, False)])
def test_a_window_holds_from_its_start_until_before_its_end(at, holds):
    assert window().holds(NOW + at) is holds


def test_of_several_windows_the_longest_is_told():
    short, long = window(number=1), window("*", end=NOW + 9000, number=2)
    assert holding([short, long], "pump-7", "plant-1", NOW) == long


def test_a_window_ends_now_or_never_begins():
    assert window().ended(BOB, NOW + 10).end == NOW + 10
    assert window().ended(BOB, NOW + 10).ended_by == BOB
    before = window(start=NOW + 100, end=NOW + 200).ended(BOB, NOW)
    assert (before.start, before.end) == (NOW + 100, NOW + 100)
    over = window()
    assert over.ended(BOB, NOW + 5000) is over


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        (NOW - 3_600_000, NOW + 1, "from"),
        (NOW + 400 * 86_400_000, NOW + 401 * 86_400_000, "from"),
        (NOW, NOW, "to"),
        (NOW, NOW + 59_999, "to"),
        (NOW, NOW + MAX_LENGTH_MS + 1, "to"),
    ],
)
def test_times_that_cannot_be_are_refused(start, end, field):
    with pytest.raises(RequestError) as refused:
        check_times(start, end, NOW)
    assert refused.value.field == field


def test_times_that_can_be_are_taken():
    check_times(NOW - 1000, NOW + MAX_LENGTH_MS - 1000, NOW)
    assert parse_reason("Change of filters") == "Change of filters"
    with pytest.raises(RequestError):
        parse_reason("")
