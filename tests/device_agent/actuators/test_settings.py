import pytest

from contract import models
from contract.models import Actuator, DeviceModel, Metric
from device_agent.actuators.kinds import Contact, Motor, MotorisedValve
from device_agent.actuators.limits import Limits, Permit
from device_agent.actuators.lines import Line


def actuator(key, properties, required, safe, **more):
    parameters = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Actuator(key=key, title=key, parameters=parameters, safe=safe, **more)


def model(*actuators):
    metrics = {
        "level": Metric(key="level", title="Level", type="number", unit="m"),
        "door": Metric(key="door", title="Door", type="boolean"),
    }
    return DeviceModel(
        name="plant",
        title="Plant",
        version="1.0.0",
        interval_ms=1000,
        metrics=metrics,
        actuators={one.key: one for one in actuators},
    )


BOOLEAN = {"type": "boolean"}
PUMP = actuator("pump", {"on": BOOLEAN}, ["on"], {"on": False})
FAN = actuator("fan", {"on": BOOLEAN}, ["on"], {"on": True})
VALVE = actuator("valve", {"open": BOOLEAN}, ["open"], {"open": False})
DRIVE = actuator("drive", {"speed": {"type": "number", "minimum": -1, "maximum": 1}}, ["speed"], {"speed": 0})
ONE_WAY = actuator("drive", {"speed": {"type": "number", "minimum": 0, "maximum": 1}}, ["speed"], {"speed": 0})
PLANT = model(PUMP, FAN, VALVE, DRIVE)


def test_a_relay_of_a_shipped_model(parsed):
    (relay,), problems = parsed({"name": "relay", "kind": "relay", "pin": 17, "active_high": False, "max_on_s": "1h"})
    assert problems == []
    assert relay.kind == Contact(Line(17, active_high=False))
    assert relay.limits == Limits(max_on_s=3600)
    assert (relay.safe, relay.watchdog_s, relay.resume) == ({"on": False}, 10.0, False)
    assert relay.metric == "relay"
    assert relay.schema == models.shipped()["machine"].actuators["relay"].parameters


def test_every_kind_with_its_keys(parsed):
    settings, problems = parsed(
        {"name": "pump", "kind": "switch", "pin": 1},
        {"name": "valve", "kind": "valve", "open_pin": 2, "close_pin": 3, "travel_s": "30 s"},
        {"name": "drive", "kind": "motor", "forward_pin": 4, "backward_pin": 5, "enable_pin": 6, "pwm_hz": 500},
        model=PLANT,
    )
    assert problems == []
    assert [one.kind for one in settings] == [
        Contact(Line(1)),
        MotorisedValve(Line(2), Line(3), 30.0),
        Motor(Line(4, pwm_hz=500), Line(5, pwm_hz=500), Line(6)),
    ]


def test_a_valve_of_one_line_is_open_while_that_is_active(parsed):
    (valve,), problems = parsed({"name": "valve", "kind": "valve", "pin": 2}, model=PLANT)
    assert problems == []
    assert valve.kind == Contact(Line(2), "open")


def test_the_safe_state_may_be_another_than_the_model_s(parsed):
    (valve,), problems = parsed({"name": "valve", "kind": "valve", "pin": 2, "safe": {"open": True}}, model=PLANT)
    assert problems == []
    assert valve.safe == {"open": True}


def test_an_interlock_holds_both_ways(parsed):
    settings, problems = parsed(
        {"name": "pump", "kind": "relay", "pin": 1, "interlock": ["valve"]},
        {"name": "valve", "kind": "valve", "pin": 2},
        model=PLANT,
    )
    assert problems == []
    assert [one.limits.interlock for one in settings] == [{"valve"}, {"pump"}]


def test_metrics_can_be_conditions(parsed):
    (pump,), problems = parsed(
        {
            "name": "pump",
            "kind": "relay",
            "pin": 1,
            "only_while": {"level": {"min": 0.2, "within_s": "10 s"}, "door": {"equals": True}},
        },
        model=PLANT,
    )
    assert problems == []
    assert pump.limits.permits == (Permit("level", minimum=0.2, within_s=10.0), Permit("door", equals=True))


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ([{"name": "pump"}], ["actuator[0].kind: one of relay, switch, valve, motor, got nothing"]),
        (
            [{"name": "horn", "kind": "relay", "pin": 1}],
            ["actuator[0].name: an actuator of the model plant (pump, fan, valve, drive), got 'horn'"],
        ),
        (
            [{"name": "valve", "kind": "relay", "pin": 1}],
            [
                (
                    "actuator[0].kind: a model whose actions.valve.input.required is a list with on, for a relay, "
                    "got a list of 1"
                ),
                "actuator[0].safe.on: present, got nothing",
            ],
        ),
        (
            [{"name": "pump", "kind": "relay", "pin": 1, "safe": {"on": "no"}}],
            ["actuator[0].safe.on: of type boolean, got 'no'"],
        ),
        (
            [{"name": "pump", "kind": "relay", "pin": 99, "max_on_s": 0, "typo": 1}],
            [
                "actuator[0].pin: an integer from 0 to 27, got 99",
                (
                    "actuator[0].max_on_s: a duration from 0.1 to 3.1536e+07 s, as seconds or such as "
                    '"90 s" or "1h30m", got 0'
                ),
                (
                    "actuator[0].typo: one of active_high, interlock, kind, max_on_s, min_cycle_s, name, only_while, "
                    "pin, resume, safe, watchdog_s, got a key that is none of them"
                ),
            ],
        ),
        (
            [{"name": "pump", "kind": "relay", "pin": 1}, {"name": "pump", "kind": "relay", "pin": 2}],
            ["actuator[1].name: an actuator that no other table has, got 'pump'"],
        ),
        (
            [{"name": "pump", "kind": "relay", "pin": 1}, {"name": "valve", "kind": "valve", "pin": 1}],
            ["actuator[1].pin: a pin that nothing else uses, got 1, which pump uses"],
        ),
        (
            [{"name": "pump", "kind": "relay", "pin": 1, "interlock": ["pump", "horn"]}],
            [
                "actuator[0].interlock: names of other actuators (pump), got 'horn'",
                "actuator[0].interlock: names of other actuators (pump), got 'pump'",
            ],
        ),
        (
            [{"name": "fan", "kind": "relay", "pin": 1, "max_on_s": 5, "only_while": {"level": {"max": 1}}}],
            [
                "actuator[0].max_on_s: an actuator whose safe state is off, got fan, which is on when safe",
                "actuator[0].only_while: an actuator whose safe state is off, got fan, which is on when safe",
            ],
        ),
        (
            [
                {"name": "pump", "kind": "relay", "pin": 1, "interlock": ["fan"]},
                {"name": "fan", "kind": "relay", "pin": 2},
            ],
            ["actuator[1].interlock: an actuator whose safe state is off, got fan, which is on when safe"],
        ),
        (
            [{"name": "pump", "kind": "relay", "pin": 1, "only_while": {"mood": {"max": 1}, "door": {}}}],
            [
                "actuator[0].only_while.mood: a metric of the model (level, door), got 'mood'",
                "actuator[0].only_while.door: min, max or both, or else equals, got a list of 0",
            ],
        ),
        (
            [{"name": "pump", "kind": "relay", "pin": 1, "safe": {"on": False, "for_s": 5}}],
            ["actuator[0].safe.for_s: one of on, got 'for_s'"],
        ),
    ],
)
def test_what_cannot_be_used_is_told(parsed, tables, expected):
    assert parsed(*tables, model=PLANT)[1] == expected


def test_a_motor_of_one_direction_does_not_fit_a_model_of_two(parsed):
    _, problems = parsed({"name": "drive", "kind": "motor", "forward_pin": 4}, model=PLANT)
    assert problems == [
        (
            "actuator[0].kind: a model whose actions.drive.input.properties.speed.minimum is at least 0, for a motor, "
            "got -1"
        )
    ]
    assert parsed({"name": "drive", "kind": "motor", "forward_pin": 4}, model=model(ONE_WAY))[1] == []


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"on": BOOLEAN, "colour": {"type": "string"}}, "properties.colour is left out (it can be told on, for_s)"),
        ({"on": BOOLEAN, "for_s": {"type": "string"}}, "properties.for_s.type is number or integer"),
    ],
)
def test_a_model_that_lets_through_what_a_kind_cannot_be_told_does_not_fit(parsed, properties, problem):
    _, problems = parsed(
        {"name": "pump", "kind": "relay", "pin": 1}, model=model(actuator("pump", properties, ["on"], {"on": False}))
    )
    assert len(problems) == 1
    assert problems[0].startswith(f"actuator[0].kind: a model whose actions.pump.input.{problem}")


def test_a_safe_state_lasts(parsed):
    timed = actuator("pump", {"on": BOOLEAN, "for_s": {"type": "integer"}}, ["on"], {"on": False, "for_s": 5})
    _, problems = parsed({"name": "pump", "kind": "relay", "pin": 1}, model=model(timed))
    assert problems == ["actuator[0].safe.for_s: left out: a safe state lasts, got 5"]
