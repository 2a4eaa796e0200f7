"""A table gives values of the type that was asked for, notes what is wrong, and follows the model's settings."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import models
from device_agent.config.following import Following
from device_agent.config.table import Table
from device_agent.config.values import seconds

HUGE = "1" + 400 * "0"
"""An integer that is no float, which TOML may have."""
HUGE_SHOWN = "an integer of 1329 bits"
A_MINUTE_AT_MOST = 'a duration from 0 to 60 s, as seconds or such as "90 s" or "1h30m"'
MACHINE = models.shipped()["machine"]
FILE = Path("agent.toml")


def table(text, settings=None, *, following=False):
    problems = []
    found = Table(tomllib.loads(text), FILE, "", problems)
    if following or settings is not None:
        found.follow(Following(MACHINE, {**MACHINE.default_configuration(), **(settings or {})}))
    return found, problems


def told(problems):
    return {problem.key: (problem.expected, problem.got) for problem in problems}


@pytest.mark.parametrize(
    ("text", "read", "value"),
    [
        ("x = 'fast'", lambda t: t.choice("x", ("slow", "fast")), "fast"),
        ("", lambda t: t.choice("x", ("slow", "fast"), "slow"), "slow"),
        ("x = 'b'", lambda t: t.kind(("a", "b"), "x"), "b"),
        ("x = true", lambda t: t.boolean("x"), True),
        ("x = 17", lambda t: t.pin("x"), 17),
        ("x = 0", lambda t: t.optional_pin("x"), 0),
        ("", lambda t: t.optional_pin("x"), None),
        ("x = 2947", lambda t: t.port("x"), 2947),
        ("", lambda t: t.port("x", 2947), 2947),
        ("x = 3", lambda t: t.number("x"), 3.0),
        ("", lambda t: t.optional_number("x"), None),
        ("", lambda t: t.optional_text("x"), None),
        ("", lambda t: t.optional_path("x"), None),
        ("", lambda t: t.optional_table("x"), None),
        ("x = '1h30m'", lambda t: t.duration("x"), 5400.0),
        ("x = 2.5", lambda t: t.duration("x"), 2.5),
        ("", lambda t: t.duration("x", default=60), 60),
        ("", lambda t: t.optional_duration("x"), None),
        ("x = [1, 2.5]", lambda t: t.number_list("x"), (1.0, 2.5)),
        ("", lambda t: t.number_list("x", length=2, default=(0, 1)), (0.0, 1.0)),
        ("x = [[0, 0.1], [100, 98.7]]", lambda t: t.points("x"), ((0.0, 0.1), (100.0, 98.7))),
        ("x = ['a']", lambda t: t.texts("x"), ("a",)),
        ("x = {a = [1, {b = 2}]}", lambda t: t.value("x"), {"a": [1, {"b": 2}]}),
    ],
)
def test_a_getter_returns_what_is_there_or_its_default(text, read, value):
    found, problems = table(text)

    assert read(found) == value
    found.finish()
    assert problems == []


@pytest.mark.parametrize(
    ("text", "read", "expected", "got"),
    [
        ("x = 'fats'", lambda t: t.choice("x", ("slow", "fast")), "one of slow, fast", "'fats'"),
        ("", lambda t: t.choice("x", ("slow", "fast")), "one of slow, fast", "nothing"),
        ("x = 1", lambda t: t.boolean("x"), "true or false", "1"),
        ("", lambda t: t.boolean("x"), "true or false", "nothing"),
        ("x = 28", lambda t: t.pin("x"), "an integer from 0 to 27", "28"),
        ("x = 0", lambda t: t.port("x"), "an integer from 1 to 65535", "0"),
        ("x = nan", lambda t: t.number("x"), "a number", "nan"),
        ("x = inf", lambda t: t.number("x", minimum=0), "a number of at least 0", "inf"),
        ("x = true", lambda t: t.number("x"), "a number", "true"),
        (f"x = {HUGE}", lambda t: t.number("x"), "a number", HUGE_SHOWN),
        (f"x = {HUGE}", lambda t: t.duration("x", maximum=60), A_MINUTE_AT_MOST, HUGE_SHOWN),
        (f"x = [{HUGE}]", lambda t: t.number_list("x"), "a list of numbers", f"{HUGE_SHOWN} in it"),
        (f"x = [[0, {HUGE}]]", lambda t: t.points("x"), "a list of pairs of numbers", "a list of 2 in it"),
        (
            "x = '5 parsecs'",
            lambda t: t.duration("x", maximum=60),
            A_MINUTE_AT_MOST,
            "'5 parsecs'",
        ),
        (
            "x = '2 min'",
            lambda t: t.duration("x", maximum=60),
            A_MINUTE_AT_MOST,
            "'2 min'",
        ),
        ("x = [1, 'b']", lambda t: t.number_list("x"), "a list of numbers", "'b' in it"),
        ("x = [1]", lambda t: t.number_list("x", length=2), "a list of 2 numbers", "1"),
        ("x = [[1, 2, 3]]", lambda t: t.points("x"), "a list of pairs of numbers", "a list of 3 in it"),
        ("x = 1", lambda t: t.tables("x"), "a list of tables", "1"),
    ],
)
def test_a_getter_notes_what_was_expected_and_what_came(text, read, expected, got):
    found, problems = table(text)
    read(found)

    assert [(problem.key, problem.expected, problem.got) for problem in problems] == [("x", expected, got)]


def test_a_list_of_tables_names_the_item_that_is_none():
    found, problems = table("x = [{}, 1]")

    assert len(found.tables("x")) == 1
    assert told(problems) == {"x[1]": ("a table", "1")}


def test_finishing_a_table_finishes_those_within():
    found, problems = table("[a]\nb.c = 1\n[[d]]\ne = 2\n[[d]]\nf = 3")
    found.table("a").table("b").integer("x", minimum=0, maximum=1, default=0)
    for inner in found.tables("d"):
        inner.integer("e", minimum=0, maximum=9, default=0)
    found.finish()
    found.finish()

    assert told(problems) == {
        "a.b.c": ("one of x", "a key that is none of them"),
        "d[1].f": ("one of e", "a key that is none of them"),
    }


def test_what_else_is_in_a_table_of_an_unknown_kind_is_not_judged():
    found, problems = table("kind = 'bme82'\naddress = 0x76")

    assert found.kind(("bme280", "replay")) is None
    found.finish()
    assert told(problems) == {"kind": ("one of bme280, replay", "'bme82'")}


def test_an_assumed_value_comes_before_the_default_and_after_the_file():
    found, problems = table("a = 1")
    found.assume("a", 7)
    found.assume("b", 8)

    assert found.integer("a", minimum=0, maximum=9, default=5) == 1
    assert found.integer("b", minimum=0, maximum=9, default=5) == 8
    assert "b" not in found
    found.finish()
    assert problems == []


@pytest.mark.parametrize(
    ("written", "read", "value"),
    [
        ("{ setting = 'interval_ms' }", lambda t: t.integer("x", minimum=0, maximum=10**6), 5000),
        ("{ setting = 'interval_ms', scale = 0.001 }", lambda t: t.number("x"), 5.0),
        ("{ setting = 'interval_ms', scale = 0.001 }", lambda t: t.integer("x", minimum=0, maximum=9), 5),
        ("{ setting = 'interval_ms', scale = 0.001, offset = 1 }", lambda t: t.duration("x"), 6.0),
        ("{ setting = 'stop_on_overheat' }", lambda t: t.boolean("x"), True),
        ("[1, { setting = 'interval_ms' }]", lambda t: t.number_list("x"), (1.0, 5000.0)),
        ("{ a = [{ b = { setting = 'interval_ms' } }] }", lambda t: t.value("x"), {"a": [{"b": 5000}]}),
        ("{ y = { setting = 'interval_ms' } }", lambda t: t.table("x").number("y"), 5000.0),
        ("{ y = { setting = 'interval_ms' } }", lambda t: t.numbers("x"), {"y": 5000.0}),
    ],
)
def test_a_value_may_follow_a_setting_wherever_it_stands(written, read, value):
    found, problems = table(f"x = {written}", following=True)

    assert read(found) == value
    assert problems == []


def test_what_follows_a_setting_changes_with_it():
    found, _ = table("x = { setting = 'interval_ms', scale = 0.001 }", {"interval_ms": 60_000})

    assert found.number("x") == 60.0


@pytest.mark.parametrize(
    ("written", "read", "key", "expected", "got"),
    [
        (
            "{ setting = 'intervall_ms' }",
            lambda t: t.number("x"),
            "x.setting",
            "a key of the model machine's configuration: interval_ms, stop_on_overheat",
            "'intervall_ms'",
        ),
        ("{ setting = 'stop_on_overheat' }", lambda t: t.number("x"), "x", "a number", "true"),
        (
            "{ setting = 'stop_on_overheat', scale = 2 }",
            lambda t: t.number("x"),
            "x.setting",
            "a number, since there is a scale or an offset",
            "'stop_on_overheat' = true",
        ),
        ("{ setting = 'interval_ms', scale = 'k' }", lambda t: t.number("x"), "x.scale", "a number", "'k'"),
        (f"{{ setting = 'interval_ms', scale = {HUGE} }}", lambda t: t.number("x"), "x.scale", "a number", HUGE_SHOWN),
        (f"{{ setting = 'interval_ms', scale = 1{308 * '0'} }}", lambda t: t.number("x"), "x", "a number", "inf"),
        ("{ setting = 3 }", lambda t: t.number("x"), "x.setting", "a text", "3"),
        (
            "{ setting = 'interval_ms', sacle = 2 }",
            lambda t: t.number("x"),
            "x.sacle",
            "one of offset, scale, setting",
            "a key that is none of them",
        ),
        ("{ setting = 'interval_ms' }", lambda t: t.number("x", maximum=9), "x", "a number of at most 9", "5000"),
    ],
)
def test_a_reference_that_cannot_be_followed_is_a_problem(written, read, key, expected, got):
    found, problems = table(f"x = {written}", following=True)
    read(found)

    assert told(problems) == {key: (expected, got)}


def test_a_problem_of_a_value_that_follows_names_the_setting():
    text = "x = { setting = 'interval_ms' }\ny = 7\nz = [1, { a = { setting = 'interval_ms' } }]"
    found, problems = table(text, following=True)
    found.number("x", maximum=9)
    found.number("y", maximum=1)
    for key in ("z[1].a", "z[0]", "z[7].a", "z[1].b", "unsaid"):
        found.problem(key, "another", "this")

    assert [problem.setting for problem in problems] == ["interval_ms", None, "interval_ms", None, None, None, None]


def test_a_setting_without_a_default_or_value_is_a_problem_where_it_is_followed():
    found = Table({"x": {"setting": "interval_ms"}}, FILE, "", problems := [])
    found.follow(Following(MACHINE, {}))
    found.number("x")

    assert told(problems) == {
        "x.setting": ("a key that has a default in the model, or a value", "'interval_ms', unset")
    }


def test_a_table_that_follows_nothing_takes_no_reference():
    found, problems = table("x = { setting = 'interval_ms' }")
    found.number("x")

    assert told(problems) == {"x": ("a number", "an object with 1 key")}


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(days, hours, minutes, secs, millis):
    total = days * 86_400 + hours * 3600 + minutes * 60 + secs + millis / 1000

    assert seconds(f"{days}d{hours}h{minutes}m{secs}s{millis}ms") == pytest.approx(total)
    assert seconds(f" {days} d {hours} h {minutes} min {secs} s {millis} ms ") == pytest.approx(total)


@given(st.text(alphabet="0123456789smhdin .-", max_size=12))
def test_a_duration_is_seconds_or_none_whatever_the_text(text):
    found = seconds(text)

    assert found is None or found >= 0
