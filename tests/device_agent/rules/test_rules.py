"""Rules at work on a device: they act, tell, and never stop."""

import json
import logging

import pytest

from contract.conditions import parse
from contract.documents import DeviceEvent, decode, encode
from device_agent.rules import Action, EdgeRule, Rules, RulesSettings
from device_agent.sensors import Reading


class Device:
    """What rules act on and tell, kept for looking at."""

    def __init__(self, *rules, now=0, previous=None):
        self.acts = []
        self.events = []
        self.rules = Rules(
            RulesSettings(rules),
            now=now,
            act=self.act,
            event=self.event,
            log=logging.getLogger("device"),
            previous=previous and previous.rules,
        )

    def act(self, actuator, parameters, source):
        self.acts.append((actuator, parameters, source))

    def event(self, kind, data, at):
        self.events.append((kind, data, at))

    def see(self, at, quality="good", **values):
        self.rules.observe(Reading(at, values, quality=quality))

    @property
    def told(self):
        return [(kind, data["rule"], at) for kind, data, at in self.events]


def rule(when, clear=None, name="hot", **more):
    clear = None if clear is None else parse(clear)
    return EdgeRule(name=name, title="Hot", severity="major", when=parse(when), clear=clear, **more)


HOT = {"metric": "t", "above": 90, "for_ms": 1_000}
OFF, ON = Action("relay", {"on": False}), Action("relay", {"on": True})


def test_a_rule_that_fires_commands_and_tells_and_does_so_again_when_it_clears():
    device = Device(rule({"metric": "t", "above": 90}, {"metric": "t", "below": 80}, on_fire=(OFF,), on_clear=(ON,)))
    device.see(5, t=95.0)
    assert device.acts == [("relay", {"on": False}, "rule:hot")]
    device.see(6, t=85.0)
    assert len(device.events) == 1
    device.see(20, t=75.0)
    assert device.acts[1:] == [("relay", {"on": True}, "rule:hot")]
    assert device.events == [
        (
            "rule_fired",
            {
                "rule": "hot",
                "title": "Hot",
                "severity": "major",
                "values": {"t": 95.0},
                "why": {"metric": "t", "above": 90.0, "verdict": "true", "value": 95.0, "age_ms": 0},
            },
            5,
        ),
        (
            "rule_cleared",
            {
                "rule": "hot",
                "title": "Hot",
                "severity": "major",
                "values": {"t": 75.0},
                "why": {"metric": "t", "below": 80.0, "verdict": "true", "value": 75.0, "age_ms": 0},
                "lasted_ms": 15,
            },
            20,
        ),
    ]


def test_what_is_told_fits_into_an_event_of_the_contract():
    device = Device(rule(HOT))
    device.see(0, t=95.0)
    device.rules.tick(1_001)
    ((kind, data, at),) = device.events
    event = DeviceEvent(boot="b1", kind=kind, at=at, data=data)
    assert decode(DeviceEvent, encode(event)) == event


def test_a_duration_fires_on_a_tick_without_a_reading_and_without_a_network():
    device = Device(rule(HOT, on_fire=(OFF,)))
    device.see(500, t=95.0)
    assert device.rules.next_due() == 1_501
    device.rules.tick(1_500)
    assert device.told == []
    device.rules.tick(device.rules.next_due())
    assert device.told == [("rule_fired", "hot", 1_500)]
    device.rules.tick(10_000)
    assert len(device.events) == len(device.acts) == 1
    assert device.rules.next_due() is None


def test_after_a_start_a_metric_is_unknown_until_it_comes():
    device = Device(rule({"not": {"metric": "t", "below": 90}}), now=1_000)
    device.rules.tick(5_000)
    device.see(6_000, other=1.0)
    assert device.told == []
    device.see(7_000, t=95.0)
    assert device.told == [("rule_fired", "hot", 7_000)]


def test_silence_counts_from_the_start():
    device = Device(rule({"no_data": True, "for_ms": 1_000}, name="silent"), now=5_000)
    device.rules.tick(6_001)
    device.see(7_000, anything=True)
    assert device.told == [("rule_fired", "silent", 6_000), ("rule_cleared", "silent", 7_000)]


@pytest.mark.parametrize("quality", ["stale", "bad"])
def test_a_value_that_is_not_to_be_relied_on_makes_the_metric_unknown(quality):
    device = Device(rule(HOT))
    device.see(0, t=95.0)
    device.see(500, quality, t=95.0)
    device.rules.tick(5_000)
    assert device.told == []
    device.see(6_000, t=95.0)
    device.rules.tick(7_001)
    device.see(8_000, quality, t=20.0)
    assert device.told == [("rule_fired", "hot", 7_000)]
    device.see(9_000, "estimated", t=20.0)
    assert device.told[1:] == [("rule_cleared", "hot", 9_000)]


def test_a_metric_that_has_not_come_for_long_can_be_unknown_too():
    device = Device(rule(HOT, stale_after_ms=400))
    device.see(0, t=95.0)
    device.rules.tick(5_000)
    assert device.told == []


def test_a_rule_without_an_event_acts_and_says_nothing():
    device = Device(rule({"metric": "t", "above": 90}, event=False, on_fire=(OFF,)))
    device.see(5, t=95.0)
    assert (len(device.acts), device.events) == (1, [])


def test_an_action_or_event_that_raises_stops_nothing(caplog):
    device = Device(
        rule({"metric": "t", "above": 90}, on_fire=(Action("broken", {}), OFF)),
        rule({"metric": "t", "above": 80}, name="warm", on_fire=(OFF,)),
    )
    good = device.act

    def act(actuator, parameters, source):
        if actuator == "broken":
            raise OSError("the pin is gone")
        good(actuator, parameters, source)

    def event(kind, data, at):
        if data["rule"] == "hot":
            raise RuntimeError("no room")
        device.events.append((kind, data, at))

    device.rules._act, device.rules._event = act, event
    device.see(5, t=95.0)
    assert device.acts == [("relay", {"on": False}, "rule:hot"), ("relay", {"on": False}, "rule:warm")]
    assert device.told == [("rule_fired", "warm", 5)]
    assert "the pin is gone" in caplog.text
    assert "no room" in caplog.text


def test_an_actuator_cannot_change_what_the_rule_will_do_next_time():
    device = Device(rule({"metric": "t", "above": 90}, on_fire=(OFF,)))
    for at, value in ((1, 95.0), (2, 0.0), (3, 95.0)):
        device.see(at, t=value)
        for _, parameters, _ in device.acts:
            parameters["on"] = "changed"
        if at == 1:
            device.acts.clear()
    assert device.rules.running[0].rule.on_fire == (Action("relay", {"on": False}),)


def test_status_says_since_when_and_why_not():
    device = Device(rule(HOT), rule({"metric": "t", "above": 80}, name="warm"))
    device.see(5, t=95.0)
    hot, warm = device.rules.status()
    assert (hot.name, hot.severity, hot.since) == ("hot", "major", None)
    assert hot.why["when"]["held_ms"] == 0
    assert (warm.name, warm.since) == ("warm", 5)
    json.dumps([hot.why, warm.why])


def test_rules_go_on_in_a_new_configuration_if_their_conditions_stayed():
    before = Device(rule(HOT), rule({"metric": "t", "above": 80}, name="warm"))
    before.see(0, t=95.0)
    after = Device(rule(HOT, on_fire=(OFF,)), rule({"metric": "t", "above": 80}, name="warm"), now=500, previous=before)
    after.rules.tick(1_001)
    assert after.told == [("rule_fired", "hot", 1_000)]
    after.see(2_000, t=10.0)
    assert after.told[1:] == [("rule_cleared", "hot", 2_000), ("rule_cleared", "warm", 2_000)]


def test_a_rule_that_had_fired_and_is_changed_or_gone_is_told_to_be_cleared():
    before = Device(
        rule({"metric": "t", "above": 90}, on_clear=(ON,)),
        rule({"metric": "t", "above": 80}, name="warm"),
        rule({"metric": "t", "above": 70}, name="tepid", event=False),
        rule({"metric": "t", "above": 99}, name="hotter"),
    )
    before.see(0, t=95.0)
    after = Device(rule({"metric": "t", "above": 85}), now=500, previous=before)
    assert after.told == [("rule_cleared", "hot", 500), ("rule_cleared", "warm", 500)]
    assert after.events[0][1]["reason"] == "the rule was changed or taken away"
    assert after.acts == []
    after.see(600, t=95.0)
    assert after.told[2:] == [("rule_fired", "hot", 600)]
