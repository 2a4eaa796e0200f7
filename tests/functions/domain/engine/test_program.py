import msgspec
import pytest
from msgspec.structs import replace

from contract.models import DeviceModel
from contract.rules import read_rule
from functions.domain.engine import codec
from functions.domain.engine.codec import MAX_RULES_BYTES, head_of, losses, rest_of
from functions.domain.engine.one_pass import attribute_value
from functions.domain.engine.program import Input, InstalledRule, Program
from functions.domain.presence import Presence, Status
from functions.domain.state import Boot, DeviceState, Wanted

NOW = 1_764_000_000_000
HOLD = 1_000
MODEL = DeviceModel(name="m", title="M", version="1", interval_ms=500, metrics={}, reorder_hold_ms=HOLD)
T = {"metric": "t"}


def rule(id_="hot", when=None, **more):
    bands = {} if "bands" in more else {"severity": "major", "when": when or {**T, "above": 8}}
    return InstalledRule(read_rule({"rule": id_, "scope": "*", **bands, **more}), 3)


class Device:
    def __init__(self, *rules, state=None):
        self.program = Program(rules, MODEL)
        self.state = DeviceState() if state is None else state
        self.seq = 0

    def hear(self, at, **values):
        one = Input("b1", self.seq, NOW + at, NOW + at, ((NOW + at, values),))
        self.seq += 1
        return self.run([one])

    def run(self, inputs=(), now=None, **more):
        return self._becomes(self.program.run("pump-1", self.state, inputs, now and NOW + now, **more))

    def reset(self, id_, now):
        return self._becomes(self.program.reset("pump-1", self.state, id_, NOW + now))

    def _becomes(self, outcome):
        self.state = replace(self.state, rules=outcome.rules, alarms=outcome.alarms, armed=outcome.armed)
        self.outcome = outcome
        return [(one.rule, str(one.kind), one.at - NOW) for one in outcome.transitions]


def test_a_transition_says_all_that_comes_of_it():
    device = Device(
        rule(
            message="{name} ({device}): {t:.1f} of {limit}, peak {peak}, {@site}, {door}",
            when={**T, "above": {"metric": "limit"}},
            actions=[{"notify": ["on-call"]}],
            escalation=[{"after": "15m", "notify": ["managers"]}],
        )
    )
    device.run(
        [Input("b1", 0, NOW, NOW, ((NOW, {"t": 5.0, "limit": 8.0, "door": True}),))],
        attributes={"site": "roof"},
        name="Pump",
    )
    device.seq = 1
    device.run([Input("b1", 1, NOW + 5, NOW + 5, ((NOW + 5, {"t": 9.25}),))], attributes={"site": "roof"}, name="Pump")
    (found,) = device.outcome.transitions
    assert (found.thing, found.rule, found.rule_version, found.number, found.step) == ("pump-1", "hot", 3, 1, 0)
    assert found.message == "Pump (pump-1): 9.2 of 8, peak 9.25, roof, true"
    assert (found.severity, found.at, found.since, found.first) == ("major", NOW + 5, NOW + 5, 9.25)
    assert found.why["verdict"] == "true"
    wanted = device.program.rules[0].rule
    assert device.outcome.wanted == {"hot": Wanted(wanted.actions, wanted.escalation)}


def test_alarms_are_numbered_and_their_transitions_too():
    device = Device(
        rule(
            bands=[
                {"severity": "critical", "when": {**T, "above": 9}},
                {"severity": "minor", "when": {**T, "above": 5}},
            ]
        )
    )
    found = []
    for at, value in enumerate([6, 10, 7, 1, 10]):
        device.hear(at, t=float(value))
        found += [(one.number, one.step, str(one.kind), one.severity) for one in device.outcome.transitions]
    assert found == [
        (1, 0, "raised", "minor"),
        (1, 1, "escalated", "critical"),
        (1, 2, "downgraded", "minor"),
        (1, 3, "cleared", "minor"),
        (2, 0, "raised", "critical"),
    ]
    assert device.outcome.alarms == 2


def test_two_rules_that_are_due_before_the_next_message_find_in_the_order_of_their_times():
    device = Device(rule("a", {**T, "above": 8, "for_ms": 500}), rule("b", {**T, "above": 8, "for_ms": 300}))
    device.hear(0, t=9.0)
    assert device.hear(900, t=9.0) == [("b", "raised", 300), ("a", "raised", 500)]


def test_a_disabled_rule_is_as_none():
    assert Device(rule(enabled=False)).program.compiled == {}


def test_a_rule_that_never_saw_what_it_asks_for_takes_no_room():
    rules = [rule(f"r{at}", {"metric": f"m{at}", "above": 1}) for at in range(500)]
    device = Device(rule(), *rules)
    device.hear(0, t=5.0)
    assert [one.rule for one in rest_of(head_of(device.state)).running] == ["hot"]
    assert device.hear(1, m7=2.0) == [("r7", "raised", 1)]


def test_there_is_no_room_for_more_rules_than_the_state_may_take_and_an_alarm_outlives_them():
    rules = [rule(f"rule-{at:03}", {"metric": "t", "above": at, "for_ms": 50_000}) for at in range(300)]
    device = Device(rule("alarm"), *rules)
    assert device.hear(0, t=9.0) == [("alarm", "raised", 0)]
    refused = device.outcome.refused
    rest = rest_of(head_of(device.state))
    assert 0 < len(refused) < 300
    assert set(rest.refused) == set(refused)
    assert len(rest.running) + len(refused) == 301
    assert sum(len(codec.encode(one)) for one in rest.running) <= MAX_RULES_BYTES
    assert device.hear(1, t=9.0) == []
    assert device.outcome.refused == ()
    # Once there are other rules, whoever was refused may try again.
    device.program = Program((rule("rule-299", {"metric": "t", "above": 7}),), MODEL)
    assert device.hear(2, t=9.0) == [("alarm", "cleared", 2), ("rule-299", "raised", 2)]


def test_alarms_alone_do_not_outgrow_the_state():
    device = Device(*(rule(f"rule-{at:03}", {"metric": "t", "above": 8}) for at in range(300)))
    found = device.hear(0, t=9.0)
    cleared = {name for name, kind, _ in found if kind == "cleared"}
    assert cleared == set(device.outcome.refused)
    assert len(device.state.rules) < MAX_RULES_BYTES + 8_192


def test_a_person_s_clear_resets_the_rule_and_what_comes_then_is_another_alarm():
    device = Device(rule(when={**T, "above": 8, "for_ms": 100}))
    device.hear(0, t=9.0)
    assert device.hear(200, t=9.5) == [("hot", "raised", 100)]
    assert device.reset("hot", 250) == [("hot", "cleared", 250)]
    (cleared,) = device.outcome.transitions
    assert (cleared.clearing, cleared.number, cleared.step, cleared.peak, cleared.last) == ("person", 1, 1, 9.5, 9.5)
    assert device.hear(300, t=9.0) == []
    assert device.hear(450, t=9.0) == [("hot", "raised", 400)]
    assert device.outcome.transitions[0].number == 2


def test_nothing_is_found_where_a_person_clears_what_is_clear():
    device = Device(rule())
    device.hear(0, t=5.0)
    before = device.state
    assert device.reset("hot", 5) == device.reset("unknown", 5) == []
    assert device.state == before


def test_the_alarm_of_a_rule_that_is_gone_may_be_cleared_by_hand_before_anything_else_is():
    device = Device(rule())
    device.hear(0, t=9.0)
    device.program = Program((), MODEL)
    assert device.reset("hot", 5) == [("hot", "cleared", 5)]
    assert device.hear(9, t=9.0) == []


def test_presence_and_attributes_are_told_once_and_when_they_change():
    device = Device(rule("off", {"online": False}), rule("far", {"attribute": "site", "equals": "hill"}))
    offline = Presence(status=Status.OFFLINE, since=NOW - 5)
    assert device.run(now=2_000, presence=offline, attributes={"site": "hill"}) == [
        ("off", "raised", -5),
        ("far", "raised", 1_000),
    ]
    assert device.run(now=3_000, presence=offline, attributes={"site": "hill"}) == []
    back = Presence(status=Status.ONLINE, since=NOW - 9)
    assert device.run(now=4_000, presence=back, attributes={"site": "hill"}) == [("off", "cleared", -4)]
    assert device.run(now=5_000, presence=back, attributes={"site": "sea"}) == [("far", "cleared", 4_000)]


def test_presence_that_was_never_told_raises_nothing():
    device = Device(rule("off", {"online": False}))
    assert device.run(now=2_000, presence=Presence()) == []


def test_a_rule_does_not_begin_with_the_presence_of_long_ago():
    off = rule("off", {"online": False})
    device = Device(off)
    device.run(now=2_000, presence=Presence(status=Status.OFFLINE, since=NOW))
    device.program = Program((), MODEL)
    assert device.run(now=3_000, presence=Presence(status=Status.OFFLINE, since=NOW)) == [("off", "cleared", 3_000)]
    device.program = Program((off,), MODEL)
    assert device.run(now=9_000, presence=Presence(status=Status.ONLINE, since=NOW + 5_000)) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7.0),
        ("-7.5e3", -7500.0),
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("nan", "nan"),
        ("1_000", "1_000"),
        ("1e999", "1e999"),
        (" 7", " 7"),
        ("", ""),
    ],
)
def test_an_attribute_is_a_number_where_its_text_is_one(text, value):
    assert (type(attribute_value(text)), attribute_value(text)) == (type(value), value)


def test_a_timer_moves_to_an_earlier_time_only_unless_it_has_come_up():
    device = Device(
        rule("long", {**T, "above": 8, "for_ms": 5_000}), rule("short", {"metric": "x", "above": 1, "for_ms": 10})
    )
    device.hear(0, t=9.0)
    assert device.state.armed == NOW + 5_001 + HOLD
    device.hear(1, x=2.0)
    assert device.state.armed == NOW + 12 + HOLD
    device.hear(2, x=0.0)
    assert device.state.armed == NOW + 12 + HOLD
    device.run(now=12 + HOLD)
    assert device.state.armed == NOW + 5_001 + HOLD
    device.run(now=5_001 + HOLD)
    assert device.state.armed is None


def test_what_is_held_arms_the_timer_and_no_tick_passes_it_by():
    device = Device(rule(when={**T, "above": 8, "for_ms": 300}))
    device.hear(0, t=9.0)
    device.run([Input("b1", 2, NOW + 250, NOW + 250, ((NOW + 250, {"t": 5.0}),))])
    assert device.state.armed == NOW + 250 + HOLD
    assert device.run(now=250 + HOLD) == []
    assert losses(device.state)[0].lost == 1


def test_an_older_value_that_comes_later_takes_no_place():
    device = Device(rule(when={"all": [{**T, "above": 8}, {"metric": "x", "above": 0}]}))
    device.hear(0, t=9.9, x=1.0)
    device.hear(200, t=9.5)
    device.run([Input("b1", 2, NOW + 210, NOW + 210, ((NOW + 150, {"t": 8.5}),))])
    device.seq = 3
    assert device.hear(300, x=-1.0) == [("hot", "cleared", 300)]
    assert device.outcome.transitions[0].last == device.outcome.transitions[0].values["t"] == 9.5


def test_nothing_is_concluded_of_a_time_from_which_something_is_still_held():
    device = Device(rule(when={**T, "above": 8, "for_ms": 300}))
    device.hear(0, t=9.0)
    device.run([Input("b1", 2, NOW + 900, NOW + 900, ((NOW + 250, {"t": 5.0}),))])
    assert device.run(now=1_500) == []
    assert device.state.armed == NOW + 900 + HOLD
    assert device.run(now=900 + HOLD) == []


def test_a_device_without_rules_never_arms_a_timer():
    device = Device()
    device.hear(0, t=9.0)
    device.run([Input("b1", 2, NOW + 5, NOW + 5)])
    assert device.state.armed is None
    device.run([Input("b1", 3, NOW + 5 + HOLD, NOW + 5 + HOLD)])
    assert losses(device.state)[0].lost == 1


def test_a_device_that_was_heard_before_it_had_rules_goes_on_behind_its_last_message():
    device = Device(rule(), state=DeviceState(boots=(Boot("b1", 41, 1),)))
    device.seq = 42
    assert device.hear(0, t=9.0) == [("hot", "raised", 0)]
    assert losses(device.state)[0].lost == 0


def test_transitions_that_are_pending_have_armed_the_timer_which_is_then_set_anew():
    device = Device(rule(when={**T, "above": 8, "for_ms": 300}))
    device.hear(0, t=9.0)
    device.state = replace(device.state, pending=("something",), armed=0)
    device.hear(1, t=9.0)
    assert device.outcome.armed == NOW + 301 + HOLD


def test_what_a_newer_release_adds_is_passed_over():
    device = Device(rule())
    device.hear(0, t=9.0)
    head = msgspec.msgpack.decode(device.state.rules)
    at = codec.Head.__struct_fields__.index("rest")
    head[at] = msgspec.msgpack.encode([*msgspec.msgpack.decode(head[at]), {"new": 1}])
    device.state = replace(device.state, rules=msgspec.msgpack.encode([*head, "new"]))
    assert device.hear(1, t=5.0) == [("hot", "cleared", 1)]


@pytest.mark.parametrize("damage", [b"rubbish", b"\x91\x02", b"\x91\xa1x"])
def test_a_damaged_state_is_refused_with_what_is_wrong(damage):
    with pytest.raises(ValueError, match="the state of a device's rules"):
        Device(rule(), state=DeviceState(rules=damage)).hear(0, t=9.0)


def test_a_pass_is_pure_and_says_the_same_again():
    device = Device(rule(), rule("silent", {"no_data": True, "for_ms": 500}))
    device.hear(0, t=5.0)
    one = Input("b1", 1, NOW + 1, NOW + 1, ((NOW + 1, {"t": 9.0}),))
    assert device.program.run("pump-1", device.state, [one], None) == device.program.run(
        "pump-1", device.state, [one], None
    )
    again = Program(device.program.rules, MODEL)
    assert again.run("pump-1", device.state, [one], None) == device.program.run("pump-1", device.state, [one], None)
