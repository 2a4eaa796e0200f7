"""What the battery asks for, and when it is quiet."""

import time

import pytest

from device_agent.power.power import Level, Power, PowerSettings, QuietHours
from tests.device_agent.tables import parsed

MIDNIGHT = 1_790_035_200_000  # 2026-09-22, UTC
LEVELS = (Level(20, 10.0, 4.0), Level(50, 2.0, 2.0))


def power():
    return Power(PowerSettings(mode="sleep", connect_every_s=100, battery="battery", levels=LEVELS))


def factors(power, *levels):
    found = []
    for level in levels:
        power.observe({"battery": level, "temperature": 3.0})
        found.append(power.sampling_factor)
    return found


def test_a_falling_battery_makes_everything_more_seldom():
    battery = power()
    assert factors(battery, 80, 50, 49.9, 20, 19, 1) == [1, 1, 2, 2, 10, 10]
    assert battery.connect_every_s == 400


def test_a_level_is_left_only_when_the_battery_has_risen_well_above_it():
    assert factors(power(), 19, 20, 21.9, 22.1, 51, 52.1, 80) == [10, 10, 10, 2, 2, 1, 1]


def test_a_battery_that_wavers_at_a_level_does_not_make_the_intervals_waver():
    assert set(factors(power(), 49, *[50.5, 49.5] * 10)) == {2}


@pytest.mark.parametrize("values", [{}, {"battery": True}, {"battery": "low"}, {"other": 3.0}])
def test_what_is_no_level_changes_nothing(values):
    battery = power()
    battery.observe({"battery": 10})
    battery.observe(values)
    assert battery.sampling_factor == 10


def test_without_levels_nothing_is_changed():
    battery = Power(PowerSettings())
    battery.observe({"battery": 1})
    assert (battery.sampling_factor, battery.connect_every_s) == (1, 900)


def test_quiet_hours_last_past_midnight_and_end_where_they_say():
    quiet = QuietHours(22 * 60, 6 * 60 + 30, "utc")

    def at(hour, minute):
        return quiet.contain(MIDNIGHT + (hour * 60 + minute) * 60_000)

    assert [at(21, 59), at(22, 0), at(0, 0), at(6, 29), at(6, 30), at(12, 0)] == [False, True, True, True, False, False]


def test_quiet_hours_may_be_local(monkeypatch):
    monkeypatch.setenv("TZ", "CST6CDT,M3.2.0,M11.1.0")
    time.tzset()
    try:
        quiet = QuietHours(22 * 60, 6 * 60, "local")
        assert quiet.contain(MIDNIGHT + 4 * 3_600_000)  # 23:00 in summer
        assert not quiet.contain(MIDNIGHT)  # 19:00
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_settings_are_read(tmp_path):
    assert parsed("", "power", tmp_path) == (PowerSettings(), [])
    text = """
        mode = "sleep"
        connect_every_s = "1h"
        linger_s = 2
        battery = "battery"
        quiet_hours = { from = "22:30", to = "06:00", zone = "utc" }
        [[power.levels]]
        below = 50
        sampling = 2
        connecting = 2
        [[power.levels]]
        below = 20
        sampling = 10
        connecting = 4
    """
    settings, problems = parsed(text, "power", tmp_path)
    assert problems == []
    assert settings == PowerSettings("sleep", 3600, 2, "battery", LEVELS, QuietHours(22 * 60 + 30, 6 * 60, "utc"))


def test_every_problem_of_the_settings_is_told(tmp_path):
    text = """
        mode = "sleepy"
        quiet_hours = { from = "25:00", to = "x" }
        [[power.levels]]
        below = 500
        sampling = 0.5
        [[power.levels]]
        below = 10
        speed = 3
    """
    _, problems = parsed(text, "power", tmp_path)
    assert {problem.key for problem in problems} == {
        "power.mode",
        "power.quiet_hours",
        "power.quiet_hours.from",
        "power.quiet_hours.to",
        "power.levels[0].below",
        "power.levels[0].sampling",
        "power.levels[1].speed",
        "power.battery",
    }


def test_a_moment_is_no_quiet_hours(tmp_path):
    text = 'mode = "sleep"\nquiet_hours = { from = "06:00", to = "06:00" }'
    _, problems = parsed(text, "power", tmp_path)
    assert [problem.key for problem in problems] == ["power.quiet_hours.to"]
