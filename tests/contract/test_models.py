"""Device models: what is shipped, what is read, and what is refused with the file and the key."""

import doctest
import json
import math
from contextlib import suppress
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import models, schema
from contract.errors import ModelError
from contract.identity import METRIC_PATTERN, THING_PATTERN
from contract.models import SEVERITIES, Actuator, DeviceModel, Metric, Rule, decode, encode, load, shipped, validate

SHIPPED = sorted((files("contract") / "device_models").iterdir(), key=lambda entry: entry.name)
MACHINE = (files("contract") / "device_models" / "machine.json").read_bytes()

keys = st.from_regex(METRIC_PATTERN, fullmatch=True)
words = st.text(min_size=1, max_size=12)
bounds = st.tuples(*[st.none() | st.floats(allow_nan=False, allow_infinity=False)] * 2).map(
    lambda pair: tuple(sorted(pair)) if None not in pair else pair
)


@st.composite
def metrics(draw, key):
    kind = draw(st.sampled_from(["number", "boolean", "string"]))
    if kind == "number":
        minimum, maximum = draw(bounds)
        unit, precision = draw(st.sampled_from(["Cel", "%", "1", "m/s2"])), draw(st.none() | st.integers(0, 15))
        numeric = {"unit": unit, "minimum": minimum, "maximum": maximum, "precision": precision}
        return Metric(key=key, title=draw(words), type=kind, **numeric)
    enum = tuple(draw(st.lists(words, max_size=3, unique=True))) if kind == "string" else ()
    return Metric(key=key, title=draw(words), type=kind, enum=enum)


@st.composite
def device_models(draw):
    measured = {key: draw(metrics(key)) for key in draw(st.lists(keys, min_size=1, max_size=4, unique=True))}
    metric = draw(st.sampled_from(sorted(measured)))
    switch = {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}
    actuator = Actuator(
        key="relay",
        title=draw(words),
        parameters=switch,
        safe={"on": draw(st.booleans())},
        metric=metric,
        idempotent=draw(st.booleans()),
    )
    condition, clear = {"no_data": True, "metric": metric, "for_ms": 5}, None
    if measured[metric].type == "number":
        condition, clear = {"metric": metric, "above": 2}, draw(st.none() | st.just({"metric": metric, "below": 1}))
    rule = Rule(key="high", title=draw(words), severity="major", condition=condition, clear=clear)
    return DeviceModel(
        name=draw(st.from_regex(THING_PATTERN, fullmatch=True)),
        title=draw(words),
        version="2.1.0",
        interval_ms=draw(st.integers(1, 10**9)),
        lateness_ms=draw(st.integers(1, 10**9)),
        reorder_hold_ms=draw(st.integers(0, 10**6)),
        metrics=measured,
        actuators=draw(st.sampled_from([{}, {"relay": actuator}])),
        rules=draw(st.sampled_from([(), (rule,)])),
    )


@settings(deadline=None)
@given(device_models())
def test_a_model_that_is_written_reads_back_equal(model):
    assert decode(encode(model)) == model


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_a_shipped_model_is_named_like_its_file_and_reads_back_equal(entry):
    model = decode(entry.read_bytes(), entry.name)
    assert f"{model.name}.json" == entry.name
    assert decode(encode(model)) == model


def test_the_shipped_models_measure_what_they_are_for():
    units = {name: {key: metric.unit for key, metric in model.metrics.items()} for name, model in shipped().items()}
    assert units == {
        "climate": {"temperature": "Cel", "humidity": "%", "pressure": "hPa", "dew_point": "Cel"},
        "machine": {"temperature": "Cel", "vibration": "mm/s", "current": "A", "relay": None},
        "tracker": {
            "latitude": "deg",
            "longitude": "deg",
            "altitude": "m",
            "speed": "m/s",
            "battery": "%",
            "acceleration_x": "m/s2",
            "acceleration_y": "m/s2",
            "acceleration_z": "m/s2",
        },
    }


def test_every_shipped_model_says_what_to_expect_of_a_device():
    for model in shipped().values():
        assert 0 < model.interval_ms < model.lateness_ms
        assert (model.lateness_ms, model.reorder_hold_ms) == (3_600_000, 10_000)
        assert model.default_configuration()["interval_ms"] == model.interval_ms
        assert not list(schema.violations(model.configuration, model.default_configuration()))
        assert model.rules
        assert all(rule.severity in SEVERITIES for rule in model.rules)


def test_the_machine_has_a_relay_that_is_open_when_nobody_is_in_control():
    relay = shipped()["machine"].actuators["relay"]
    assert relay.safe == {"on": False}
    assert relay.metric == "relay"
    assert [str(each.field) for each in schema.violations(relay.parameters, {"on": "yes", "x": 1})] == ["on", "x"]


def test_what_shipped_returns_is_the_callers_own():
    shipped().clear()
    assert shipped()


@pytest.mark.parametrize(
    ("metric", "value", "reason"),
    [
        ("temperature", 21.5, None),
        ("temperature", -40.0, None),
        ("temperature", 200.0, None),
        ("temperature", 200.1, "out_of_range"),
        ("temperature", -40.1, "out_of_range"),
        ("temperature", math.nan, "out_of_range"),
        ("temperature", math.inf, "out_of_range"),
        ("temperature", True, "wrong_type"),
        ("temperature", "21", "wrong_type"),
        ("relay", True, None),
        ("relay", 1.0, "wrong_type"),
        ("unheard_of", "anything", None),
    ],
)
def test_a_value_is_held_against_the_model(metric, value, reason):
    rejected = validate(shipped()["machine"], metric, value)
    assert (rejected.reason if rejected else None) == reason


def test_a_word_outside_of_the_enum_is_rejected_with_the_words_that_are_in():
    mode = Metric(key="mode", title="Mode", type="string", enum=("eco", "boost"))
    model = DeviceModel(name="fan", title="Fan", version="1", interval_ms=1, metrics={"mode": mode})
    assert validate(model, "mode", "eco") is None
    rejected = validate(model, "mode", "warp")
    assert (rejected.reason, rejected.expected, rejected.got) == ("not_in_enum", "one of eco, boost", "'warp'")


def test_a_rejection_says_bound_and_unit():
    rejected = validate(shipped()["climate"], "temperature", 900.0)
    assert (rejected.expected, rejected.got) == ("at most 85 Cel", "900.0")


REFUSED = {
    "misspelt": ("properties.temperature.minimun", 3, "`properties.temperature.minimun` must be left out"),
    "bound": (
        "properties.temperature.minimum",
        "3",
        "`properties.temperature.minimum` must be a number or null, got '3'",
    ),
    "bounds": (
        "properties.temperature.minimum",
        900,
        "`properties.temperature.minimum` must be at most the maximum 200",
    ),
    "type": ("properties.temperature.type", "integer", "`properties.temperature.type` must be one of number, boolean"),
    "metric": ("properties.temperature", 3, "`properties.temperature` must be an object, got 3"),
    "key": ("properties.Temperature", {}, "`properties` must be keyed by 1 to 64 of a-z, 0-9 and '_'"),
    "unit": ("properties.temperature.unit", None, "`properties.temperature.unit` must be a UCUM code"),
    "spaced": ("properties.temperature.unit", "deg C", "`properties.temperature.unit` must be a UCUM code"),
    "precision": (
        "properties.current.fieldline:precision",
        99,
        "`properties.current.fieldline:precision` must be 0 to 15",
    ),
    "unit of boolean": (
        "properties.relay.unit",
        "A",
        "`properties.relay.unit` must be left out for a boolean, got 'A'",
    ),
    "enum of number": ("properties.current.enum", ["a"], "`properties.current.enum` must be left out for a number"),
    "no metrics": ("properties", {}, "`properties` must be an object with at least one metric"),
    "unsafe": ("actions.relay.fieldline:safeState", {}, "`actions.relay.fieldline:safeState.on` must be present"),
    "schema": (
        "actions.relay.input.properties.on.pattern",
        "x",
        "`actions.relay.input.properties.on.pattern` must be one of",
    ),
    "parameters": ("actions.relay.input.type", "array", "`actions.relay.input.properties` must be one of"),
    "reports": ("actions.relay.fieldline:metric", "x", "`actions.relay.fieldline:metric` must be one of temperature"),
    "severity": ("fieldline:rules.no_data.severity", "x", "`fieldline:rules.no_data.severity` must be one of critical"),
    "rule": (
        "fieldline:rules.overload.condition.any",
        [{"metric": "x"}],
        "`fieldline:rules.overload.condition.any[0].metric`",
    ),
    "rule of another type": (
        "fieldline:rules.no_data.condition",
        {"metric": "relay", "above": 1},
        "`fieldline:rules.no_data.condition.above` must be left out for a boolean, got 1",
    ),
    "misspelt rule": (
        "fieldline:rules.overheating.clear.bellow",
        1,
        "`fieldline:rules.overheating.clear.bellow` must be one of metric, above, below",
    ),
    "default": ("fieldline:configuration.properties.interval_ms.default", 1, "default` must be at least 1000, got 1"),
    "interval": ("fieldline:intervalMs", 0, "`fieldline:intervalMs` must be more than 0 ms, got 0"),
    "lateness": ("fieldline:latenessMs", -1, "`fieldline:latenessMs` must be more than 0 ms, got -1"),
    "hold": ("fieldline:reorderHoldMs", -1, "`fieldline:reorderHoldMs` must be 0 ms or more, got -1"),
    "name": ("fieldline:name", "Pump 7", "`fieldline:name` must be 1 to 63"),
    "kind": ("@type", "Thing", "`@type` must be one of tm:ThingModel, got 'Thing'"),
    "unknown": ("forms", [], "`forms` must be left out"),
}


@pytest.mark.parametrize(("path", "value", "text"), REFUSED.values(), ids=REFUSED)
def test_a_model_with_a_fault_is_refused_with_its_file_and_key(path, value, text):
    document = json.loads(MACHINE)
    *parents, last = path.split(".")
    target = document
    for parent in parents:
        target = target[parent]
    target[last] = value
    with pytest.raises(ModelError) as caught:
        decode(json.dumps(document).encode(), "machine.json")
    assert str(caught.value).startswith("Invalid device model machine.json: ")
    assert text in str(caught.value)


def paths_in(value, path=()):
    yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from paths_in(value[key], (*path, key))


PATHS = [path for path in paths_in(json.loads(MACHINE)) if path]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "relay", "number", "object"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "metric", "a"]), inner),
    max_leaves=4,
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(PATHS), anything)
def test_whatever_stands_in_a_model_it_is_read_or_refused(path, value):
    document = json.loads(MACHINE)
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with suppress(ModelError):
        model = decode(json.dumps(document).encode())
        assert decode(encode(model)) == model


def test_a_missing_term_is_named():
    with pytest.raises(ModelError, match=r"Invalid device model: `@context` must be present, got nothing\."):
        decode(b"{}")


def test_a_key_that_occurs_twice_is_refused():
    with pytest.raises(ModelError, match=r"`title` must be used once in its object"):
        decode(MACHINE.replace(b'"title"', b'"title": "x", "title"', 1))


def test_load_reads_a_file_and_names_it_in_errors(tmp_path):
    path = tmp_path / "machine.json"
    path.write_bytes(MACHINE)
    assert load(path) == shipped()["machine"]
    path.write_bytes(b"nope")
    with pytest.raises(ModelError, match=r"machine\.json: it must be one JSON document"):
        load(path)
    with pytest.raises(ModelError, match=r"absent\.json: it must be a readable file, got No such file"):
        load(tmp_path / "absent.json")


def test_the_examples_in_the_docstring_hold():
    assert doctest.testmod(models).failed == 0
