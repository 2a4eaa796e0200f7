"""The compiled validation says what `models.validate` says."""

import doctest
import math
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import models, validation
from contract.models import DeviceModel, Metric, shipped
from contract.validation import compiled

METRICS = {
    metric.key: metric
    for metric in (
        Metric(key="bounded", title="B", type="number", unit="1", minimum=-1.5, maximum=10.0, precision=1),
        Metric(key="low", title="L", type="number", unit="1", minimum=0.0),
        Metric(key="high", title="H", type="number", unit="1", maximum=0.0),
        Metric(key="free", title="F", type="number", unit="1"),
        Metric(key="on", title="O", type="boolean"),
        Metric(key="text", title="T", type="string"),
        Metric(key="mode", title="M", type="string", enum=("eco", "boost")),
        Metric(key="sum", title="S", type="number", unit="1", maximum=5.0, derived="bounded + low"),
    )
}
MODEL = DeviceModel(name="all", title="All", version="1", interval_ms=1000, metrics=METRICS)
VALUES = st.one_of(
    st.floats(),
    st.sampled_from([-1.5, 10.0, 0.0, -0.0, 10.04, math.nextafter(10.0, 11), math.nan, math.inf, -math.inf]),
    st.booleans(),
    st.sampled_from(["eco", "boost", "warp", ""]),
)


@settings(deadline=None)
@given(st.sampled_from(sorted(METRICS)), VALUES)
def test_it_gives_the_answer_of_the_model_itself(metric, value):
    assert compiled(MODEL).checks[metric](value) == models.validate(MODEL, metric, value)


def test_more_decimals_than_the_precision_are_no_fault():
    """Precision is for showing: what was measured is stored as it was sent."""
    assert compiled(MODEL).checks["bounded"](9.123456789) is None
    assert models.validate(MODEL, "bounded", 9.123456789) is None


def test_a_derived_metric_is_refused_from_a_device_and_checked_when_it_is_computed():
    rejected = compiled(MODEL).checks["sum"](1.0)
    assert (rejected.reason, rejected.got) == ("derived", "1.0")
    assert compiled(MODEL).results["sum"](5.0) is None
    assert compiled(MODEL).results["sum"](5.1).reason == "out_of_range"


def test_a_model_is_compiled_once():
    machine = shipped()["machine"]
    assert compiled(machine) is compiled(machine)
    assert compiled(machine) is not compiled(shipped()["climate"])


def test_no_more_models_are_kept_than_said(monkeypatch):
    monkeypatch.setattr(validation, "MAX_COMPILED", 2)
    made = [DeviceModel(name=f"m{at}", title="M", version="1", interval_ms=1, metrics=METRICS) for at in range(5)]
    assert [compiled(model).model.name for model in made] == [model.name for model in made]
    assert len(validation._compiled) <= 2


@pytest.mark.parametrize(("metric", "value"), [("temperature", 21.5), ("relay", True)])
def test_it_is_at_least_as_fast(metric, value):
    machine = shipped()["machine"]
    check = compiled(machine).checks[metric]

    def seconds(call):
        began = perf_counter()
        for _ in range(500):
            call()
        return perf_counter() - began

    fast = min(seconds(lambda: check(value)) for _ in range(7))
    slow = min(seconds(lambda: models.validate(machine, metric, value)) for _ in range(7))
    assert fast <= slow


def test_the_example_is_as_it_says():
    assert doctest.testmod(validation).failed == 0
