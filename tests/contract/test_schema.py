import pytest

from contract.errors import ModelError
from contract.schema import check, defaults, violations

RELAY = {
    "type": "object",
    "properties": {
        "on": {"type": "boolean"},
        "for_s": {"type": "integer", "minimum": 1, "maximum": 60, "default": 5},
        "mode": {"type": "string", "enum": ["eco", "boost"], "default": "eco"},
        "steps": {"type": "array", "items": {"type": "number"}, "maxItems": 2},
        "note": {"type": "string", "minLength": 1, "maxLength": 3},
        "more": {"type": "object"},
    },
    "required": ["on"],
    "additionalProperties": False,
}


def faults(value, schema=RELAY):
    return [(violation.field, violation.expected, violation.got) for violation in violations(schema, value)]


@pytest.mark.parametrize(
    "value",
    [
        {"on": True},
        {"on": False, "for_s": 1, "mode": "boost", "steps": [1, 2.5], "note": "abc", "more": {"any": None}},
    ],
)
def test_a_value_that_keeps_to_the_schema_has_no_violations(value):
    check(RELAY, "input")
    assert faults(value) == []


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ([], ("", "of type object", "a list of 0")),
        ({}, ("on", "present", "nothing")),
        ({"on": 1}, ("on", "of type boolean", "1")),
        ({"on": True, "for_s": True}, ("for_s", "of type integer", "true")),
        ({"on": True, "for_s": 1.5}, ("for_s", "of type integer", "1.5")),
        ({"on": True, "for_s": 0}, ("for_s", "at least 1", "0")),
        ({"on": True, "for_s": 61}, ("for_s", "at most 60", "61")),
        ({"on": True, "mode": "warp"}, ("mode", "one of eco, boost", "'warp'")),
        ({"on": True, "steps": [1, "2"]}, ("steps[1]", "of type number", "'2'")),
        ({"on": True, "steps": [1, 2, 3]}, ("steps", "at most 2 items", "3 items")),
        ({"on": True, "note": ""}, ("note", "at least 1 characters", "0 characters")),
        ({"on": True, "other": 1}, ("other", "one of on, for_s, mode, steps, note, more", "'other'")),
    ],
)
def test_a_violation_names_the_path_the_expectation_and_the_value(value, fault):
    assert faults(value) == [fault]


def test_every_violation_is_found_at_once():
    assert [field for field, _, _ in faults({"for_s": 0, "mode": "warp", "x": 1})] == ["on", "for_s", "mode", "x"]


def test_defaults_are_those_that_the_properties_name():
    assert defaults(RELAY) == {"for_s": 5, "mode": "eco"}


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        (True, "input"),
        ({}, "input.type"),
        ({"type": ["string", "null"]}, "input.type"),
        ({"type": "null"}, "input.type"),
        ({"type": "string", "pattern": "x"}, "input.pattern"),
        ({"type": "string", "minimum": 1}, "input.minimum"),
        ({"type": "string", "enum": []}, "input.enum"),
        ({"type": "string", "enum": "ab"}, "input.enum"),
        ({"type": "string", "maxLength": -1}, "input.maxLength"),
        ({"type": "number", "minimum": True}, "input.minimum"),
        ({"type": "number", "minimum": 1, "default": 0}, "input.default"),
        ({"type": "array", "items": {"type": "x"}}, "input.items.type"),
        ({"type": "object", "properties": []}, "input.properties"),
        ({"type": "object", "properties": {"a": 1}}, "input.properties.a"),
        ({"type": "object", "required": ["a"]}, "input.required"),
        ({"type": "object", "additionalProperties": {}}, "input.additionalProperties"),
    ],
)
def test_a_schema_outside_of_the_subset_is_refused_where_it_leaves_it(schema, field):
    with pytest.raises(ModelError) as caught:
        check(schema, "input")
    assert caught.value.field == field
