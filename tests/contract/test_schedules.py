"""Weekly schedules: what the wall clock shows, also on the days on which it is put forward or back."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.conditions import DAYS, Schedule, Window, parse
from contract.evaluation import Evaluator
from contract.schedules import Calendar, parse_time, parse_zone, spelled_time

MINUTE, HOUR = 60_000, 3_600_000


def ms(*when, zone="UTC", fold=0):
    return int(datetime(*when, tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def schedule(*windows, zone="Europe/Berlin", **more):
    return Evaluator(parse({"schedule": list(windows), "zone": zone, **more}))


def turns(rule, start, end):
    """When it fires and clears, as hours after the start."""
    _, found = rule.advance(rule.start(start), end)
    return [(each.kind, (each.at - start) / HOUR) for each in found]


def test_times_of_day_are_read_as_they_are_spelled():
    assert [parse_time(text) for text in ("00:00", "08:30", "23:59", "24:00")] == [0, 510, 1439, 1440]
    assert [spelled_time(minutes) for minutes in (0, 510, 1439, 1440)] == ["00:00", "08:30", "23:59", "24:00"]
    assert [parse_time(text) for text in ("24:01", "8:30", "08:60", "", "08:30 ")] == [None] * 5


def test_a_zone_is_one_of_the_database_and_none_of_the_machine():
    assert parse_zone("Europe/Berlin") == "Europe/Berlin"
    assert [parse_zone(text) for text in ("localtime", "Europe", "Europe/Atlantis", "../../etc/passwd")] == [None] * 4


def test_working_hours_hold_on_working_days():
    rule = schedule({"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "17:30"})
    friday = ms(2026, 1, 9, zone="Europe/Berlin")
    assert turns(rule, friday, friday + 4 * 24 * HOUR) == [
        ("fired", 8),
        ("cleared", 17.5),
        ("fired", 3 * 24 + 8),
        ("cleared", 3 * 24 + 17.5),
    ]


def test_a_night_belongs_to_the_day_on_which_it_begins():
    rule = schedule({"days": ["sat"], "from": "22:00", "to": "06:00"})
    saturday = ms(2026, 1, 10, zone="Europe/Berlin")
    assert turns(rule, saturday, saturday + 9 * 24 * HOUR) == [
        ("fired", 22),
        ("cleared", 30),
        ("fired", 7 * 24 + 22),
        ("cleared", 7 * 24 + 30),
    ]


def test_days_that_follow_each_other_are_one_stretch():
    rule = schedule({"days": ["sat", "sun"], "from": "00:00", "to": "24:00"})
    friday = ms(2026, 1, 9, zone="Europe/Berlin")
    assert turns(rule, friday, friday + 5 * 24 * HOUR) == [("fired", 24), ("cleared", 72)]


def test_a_day_on_which_the_clock_is_put_forward_is_an_hour_shorter():
    # 2026-03-29: 02:00 becomes 03:00 in Berlin.
    sunday = ms(2026, 3, 29, zone="Europe/Berlin")
    assert turns(schedule({"from": "01:00", "to": "04:00"}), sunday, sunday + 20 * HOUR) == [
        ("fired", 1),
        ("cleared", 3),
    ]
    # What lies in the hour that there is not never holds; what begins in it begins with what follows.
    assert turns(schedule({"from": "02:10", "to": "02:50"}), sunday, sunday + 20 * HOUR) == []
    assert turns(schedule({"from": "02:30", "to": "03:30"}), sunday, sunday + 20 * HOUR) == [
        ("fired", 2),
        ("cleared", 2.5),
    ]


def test_an_hour_that_comes_twice_holds_twice():
    # 2026-10-25: 03:00 becomes 02:00 in Berlin.
    sunday = ms(2026, 10, 25, zone="Europe/Berlin")
    assert turns(schedule({"from": "02:15", "to": "02:45"}), sunday, sunday + 20 * HOUR) == [
        ("fired", 2.25),
        ("cleared", 2.75),
        ("fired", 3.25),
        ("cleared", 3.75),
    ]
    assert turns(schedule({"from": "02:30", "to": "03:30"}), sunday, sunday + 20 * HOUR) == [
        ("fired", 2.5),
        ("cleared", 3),
        ("fired", 3.5),
        ("cleared", 4.5),
    ]


def test_a_schedule_may_last_and_be_part_of_a_tree():
    rule = Evaluator(
        parse(
            {
                "all": [
                    {"metric": "door", "equals": True},
                    {"not": {"schedule": {"from": "08:00", "to": "18:00"}, "zone": "Asia/Kolkata"}},
                ],
                "for": "10m",
            }
        )
    )
    noon = ms(2026, 1, 9, 12, zone="Asia/Kolkata")
    state, none = rule.observe(rule.start(noon), noon, {"door": True})
    _, found = rule.advance(state, noon + 24 * HOUR)
    assert none == ()
    assert [(each.kind, (each.at - noon) / MINUTE) for each in found] == [("fired", 370), ("cleared", 20 * 60)]


def test_a_rule_that_explains_itself_shows_the_wall_clock():
    rule = schedule({"from": "08:00", "to": "18:00"})
    state, _ = rule.advance(rule.start(ms(2026, 7, 1, 7)), ms(2026, 7, 1, 7) + 1)
    assert rule.explain(state)["when"] == {
        "schedule": [{"from": "08:00", "to": "18:00"}],
        "zone": "Europe/Berlin",
        "verdict": "true",
        "wall_clock": "wed 09:00",
    }


def test_what_a_calendar_cannot_tell_is_not_known():
    calendar = Calendar("UTC", (Window(days=(0,), start=0, end=60),))
    assert calendar.at(253_402_300_799_999)[0] is calendar.at(-1)[0] is None


ZONES = ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "UTC"]
windows = st.builds(
    Window,
    days=st.sets(st.integers(0, 6), min_size=1).map(sorted).map(tuple),
    start=st.sampled_from([0, 90, 120, 150, 180, 720, 1_425]),
    end=st.sampled_from([30, 100, 125, 155, 170, 200, 725, 1_440]),
)
# Around changes of the clocks in some zone or another, and any other time.
begins = st.sampled_from([ms(2026, 3, 28), ms(2026, 4, 4), ms(2026, 10, 24), ms(2026, 11, 1), ms(2026, 2, 14)])


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(ZONES), st.lists(windows, min_size=1, max_size=2), begins)
def test_it_turns_exactly_when_the_wall_clock_says(zone, windows, begin):
    def shows(at):
        wall = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at)).astimezone(ZoneInfo(zone))
        minute = wall.hour * 60 + wall.minute
        return any(
            (wall.weekday() in window.days and window.start <= minute < window.end)
            if window.start < window.end
            else (wall.weekday() in window.days and minute >= window.start)
            or ((wall.weekday() - 1) % 7 in window.days and minute < window.end)
            for window in windows
        )

    rule = Evaluator(Schedule(zone=zone, windows=tuple(windows)))
    end = begin + 3 * 24 * HOUR
    _, found = rule.advance(rule.start(begin), end)
    # Zones' offsets are of five minutes, so that nothing happens in between.
    seen, expected = False, []
    for at in range(begin, end, 5 * MINUTE):
        if shows(at) != seen:
            seen = not seen
            expected.append(("fired" if seen else "cleared", at))
    assert [(each.kind, each.at) for each in found] == expected


def test_the_days_are_those_of_the_week():
    monday = datetime(2026, 1, 5, tzinfo=UTC)
    assert [f"{monday + timedelta(days=day):%a}".lower() for day in range(7)] == list(DAYS)


@pytest.mark.parametrize("at", [0, ms(1971, 6, 1), ms(2090, 3, 1)])
def test_far_away_times_are_as_any_other(at):
    assert len(turns(schedule({"from": "08:00", "to": "09:00"}, zone="Africa/Monrovia"), at, at + 48 * HOUR)) == 4
