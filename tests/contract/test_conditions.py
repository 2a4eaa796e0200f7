"""Conditions as documents: what is read, what is refused and where, and that writing is the inverse."""

import doctest
import tomllib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import conditions, models
from contract.conditions import (
    MAX_DEPTH,
    ONLINE,
    AllOf,
    AnyOf,
    Changes,
    Circle,
    Comparison,
    Geofence,
    NoData,
    Not,
    Operand,
    Polygon,
    Schedule,
    Window,
    fits_the_edge,
    metrics_of,
    parse,
    to_document,
)
from contract.errors import ConditionError
from contract.models import Metric

MODE = Metric(key="mode", title="Mode", type="string", enum=("eco", "boost"))
METRICS = {**models.shipped()["machine"].metrics, "mode": MODE, "unheard_of": None, "latitude": None, "longitude": None}

finite = st.floats(allow_nan=False, allow_infinity=False)
durations = st.integers(0, 10**6)


@st.composite
def comparisons(draw):
    operator = draw(st.sampled_from(["above", "below", "at_least", "at_most"]))
    low, high = sorted([draw(finite), draw(finite)])
    threshold, until = (high, low) if operator in ("above", "at_least") else (low, high)
    operand = draw(st.none() | st.builds(Operand, sample=st.sampled_from(["b", "@limit"]), plus=finite))
    count, aggregate = draw(st.integers(1, 5)), draw(st.sampled_from([None, "avg", "count"]))
    return Comparison(
        metric=draw(st.sampled_from(["a", "b"])),
        operator=operator,
        threshold=threshold if operand is None else operand,
        until=draw(st.sampled_from([None, until])) if operand is None else None,
        rate_over_ms=draw(st.none() | st.integers(100, 10**6)) if aggregate is None else None,
        aggregate=aggregate,
        over_ms=draw(st.integers(100, 10**6)) if aggregate else None,
        count=count,
        of=draw(st.none() | st.integers(count + 1, 60)),
        for_ms=draw(durations),
    )


equalities = st.builds(
    Comparison,
    metric=st.just("a"),
    operator=st.sampled_from(["equals", "not_equals"]),
    threshold=st.booleans() | finite | st.text(max_size=8),
    for_ms=durations,
)
latitudes, longitudes = st.floats(-90, 90), st.floats(-60, 60)
areas = st.builds(Circle, latitude=latitudes, longitude=longitudes, radius_m=st.floats(1, 20_000_000)) | st.builds(
    Polygon, corners=st.lists(st.tuples(latitudes, longitudes), min_size=3, max_size=5).map(tuple)
)
windows = st.builds(
    Window,
    days=st.sets(st.integers(0, 6), min_size=1).map(sorted).map(tuple),
    start=st.integers(0, 700),
    end=st.integers(701, 1_440),
)
leaves = st.one_of(
    comparisons(),
    equalities,
    st.builds(NoData, metric=st.none() | st.just("a"), for_ms=st.integers(1, 9)),
    st.builds(Changes, metric=st.just("a"), before=st.none() | st.booleans() | finite, after=st.none() | st.text()),
    st.builds(
        Geofence, area=areas, inside=st.booleans(), latitude=st.sampled_from(["latitude", "a"]), for_ms=durations
    ),
    st.builds(Schedule, zone=st.just("Europe/Berlin"), windows=st.lists(windows, min_size=1, max_size=2).map(tuple)),
    st.builds(Comparison, metric=st.just("@zone"), operator=st.just("equals"), threshold=st.text(), for_ms=durations),
    st.builds(
        Comparison, metric=st.just(ONLINE), operator=st.just("equals"), threshold=st.booleans(), for_ms=durations
    ),
)
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
    assert set(metrics_of(condition)) <= {"a", "b", "latitude", "longitude", "@limit", "@zone", ONLINE, None}


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


TRIANGLE = [[0, 0], [0, 1], [1, 0]]
WRONG = {
    "no object": (3, "", "a condition: an object", "3"),
    "nothing": ({}, "", "an object with one of metric, attribute, changes, no_data,", "an object with 0 keys"),
    "two forms": ({"all": [], "any": []}, "", "an object with one of metric,", "all and any"),
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
    "rate of text": ({"metric": "mode", "rate_over_ms": 1000, "equals": 1}, "metric", "a metric that is a number", ""),
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
    "threshold's metric": (
        {"metric": "current", "above": {"metric": "x"}},
        "above.metric",
        "one of temperature",
        "'x'",
    ),
    "threshold's type": (
        {"metric": "current", "above": {"metric": "relay"}},
        "above.metric",
        "a metric that is a number",
        "relay, a boolean",
    ),
    "threshold of neither": ({"metric": "current", "above": {"plus": 1}}, "above", "an object with one of metric,", ""),
    "attribute's key": (
        {"metric": "current", "above": {"attribute": "Limit!"}},
        "above.attribute",
        "an attribute: 1 to 63 of a-z",
        "'Limit!'",
    ),
    "plus for a boolean": (
        {"metric": "relay", "equals": {"attribute": "on", "plus": 1}},
        "equals.plus",
        "left out for a boolean",
        "1.0",
    ),
    "until beside a metric": (
        {"metric": "current", "above": {"metric": "vibration"}, "until": 3},
        "until",
        "left out where the device gives the threshold",
        "3",
    ),
    "attribute's rate": ({"attribute": "a", "above": 1, "rate_over": "1m"}, "rate_over", "one of attribute, above", ""),
    "of less": ({"metric": "current", "above": 1, "count": 3, "of": 3}, "of", "an integer from 4 to 60", "3"),
    "of without count": ({"metric": "current", "above": 1, "of": 3}, "of", "left out without `count`", "3"),
    "aggregate": (
        {"metric": "current", "above": 1, "aggregate": "mean", "over": "1m"},
        "aggregate",
        "one of avg, min, max",
        "'mean'",
    ),
    "aggregate over what": ({"metric": "current", "above": 1, "aggregate": "avg"}, "over", "present", "nothing"),
    "over what": ({"metric": "current", "above": 1, "over": "1m"}, "over", "left out without `aggregate`", "'1m'"),
    "aggregate of a rate": (
        {"metric": "current", "above": 1, "aggregate": "avg", "over": "1m", "rate_over": "1m"},
        "aggregate",
        "left out beside `rate_over`",
        "'avg'",
    ),
    "average of booleans": (
        {"metric": "relay", "above": 1, "aggregate": "avg", "over": "1m"},
        "metric",
        "a metric that is a number",
        "relay, a boolean",
    ),
    "changes": ({"metric": "mode", "changes": False}, "changes", "true", "false"),
    "changes of what": ({"changes": True}, "metric", "present", "nothing"),
    "changes to": ({"metric": "mode", "changes": True, "to": "off"}, "to", "one of eco, boost", "'off'"),
    "online": ({"online": "yes"}, "online", "true or false", "'yes'"),
    "geofence": ({"geofence": {}}, "geofence", "an object with one of circle, polygon", "an object with 0"),
    "fence is": ({"geofence": {"polygon": TRIANGLE}, "is": "in"}, "is", "inside or outside", "'in'"),
    "fence of": ({"geofence": {"polygon": TRIANGLE}, "latitude": "lat"}, "latitude", "one of temperature", "'lat'"),
    "circle": ({"geofence": {"circle": 3}}, "geofence.circle", "an object with latitude, longitude and radius_m", "3"),
    "radius": (
        {"geofence": {"circle": {"latitude": 1, "longitude": 2, "radius_m": 0}}},
        "geofence.circle.radius_m",
        "a number from 1 to",
        "0",
    ),
    "no radius": (
        {"geofence": {"circle": {"latitude": 1, "longitude": 2}}},
        "geofence.circle.radius_m",
        "present",
        "nothing",
    ),
    "corners": ({"geofence": {"polygon": [[1, 2]]}}, "geofence.polygon", "a list of 3 to 100 corners", "a list of 1"),
    "corner": (
        {"geofence": {"polygon": [[1, 2], [2, 3], [91, 4]]}},
        "geofence.polygon[2][0]",
        "a number from -90 to 90",
        "91",
    ),
    "pole": (
        {"geofence": {"polygon": [[80, 0], [80, 120], [80, -120]]}},
        "geofence.polygon",
        "less than 180 degrees of longitude wide",
        "a wider one",
    ),
    "no windows": ({"schedule": [], "zone": "UTC"}, "schedule", "a list of 1 to 21 windows", "a list of 0"),
    "time": (
        {"schedule": {"from": "8:00", "to": "09:00"}, "zone": "UTC"},
        "schedule[0].from",
        "a time of day",
        "'8:00'",
    ),
    "no time": (
        {"schedule": {"from": "08:00", "to": "08:00"}, "zone": "UTC"},
        "schedule[0].to",
        "another time than `from`",
        "'08:00'",
    ),
    "day": (
        {"schedule": {"days": ["Mon"], "from": "08:00", "to": "09:00"}, "zone": "UTC"},
        "schedule[0].days",
        "a list of at least one of mon",
        "'Mon'",
    ),
    "no zone": ({"schedule": {"from": "08:00", "to": "09:00"}}, "zone", "an IANA time zone", "nothing"),
    "zone": ({"schedule": {"from": "08:00", "to": "09:00"}, "zone": "Mars/X"}, "zone", "an IANA time zone", "'Mars/X'"),
    "zone's path": (
        {"schedule": {"from": "08:00", "to": "09:00"}, "zone": "../../etc/passwd"},
        "zone",
        "an IANA time zone",
        "'../../etc/passwd'",
    ),
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


def test_what_only_the_cloud_can_know_is_refused_at_the_edge():
    cloud_only = {
        "attribute": {"attribute": "site", "equals": "north"},
        "above.attribute": {"metric": "current", "above": {"attribute": "limit"}},
        "online": {"online": False, "for": "5m"},
        "schedule": {"schedule": {"from": "08:00", "to": "18:00"}, "zone": "Europe/Berlin"},
    }
    for field, document in cloud_only.items():
        assert not fits_the_edge(parse({"not": {"all": [document]}}))
        with pytest.raises(ConditionError) as caught:
            parse(document, METRICS, edge=True)
        ((where, expected, got),) = caught.value.problems
        assert (where, got) == (field, "a condition for rules in the cloud")
        assert expected.startswith("left out on a device: ")
    everywhere = [
        {"metric": "current", "above": {"metric": "vibration", "plus": 2}},
        {"metric": "current", "above": 3, "aggregate": "avg", "over": "5m", "count": 2, "of": 3},
        {"metric": "mode", "changes": True, "from": "eco"},
        {"geofence": {"polygon": TRIANGLE}, "is": "outside"},
        {"no_data": True, "for": "1m"},
    ]
    for document in everywhere:
        assert fits_the_edge(parse({"any": [document]}, METRICS, edge=True))


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
