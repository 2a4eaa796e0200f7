import pickle

import pytest

from contract import errors
from contract.errors import ConditionError, ContractError, EnvelopeError, FleetError, ModelError, shown

SUBCLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]


@pytest.mark.parametrize("kind", SUBCLASSES)
def test_one_root_catches_every_error_and_the_module_draws_it(kind):
    assert issubclass(kind, ContractError)
    assert kind.__name__ in errors.__doc__


def test_an_error_is_a_sentence_that_names_field_expectation_and_value():
    error = EnvelopeError("m[3].ts", "an integer", "'soon'")
    assert str(error) == "Invalid envelope: `m[3].ts` must be an integer, got 'soon'."
    assert (error.field, error.expected, error.got, error.reason) == (
        "m[3].ts",
        "an integer",
        "'soon'",
        "invalid_field",
    )


def test_an_error_names_its_file_where_there_is_one():
    assert str(ModelError("title", "present", "nothing", source="pump.json")) == (
        "Invalid device model pump.json: `title` must be present, got nothing."
    )


@pytest.mark.parametrize(
    "error",
    [
        EnvelopeError("v", "1", "2", "x"),
        FleetError("fleet.toml", ("a.", "b.")),
        ConditionError((("all[0].above", "a number", "true"), ("", "one of", "more"))),
    ],
)
def test_an_error_survives_the_way_between_processes(error):
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.reason) == (type(error), str(error), error.reason)


def test_a_fleet_error_lists_every_problem():
    assert str(FleetError("fleet.toml", ("one.", "two."))) == "Invalid fleet file fleet.toml:\n- one.\n- two."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (21.5, "21.5"),
        ("it's", '"it\'s"'),
        ("a\nb\u202e", "'a\\nb\\u202e'"),
        ({"a": 1}, "an object with 1 key"),
        ([1, 2], "a list of 2"),
        (10**5000, "an integer of 16610 bits"),
    ],
    ids=["null", "true", "float", "quote", "control", "object", "list", "huge"],
)
def test_a_value_is_shown_in_one_short_line(value, text):
    assert shown(value) == text


def test_a_long_text_is_clipped_and_says_how_long_it_was():
    assert shown("x" * 100_000) == f"'{'x' * 60}'… (100000 characters)"
