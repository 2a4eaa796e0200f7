"""`[pipeline]` is read into stages, and all that is wrong in it is told together."""

import tomllib
from pathlib import Path

import pytest

from contract import models
from contract.expressions import compile_expression
from device_agent.config.following import Following
from device_agent.config.table import Table
from device_agent.pipeline import PipelineSettings, parse_pipeline
from device_agent.pipeline.settings import ChainSettings, Derivation
from device_agent.pipeline.stages.kinds import STAGES
from device_agent.pipeline.stages.scaling import Calibrate, Clamp
from device_agent.pipeline.stages.settling import Debounce, Timeout
from device_agent.pipeline.stages.smoothing import Average, Ema, Median
from device_agent.pipeline.stages.thinning import Delta, Heartbeat, Throttle
from device_agent.pipeline.stages.windows import Window

MACHINE = models.shipped()["machine"]
CLIMATE = models.shipped()["climate"]
SENSED = ("temperature", "vibration", "relay", "unmodeled")


def parse(text, model=MACHINE, sensed=SENSED):
    problems = []
    root = Table(tomllib.loads(text), Path("agent.toml"), "", problems)
    root.table("pipeline").follow(Following(model, model.default_configuration()))
    settings = parse_pipeline(root.table("pipeline"), model, sensed)
    root.finish()
    return settings, {problem.key: f"{problem.expected}; {problem.got}" for problem in problems}


EVERY_STAGE = """
[pipeline]
temperature = [
    { kind = "calibrate", gain = 1.02, offset = -0.3 },
    { kind = "calibrate", points = [[0, 0.4], [100, 99.1]] },
    { kind = "clamp", minimum = -40, outside = "drop" },
    { kind = "median", count = 5, reset_after_s = "1 min" },
    { kind = "average", over_s = 60 },
    { kind = "average", count = 8 },
    { kind = "ema", time_constant_s = "30 s" },
    { kind = "delta", absolute = 0.1, percent = 1 },
    { kind = "throttle", every_s = 10 },
    { kind = "heartbeat", every_s = "5 min" },
    { kind = "timeout", after_s = 90 },
    { kind = "window", every_s = "10 min", value = "avg", extra = ["min", "max"] },
]
relay = [{ kind = "debounce", for_s = 0.05 }, { kind = "delta" }]
"""


def test_every_stage_has_a_table():
    settings, problems = parse(EVERY_STAGE)
    assert problems == {}
    temperature, relay = settings.chains
    assert temperature == ChainSettings(
        "temperature",
        (
            Calibrate(1.02, -0.3),
            Calibrate(points=((0.0, 0.4), (100.0, 99.1))),
            Clamp(minimum=-40, drop=True),
            Median(5, reset_after_ms=60_000),
            Average(over_ms=60_000),
            Average(count=8),
            Ema(30_000),
            Delta(0.1, 1.0),
            Throttle(10_000),
            Heartbeat(300_000),
            Timeout(90_000),
            Window(600_000, "avg", ("min", "max")),
        ),
    )
    assert relay.stages == (Debounce(50), Delta())
    assert all(f'"{kind}"' in EVERY_STAGE for kind in STAGES)


def test_what_comes_out_is_what_sensors_give_and_windows_and_derivations_add():
    settings, problems = parse("""
        [pipeline]
        temperature = [{ kind = "window", every_s = 60, extra = ["min", "last"] }]
        relay = [{ kind = "window", every_s = 60, value = "last", extra = ["count"] }]
        excess = [{ kind = "derive", expression = "temperature_min - unmodeled" }, { kind = "delta", absolute = 1 }]
    """)
    assert problems == {}
    assert {metric: known and known.type for metric, known in settings.metrics.items()} == {
        "vibration": "number",
        "relay": "boolean",
        "unmodeled": None,
        "temperature_min": "number",
        "temperature_last": "number",
        "relay_count": "number",
        "excess": "number",
    }


def test_without_a_pipeline_all_passes():
    settings, problems = parse("")
    assert problems == {}
    assert settings == PipelineSettings((), {metric: MACHINE.metrics.get(metric) for metric in SENSED})


def test_derived_metrics_stand_after_what_they_are_derived_from():
    settings, problems = parse("""
        [pipeline]
        third = [{ kind = "derive", expression = "second + 1" }]
        second = [{ kind = "derive", expression = "first_max * 2", max_age_s = 30 }]
        first = [{ kind = "derive", expression = "temperature" }, { kind = "window", every_s = 9, extra = ["max"] }]
        temperature = [{ kind = "median", count = 3 }]
    """)
    assert problems == {}
    assert [chain.metric for chain in settings.chains] == ["temperature", "first", "second", "third"]
    assert settings.chains[2].derivation == Derivation(compile_expression("first_max * 2"), 30_000)


def test_a_value_may_follow_a_setting_of_the_model():
    settings, problems = parse(
        """
        [pipeline]
        temperature = [{ kind = "calibrate", offset = { setting = "temperature_offset", scale = 1, offset = 2.5 } }]
        """,
        CLIMATE,
    )
    assert problems == {}
    assert settings.chains[0].stages == (Calibrate(1.0, 2.5),)


WRONG = {
    "kind": ('temperature = [{ kind = "mean" }]', "temperature[0].kind", "one of calibrate, clamp, median"),
    "no kind": ("temperature = [{ count = 3 }]", "temperature[0].kind", "one of calibrate"),
    "no list": ('temperature = { kind = "median", count = 3 }', "temperature", "a list of tables"),
    "misspelt": ('temperature = [{ kind = "median", cuont = 3 }]', "temperature[0].cuont", "one of count"),
    "median": ('temperature = [{ kind = "median", count = 1 }]', "temperature[0].count", "an integer from 2 to 1001"),
    "calibrate nothing": (
        'temperature = [{ kind = "calibrate" }]',
        "temperature[0].gain",
        "a gain, an offset or points",
    ),
    "calibrate both": (
        'temperature = [{ kind = "calibrate", gain = 2, points = [[0, 0], [1, 1]] }]',
        "temperature[0].gain",
        "left out beside points",
    ),
    "one point": ('temperature = [{ kind = "calibrate", points = [[0, 0]] }]', "temperature[0].points", "2 to 1000"),
    "falling points": (
        'temperature = [{ kind = "calibrate", points = [[1, 0], [0, 1]] }]',
        "temperature[0].points",
        "pairs by rising raw value",
    ),
    "clamp": ('temperature = [{ kind = "clamp" }]', "temperature[0].minimum", "a minimum, a maximum or both"),
    "bounds": (
        'temperature = [{ kind = "clamp", minimum = 3, maximum = 2 }]',
        "temperature[0].minimum",
        "at most the maximum 2",
    ),
    "outside": (
        'temperature = [{ kind = "clamp", minimum = 3, outside = "x" }]',
        "temperature[0].outside",
        "one of move, drop",
    ),
    "average": ('temperature = [{ kind = "average" }]', "temperature[0].count", "either count or over_s; neither"),
    "average both": (
        'temperature = [{ kind = "average", count = 3, over_s = 3 }]',
        "temperature[0].count",
        "either count or over_s; both",
    ),
    "ema": ('temperature = [{ kind = "ema" }]', "temperature[0].time_constant_s", "a duration from 0.001"),
    "delta": ('temperature = [{ kind = "delta", absolute = 0 }]', "temperature[0].absolute", "a number of at least"),
    "throttle": ('temperature = [{ kind = "throttle", every_s = "x" }]', "temperature[0].every_s", "a duration from"),
    "window": ('temperature = [{ kind = "window", every_s = 5 }]', "temperature[0].value", "a value, extra or both"),
    "aggregate": (
        'temperature = [{ kind = "window", every_s = 5, value = "mean" }]',
        "temperature[0].value",
        "one of min, max, avg, sum, count, last; 'mean'",
    ),
    "extra": (
        'temperature = [{ kind = "window", every_s = 5, extra = ["min", "min"] }]',
        "temperature[0].extra[1]",
        "one of min",
    ),
    "after a window": (
        'temperature = [{ kind = "window", every_s = 5, extra = ["min"] }, { kind = "delta" }]',
        "temperature[1].kind",
        "no stage after a window that has no value",
    ),
    "type": ('relay = [{ kind = "median", count = 3 }]', "relay[0].kind", "a stage for a boolean; one for number"),
    "type of a number": (
        'temperature = [{ kind = "debounce", for_s = 3 }]',
        "temperature[0].kind",
        "a stage for a number; one for boolean or string",
    ),
    "aggregate of a boolean": (
        'relay = [{ kind = "window", every_s = 5, value = "avg" }]',
        "relay[0].kind",
        "a stage for a boolean",
    ),
    "count of a boolean": (
        'relay = [{ kind = "window", every_s = 5, value = "count" }]',
        "relay[0].value",
        "last, for a boolean",
    ),
    "unknown metric": ('pressure = [{ kind = "delta" }]', "pressure", "a metric of a sensor, or a first stage of kind"),
    "name": ('Pressure = [{ kind = "derive", expression = "temperature" }]', "Pressure", "named by a metric"),
    "derived over a sensor's": (
        'temperature = [{ kind = "derive", expression = "vibration" }]',
        "temperature",
        "a name that no sensor's metric has",
    ),
    "derive second": (
        'x = [{ kind = "derive", expression = "vibration" }, { kind = "derive", expression = "relay" }]',
        "x[1].kind",
        "first in its list",
    ),
    "expression": ('x = [{ kind = "derive", expression = "open(vibration)" }]', "x[0].expression", "of the functions"),
    "input": ('x = [{ kind = "derive", expression = "vibraton" }]', "x", "derived from metrics that there are: temp"),
    "itself": (
        'x = [{ kind = "derive", expression = "x + vibration" }]',
        "x",
        "derived from other metrics than itself",
    ),
}


@pytest.mark.parametrize(("text", "key", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_key(text, key, expected):
    _, problems = parse("[pipeline]\n" + text)
    assert f"pipeline.{key}" in problems
    assert problems[f"pipeline.{key}"].startswith(expected)


def test_a_circle_of_derivations_is_shown():
    _, problems = parse("""
        [pipeline]
        x = [{ kind = "derive", expression = "y + 1" }]
        y = [{ kind = "derive", expression = "z + 1" }]
        z = [{ kind = "derive", expression = "x + temperature" }]
    """)
    assert list(problems.values()) == ["derived from other metrics than itself; x → y → z → x"]


def test_a_model_may_not_call_a_derived_metric_a_boolean():
    _, problems = parse(
        '[pipeline]\nrelay = [{ kind = "derive", expression = "temperature" }]', sensed=("temperature",)
    )
    assert problems["pipeline.relay"].startswith("a name that is not of a boolean of the model")


def test_a_window_may_not_put_out_a_metric_that_there_is():
    _, problems = parse(
        '[pipeline]\ntemperature = [{ kind = "window", every_s = 5, extra = ["min"] }]',
        sensed=("temperature", "temperature_min"),
    )
    assert problems["pipeline.temperature"].startswith("no window with min, since there is a temperature_min")


def test_all_that_is_wrong_is_told_together():
    _, problems = parse("""
        [pipeline]
        temperature = [{ kind = "median" }, { kind = "ema", time_constant_s = 0 }, { kind = "x" }]
        relay = [{ kind = "ema", time_constant_s = 3 }]
        nowhere = []
    """)
    assert list(problems) == [
        "pipeline.temperature[0].count",
        "pipeline.temperature[1].time_constant_s",
        "pipeline.temperature[2].kind",
        "pipeline.relay[0].kind",
        "pipeline.nowhere",
    ]
