"""Derived metrics of a model: their order, and what is refused when the model is read."""

import doctest
import json
from importlib.resources import files

import pytest

from contract import derivation, models
from contract.derivation import MAX_DERIVED, derivations
from contract.errors import ModelError
from contract.models import Metric

MACHINE = json.loads((files("contract") / "device_models" / "machine.json").read_bytes())


def number(key, derived=None):
    return Metric(key=key, title=key, type="number", unit="1", derived=derived)


def with_derived(**expressions):
    """The machine's model with more properties."""
    more = {
        key: {"title": key, "type": "number", "unit": "W", "fieldline:derived": text}
        for key, text in expressions.items()
    }
    return json.dumps({**MACHINE, "properties": {**MACHINE["properties"], **more}}).encode()


def test_a_derived_metric_comes_behind_those_that_it_is_derived_from():
    metrics = [number("c", "b + a"), number("b", "a * 2"), number("a", "x"), number("x")]
    found = derivations({metric.key: metric for metric in metrics})
    assert [each.metric for each in found] == ["a", "b", "c"]


def test_a_model_with_derived_metrics_reads_back_equal():
    model = models.decode(with_derived(power="230 * current", heat="power * 0.2"))
    assert model.metrics["power"].derived == "230 * current"
    assert models.decode(models.encode(model)) == model


@pytest.mark.parametrize(
    ("expressions", "key", "expected", "got"),
    [
        ({"power": "volts * 2"}, "power", "numbers of the model (temperature, vibration, current)", "'volts'"),
        ({"power": "relay * 2"}, "power", "numbers of the model", "'relay'"),
        ({"power": "current +"}, "power", "an expression", "invalid syntax"),
        ({"power": "__import__('os')"}, "power", "of the functions", "'__import__'"),
        ({"power": "3"}, "power", "over at least one metric", "'3'"),
        ({"power": ""}, "power", "an expression", "invalid syntax"),
        ({"power": "power + 1"}, "power", "other metrics than itself", "power from power"),
        ({"a": "b", "b": "c", "c": "b"}, "b", "other metrics than itself", "b from c from b"),
    ],
)
def test_an_expression_that_cannot_be_computed_is_refused_with_its_key(expressions, key, expected, got):
    with pytest.raises(ModelError) as raised:
        models.decode(with_derived(**expressions))
    assert raised.value.field == f"properties.{key}.fieldline:derived"
    assert expected in raised.value.expected
    assert got in raised.value.got


def test_only_a_number_can_be_derived():
    document = json.loads(with_derived(power="current"))
    document["properties"]["power"] = {"title": "On", "type": "boolean", "fieldline:derived": "current"}
    with pytest.raises(ModelError, match="fieldline:derived` must be left out for a boolean"):
        models.decode(json.dumps(document).encode())


def test_a_model_has_a_bounded_number_of_derived_metrics():
    chain = {f"d{at}": f"d{at - 1} + 1" if at else "current" for at in range(MAX_DERIVED)}
    assert len(derivations(models.decode(with_derived(**chain)).metrics)) == MAX_DERIVED
    with pytest.raises(ModelError, match="at most 20 derived metrics, got 21"):
        models.decode(with_derived(**chain, more="current"))


def test_the_example_is_as_it_says():
    assert doctest.testmod(derivation).failed == 0
