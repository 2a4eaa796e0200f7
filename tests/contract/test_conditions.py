"""Conditions as documents: what is read, what is refused and where, and that writing is the inverse."""

import doctest
import tomllib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import conditions, models
from contract.conditions import MAX_DEPTH, AllOf, AnyOf, Comparison, NoData, Not, metrics_of, parse, to_document
from contract.errors import ConditionError
from contract.models import Metric

MODE = Metric(key="mode", title="Mode", type="string", enum=("eco", "boost"))
METRICS = {**models.shipped()["machine"].metrics, "mode": MODE, "unheard_of": None}

finite = st.floats(allow_nan=False, allow_infinity=False)
durations = st.integers(0, 10**6)


@st.composite
def comparisons(draw):
    operator = draw(st.sampled_from(["above", "below", "at_least", "at_most"]))
    low, high = sorted([draw(finite), draw(finite)])
    threshold, until = (high, low) if operator in ("above", "at_least") else (low, high)
    return Comparison(
        metric=draw(st.sampled_from(["a", "b"])),
        operator=operator,
        threshold=threshold,
        until=draw(st.sampled_from([None, until])),
        rate_over_ms=draw(st.none() | st.integers(100, 10**6)),
        count=draw(st.integers(1, 5)),
        for_ms=draw(durations),
    )


equalities = st.builds(
    Comparison,
    metric=st.just("a"),
    operator=st.sampled_from(["equals", "not_equals"]),
    threshold=st.booleans() | finite | st.text(max_size=8),
    for_ms=durations,
)
leaves = comparisons() | equalities | st.builds(NoData, metric=st.none() | st.just("a"), for_ms=st.integers(1, 9))
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(AllOf, parts=st.lists(inner, min_size=1, max_size=3).map(tuple), for_ms=durations),
        st.builds(AnyOf, parts=st.lists(inner, min_size=1, max_size=3).map(tuple), for_ms=durations),
        st.builds(Not, part=inner, for_ms=durations),
    ),
    max_leaves=6,
)


def depth_of(condition):
    parts = getattr(condition, "parts", ()) or ([condition.part] if isinstance(condition, Not) else [])
    return 1 + max(map(depth_of, parts), default=0)


@given(trees.filter(lambda tree: depth_of(tree) <= MAX_DEPTH))
def test_a_condition_that_is_written_reads_back_equal(condition):
    assert parse(to_document(condition)) == condition
    assert set(metrics_of(condition)) <= {"a", "b", None}


@pytest.mark.parametrize("model", models.shipped().values(), ids=lambda model: model.name)
def test_the_conditions_of_shipped_models_are_read_and_written_back(model):
    documents = [part for rule in model.rules for part in (rule.condition, rule.clear) if part is not None]
    assert documents
    assert [to_document(parse(document, model.metrics)) for document in documents] == documents


def test_toml_and_json_say_the_same():
    text = """
        [[when.all]]
        metric = "current"
        above = 40
        until = 35.5
        [[when.all]]
        not = { metric = "relay", equals = true }
    """
    assert parse(tomllib.loads(text)["when"], METRICS) == AllOf(
        parts=(
            Comparison(metric="current", operator="above", threshold=40.0, until=35.5),
            Not(part=Comparison(metric="relay", operator="equals", threshold=True)),
        )
    )


def refused(document, metrics=METRICS):
    with pytest.raises(ConditionError) as caught:
        parse(document, metrics)
    return {field: (expected, got) for field, expected, got in caught.value.problems}


WRONG = {
    "no object": (3, "", "a condition: an object", "3"),
    "nothing": ({}, "", "an object with one of metric, all, any, not, no_data", "an object with 0 keys"),
    "two forms": ({"all": [], "any": []}, "", "an object with one of metric, all, any, not, no_data", "all and any"),
    "no operator": ({"metric": "current"}, "", "a comparison with one of above, below", "none of them"),
    "two operators": ({"metric": "current", "above": 1, "below": 2}, "", "a comparison with one of", "above and below"),
    "metric": ({"metric": "curent", "above": 1}, "metric", "one of temperature, vibration, current", "'curent'"),
    "metric's type": ({"metric": 3, "above": 1}, "metric", "one of temperature", "3"),
    "misspelt": ({"metric": "current", "above": 1, "fro": 3}, "fro", "one of metric, above", "a key that is none"),
    "no duration": ({"metric": "current", "above": 1, "for": 3}, "for", "a duration such as", "3"),
    "duration twice": ({"metric": "current", "above": 1, "for": "3s", "for_ms": 1}, "for", "left out beside", "'3s'"),
    "text": ({"metric": "current", "above": "1"}, "above", "a finite number", "'1'"),
    "boolean for number": ({"metric": "current", "equals": True}, "equals", "a finite number", "true"),
    "number for boolean": ({"metric": "relay", "equals": 1}, "equals", "true or false", "1"),
    "order of booleans": ({"metric": "relay", "above": 0}, "above", "left out for a boolean", "0"),
    "NaN": ({"metric": "unheard_of", "above": float("nan")}, "above", "a finite number", "nan"),
    "huge": ({"metric": "current", "above": 10**400}, "above", "a finite number", "an integer of 1329 bits"),
    "list": ({"metric": "unheard_of", "equals": []}, "equals", "a finite number, a boolean or a text", "a list of 0"),
    "word": ({"metric": "mode", "equals": "ecoo"}, "equals", "one of eco, boost", "'ecoo'"),
    "rate of text": ({"metric": "mode", "rate_over_ms": 1000, "equals": 1}, "equals", "left out for a string", "1"),
    "short rate": ({"metric": "current", "rate_over_ms": 5, "above": 1}, "rate_over_ms", "an integer from 100", "5"),
    "until above": ({"metric": "current", "above": 5, "until": 6}, "until", "at most the threshold 5", "6"),
    "until below": ({"metric": "current", "below": 5, "until": 4}, "until", "at least the threshold 5", "4"),
    "until of equals": ({"metric": "current", "equals": 5, "until": 4}, "until", "left out with `equals`", "4"),
    "until's type": ({"metric": "current", "above": 5, "until": "x"}, "until", "a finite number", "'x'"),
    "count": ({"metric": "current", "above": 5, "count": 0}, "count", "an integer from 1 to 1000", "0"),
    "duration": ({"metric": "current", "above": 5, "for_ms": 1.5}, "for_ms", "an integer from 0", "1.5"),
    "boolean duration": ({"metric": "current", "above": 5, "for_ms": True}, "for_ms", "an integer from 0", "true"),
    "no data for no time": ({"no_data": True}, "for", "present", "nothing"),
    "no data false": ({"no_data": False, "for_ms": 5}, "no_data", "true", "false"),
    "no parts": ({"all": []}, "all", "a list with at least one condition", "a list of 0"),
    "deep inside": ({"any": [{"not": {"metric": "x", "above": 1}}]}, "any[0].not.metric", "one of temperature", "'x'"),
}


@pytest.mark.parametrize(("document", "field", "expected", "got"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_with_its_path(document, field, expected, got):
    problems = refused(document)
    assert list(problems) == [field]
    assert problems[field][0].startswith(expected)
    assert problems[field][1].startswith(got)


def test_a_duration_may_be_written_as_people_do():
    written = {"metric": "current", "above": 5, "rate_over": "1m", "for": "1h30m"}
    assert parse(written) == parse({"metric": "current", "above": 5, "rate_over_ms": 60_000, "for_ms": 5_400_000})
    assert parse({"no_data": True, "for": "90s"}) == NoData(for_ms=90_000)


def test_all_that_is_wrong_is_told_together():
    document = {"all": [{"metric": "x", "above": "y"}, {"any": 3, "for_ms": -1}], "of": 2}
    assert list(refused(document)) == ["of", "all[0].metric", "all[0].above", "all[1].any", "all[1].for_ms"]


def test_without_known_metrics_any_well_formed_name_will_do():
    assert parse({"metric": "whatever", "equals": "x"}) == Comparison(
        metric="whatever", operator="equals", threshold="x"
    )
    assert refused({"metric": "What Ever", "equals": 1}, None)["metric"][0].startswith("1 to 64 of a-z")


def nested(depth):
    condition = {"metric": "current", "above": 1}
    for _ in range(depth - 1):
        condition = {"not": condition}
    return condition


def test_depth_and_size_are_bounded():
    assert parse(nested(8))
    assert list(refused(nested(9)).values()) == [("at most 64 conditions, nested at most 8 deep", "more")]
    assert len(refused({"all": [{"metric": "current", "above": 1}] * 100_000})) == 1


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["current", "x"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["metric", "above", "equals", "all", "any", "not", "no_data", "for_ms"]), inner
        )
    ),
    max_leaves=6,
)


@given(anything)
def test_whatever_is_read_as_a_condition_it_is_one_or_refused_with_reasons(document):
    with suppress(ConditionError):
        condition = parse(document, METRICS)
        assert parse(to_document(condition), METRICS) == condition


def test_the_examples_in_the_docstring_hold():
    assert doctest.testmod(conditions).failed == 0
