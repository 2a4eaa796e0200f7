import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import schema
from device_agent.actuators.kinds import KINDS, Contact, Motor, MotorisedValve
from device_agent.actuators.lines import Line

RELAY = Contact(Line(17))
VALVE = MotorisedValve(Line(5), Line(6), 30.0)
MOTOR = Motor(Line(12), Line(13), Line(14))


def final(kind, parameters):
    levels = {line.pin: 0.0 for line in kind.lines}
    for step in kind.plan(parameters):
        levels.update(step.levels)
    return levels


@pytest.mark.parametrize("kind", [RELAY, VALVE, MOTOR], ids=lambda kind: type(kind).__name__)
def test_the_schema_of_a_kind_is_one_that_a_model_may_have(kind):
    schema.check(dict(kind.schema), "input")


@given(st.booleans())
def test_a_contact_is_what_its_line_is(on):
    assert RELAY.truth(final(RELAY, {"on": on}), None) == {"on": on}
    assert RELAY.is_on({"on": on}) is on


@given(st.booleans())
def test_a_motorised_valve_is_where_it_was_brought_and_its_lines_are_let_go(open_):
    levels = final(VALVE, {"open": open_})
    assert set(levels.values()) == {0.0}
    assert VALVE.truth(levels, {"open": open_}) == {"open": open_}


@given(st.booleans())
def test_nobody_knows_where_a_valve_is_that_moves_or_was_never_brought_anywhere(open_):
    moving = VALVE.plan({"open": open_})[0]
    assert moving.hold_s == 30.0
    assert VALVE.truth(moving.levels, {"open": open_}) == {"open": None}
    assert VALVE.truth(final(VALVE, {"open": open_}), None) == {"open": None}
    assert VALVE.is_on({"open": None})


@given(st.floats(-1, 1))
def test_a_motor_turns_as_it_was_told(speed):
    levels = final(MOTOR, {"speed": speed})
    assert levels[12] == 0 or levels[13] == 0
    assert all(0 <= level <= 1 for level in levels.values())
    assert MOTOR.truth(levels, None)["speed"] == pytest.approx(speed, abs=0.001)
    assert MOTOR.is_on({"speed": speed}) is (speed != 0)


def test_a_motor_that_is_not_enabled_does_not_turn():
    assert MOTOR.truth({12: 1.0, 13: 0.0, 14: 0.0}, None) == {"speed": 0.0}


def test_a_motor_without_a_backward_line_cannot_be_told_to_go_back():
    assert list(schema.violations(Motor(Line(12)).schema, {"speed": -0.1})) == [("speed", "at least 0", "-0.1")]


def test_every_kind_says_what_it_must_be_told():
    assert list(KINDS) == ["relay", "switch", "valve", "motor"]
