"""Templates of messages: what they show, and that nothing in them can do more."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import RuleError
from contract.rules import read_rule, templates
from contract.rules.lifecycle import RuleProgram
from contract.rules.templates import MAX_RENDERED_CHARS, compile_template


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("{t}", 21.0, "21"),
        ("{t}", 0.1 + 0.2, "0.3"),
        ("{t}", -0.00000001, "-0"),
        ("{t}", 1e20, "1e+20"),
        ("{t}", 3, "3"),
        ("{t:.0f}", 2.6, "3"),
        ("{t:,.1f}", 1234567.89, "1,234,567.9"),
        ("{t}", True, "true"),
        ("{t:.1f}", False, "false"),
        ("{t:.1f}", "open", "open"),
        ("{t}", "a\r\nBcc: b", "a Bcc: b"),
        ("{t}", None, "unknown"),
        ("{t}", float("inf"), "unknown"),
        ("{{{t}}}", 5, "{5}"),
        ("{other}", 5, "unknown"),
        ("no field", 5, "no field"),
        ("", 5, ""),
    ],
)
def test_a_value_is_shown_as_people_write_it(text, value, expected):
    assert compile_template(text).render({"t": value}) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{t.real}",
        "{t[0]}",
        "{t!r}",
        "{0}",
        "{}",
        "{t:>99999}",
        "{t:.9f}",
        "{t:{w}}",
        "{",
        "a } b",
        "{__class__}",
        "{T}",
    ],
)
def test_nothing_but_fields_and_a_few_formats_is_let_through(text):
    with pytest.raises(RuleError, match="must be a template"):
        compile_template(text)


def test_every_field_that_is_none_is_told_and_their_number_is_bounded():
    with pytest.raises(RuleError) as caught:
        compile_template("{a.b} {c} {d!r}")
    assert [got for _, _, got in caught.value.problems] == ["'{a.b}'", "'{d!r}'"]
    with pytest.raises(RuleError, match="at most 20 fields, got 21"):
        compile_template("{a}" * 21)


def test_what_is_shown_is_bounded():
    text = compile_template("{t}" * 20).render({"t": "x" * 256})
    assert (len(text), text[-1]) == (MAX_RENDERED_CHARS, "…")


@given(st.text(max_size=60))
def test_whatever_is_read_as_a_template_is_shown_or_refused(text):
    try:
        template = compile_template(text)
    except RuleError:
        return
    assert len(template.render({})) <= MAX_RENDERED_CHARS


@given(st.text(max_size=90))
def test_a_text_whose_braces_are_doubled_is_shown_as_it_is(text):
    assert compile_template(text.replace("{", "{{").replace("}", "}}")).render({}) == text


def rule(**changes):
    hot = {"rule": "hot", "title": "Too {hot}", "scope": "*", "severity": "major", "when": {"metric": "t", "above": 90}}
    return {**hot, **changes}


def test_a_rule_tells_its_steps_by_its_template_also_of_metrics_that_decide_nothing():
    message = "{name} ({device}) {severity}: {t:.1f} after {first}, at most {peak}, at {latitude}, {@site}"
    program = RuleProgram(read_rule(rule(message=message)))
    assert program.metrics == {"t", "latitude", "@site"}
    state, _ = program.observe(program.start(0), 1, {"@site": "north", "latitude": 52.5})
    state, (raised,) = program.observe(state, 2, {"t": 95})
    assert program.quiet(state)["latitude"] == (float("-inf"), float("inf"))
    state, _ = program.observe(state, 3, {"t": 99, "latitude": 52.6})
    _, (cleared,) = program.observe(state, 4, {"t": 90})
    said = [program.message(step, device="press-4", name="Press 4") for step in (raised, cleared)]
    assert said == [
        "Press 4 (press-4) major: 95.0 after 95, at most 95, at 52.5, north",
        "Press 4 (press-4) major: 90.0 after 95, at most 99, at 52.6, north",
    ]


def test_without_a_template_the_title_is_told_as_it_is():
    program = RuleProgram(read_rule(rule()))
    _, (raised,) = program.observe(program.start(0), 2, {"t": 95})
    assert program.message(raised, device="d", name="D") == "Too {hot}"


def test_a_template_that_is_none_is_refused_with_its_rule():
    with pytest.raises(RuleError) as caught:
        read_rule(rule(message="{t!r} and {"))
    assert [field for field, _, _ in caught.value.problems] == ["message", "message"]


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(templates).failed == 0
