"""The published JSON Schema of rules says what the reader says, as far as a schema can."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contract.rules
from contract import models
from contract.errors import RuleError
from contract.rules import of_model, read_rule, to_document
from contract.rules.schema import rule_schema
from tests.contract import test_conditions
from tests.contract.rules import test_documents
from tests.contract.test_conditions import MAX_DEPTH, depth_of, trees

PUBLISHED = Path(contract.rules.__file__).with_name("rule.schema.json")
SCHEMA = jsonschema_rs.Draft202012Validator(json.loads(PUBLISHED.read_text()))

# What a schema does not see: what is so because of something elsewhere, or known only at work.
BEYOND_CONDITIONS = {
    "metric",
    "boolean for number",
    "number for boolean",
    "order of booleans",
    "NaN",
    "huge",
    "word",
    "rate of text",
    "until above",
    "until below",
    "threshold's metric",
    "threshold's type",
    "plus for a boolean",
    "of less",
    "average of booleans",
    "changes to",
    "fence of",
    "pole",
    "no time",
    "zone",
    "deep inside",
}
BEYOND_RULES = {"scope of another model", "large", "escalation", "title"}


def rule(when, **more):
    return {"rule": "r", "scope": "*", "severity": "major", "when": when, **more}


def test_what_is_published_is_what_the_code_says():
    text = json.dumps(rule_schema(), indent=2, ensure_ascii=False) + "\n"
    assert PUBLISHED.read_text() == text, "write it anew: python -m contract.rules.schema"


@settings(max_examples=60)
@given(trees.filter(lambda tree: depth_of(tree) <= MAX_DEPTH))
def test_every_condition_that_is_written_is_in_the_schema(condition):
    SCHEMA.validate(rule(test_conditions.to_document(condition)))


@pytest.mark.parametrize("name", test_conditions.WRONG)
def test_a_condition_that_the_reader_refuses_is_none_by_the_schema_either(name):
    document = test_conditions.WRONG[name][0]
    if name not in {"NaN", "huge"}:
        assert SCHEMA.is_valid(rule(document)) == (name in BEYOND_CONDITIONS)


@pytest.mark.parametrize("name", test_documents.WRONG)
def test_a_rule_that_the_reader_refuses_is_none_by_the_schema_either(name):
    assert SCHEMA.is_valid(test_documents.WRONG[name][0]) == (name in BEYOND_RULES)


PIECES = {
    "rule": st.sampled_from(["hot", "climate:hot", "Hot", 3]),
    "scope": st.sampled_from(["*", "model:climate", "group:a/b", "device:x", "plant:1", "model:"]),
    "enabled": st.booleans(),
    "severity": st.sampled_from(["major", "bad"]),
    "when": st.sampled_from([{"metric": "t", "above": 1}, {"metric": "t"}, {"no_data": True, "for": "1m"}]),
    "clear": st.sampled_from([{"metric": "t", "below": 1}, 3]),
    "clear_after": st.sampled_from(["5m", "five"]),
    "bands": st.sampled_from([[], [{"severity": "major", "when": {"metric": "t", "above": 1}}], [{}]]),
    "stale_after": st.sampled_from(["5m", 5]),
    "stale_after_ms": st.sampled_from([5, 0]),
    "flapping": st.sampled_from([{"times": 2, "within": "1m"}, {"times": 1, "within": "1m"}, {"times": 2}]),
    "actions": st.sampled_from(
        [[{"notify": ["a"]}], [{"notify": ["a"], "on": []}], [{"command": "c", "desire": {}}], []]
    ),
    "escalation": st.sampled_from([[{"after": "5m", "notify": ["a"]}], [{"notify": ["a"]}]]),
    "more": st.just(1),
}


@st.composite
def nearly_rules(draw):
    """A rule with up to three pieces changed or added, and perhaps one left out."""
    changed = draw(st.sets(st.sampled_from(sorted(PIECES)), max_size=3))
    document = rule({"metric": "t", "above": 1}) | {key: draw(PIECES[key]) for key in sorted(changed)}
    document.pop(draw(st.sampled_from(["", "", "", "when", "severity", "scope", "rule"])), None)
    return document


@settings(max_examples=200)
@given(nearly_rules())
def test_reader_and_schema_agree_on_what_goes_together(document):
    if document.get("rule") == "climate:hot":
        document = {**document, "scope": "model:climate"}
    try:
        read_rule(document)
    except RuleError:
        assert not SCHEMA.is_valid(document)
    else:
        SCHEMA.validate(document)
        SCHEMA.validate([document, document])


def test_the_rules_that_ship_are_in_the_schema():
    for model in models.shipped().values():
        SCHEMA.validate([to_document(each) for each in of_model(model)])
