"""Messages that are passed over at one look come to what the long way comes to."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.models import DeviceModel, Metric, shipped
from contract.rules import read_rule
from functions.domain.engine import quiet
from functions.domain.engine.codec import MAX_PASSED, Running, encode, head_of, losses, rest_of, settled
from functions.domain.engine.program import InstalledRule, Program
from functions.domain.ingest import Incoming, assess, inputs_of, state_after
from functions.domain.presence import Presence, Status
from functions.domain.replays import state_with
from functions.domain.series import Point
from functions.domain.spared import assess_usual, spared
from functions.domain.state import DeviceState

NOW = 1_764_000_000_000
T, H = {"metric": "temperature"}, {"metric": "humidity"}
RULES = [
    read_rule({"rule": id_, "scope": "*", "severity": "major", **document})
    for id_, document in {
        "warm": {"when": {**T, "above": 30, "for_ms": 20_000}, "clear": {**T, "below": 28}},
        "humid": {"when": {**H, "above": 60, "until": 50}},
        "either": {"when": {"any": [{**T, "below": 0}, {**H, "above": 90}]}},
        "dew": {"when": {"metric": "dew_point", "above": 15}},
        "silent": {"when": {"no_data": True, "for_ms": 60_000}},
        "stale": {"when": {"not": {**T, "above": 0}}, "stale_after_ms": 50_000},
        "other": {"when": {"metric": "other", "above": 5}},
        "soaked": {"when": {**H, "at_least": 100}},
        "counted": {"when": {**T, "above": 24, "count": 3}},
        "showing": {"when": {**T, "below": -20}, "message": "{other}"},
    }.items()
]
CLIMATE = shipped()["climate"]


def message(seq, ts=None, *, received_at=None, boot="b1", q=None, raw=None, before=(), **values):
    """`before` are readings of 1 s before each other, the last one 1 s before that of `values`."""
    ts = NOW + 10_000 * seq if ts is None else ts
    reading = {"ts": ts, "values": values or {"temperature": 20.5, "humidity": 40}}
    if q is not None:
        reading["q"] = q
    earlier = [{"ts": ts - 1_000 * (len(before) - index), "values": one} for index, one in enumerate(before)]
    document = {"v": 1, "boot": boot, "seq": seq, "sent": ts, "m": [*earlier, reading]}
    data = json.dumps(document).encode() if raw is None else raw
    return Incoming(f"id-{seq}", "pump-1", ts + 100 if received_at is None else received_at, data)


def long_way(messages, state, program, tags=()):
    assessed = assess(messages, program.model, state)
    inputs, duplicates = inputs_of(assessed)
    outcome = program.run("pump-1", state, inputs, None, duplicates=duplicates, attributes=dict(tags))
    after = replace(state_after(state, assessed), rules=outcome.rules, alarms=outcome.alarms, armed=outcome.armed)
    return assessed, after, outcome.transitions


def quick_way(messages, state, program):
    """As ingest goes: what is spared, then the rest, what is usual of it at one look too."""
    spare = spared(messages, state, program, {})
    start, rest, first = (state, messages, []) if spare is None else (spare.after, spare.rest, spare.assessed())
    if not rest:
        return first, start, ()
    assessed, after, transitions = long_way(rest, start, program)
    unruled = {"rules": start.rules, "alarms": start.alarms, "armed": start.armed}
    assert assess_usual(rest, start, program) == (assessed, replace(after, **unruled))
    return first + assessed, after, transitions


@pytest.fixture(autouse=True, scope="module")
def readers_at_once():
    """So that messages are read by the reader of their kind from the third one on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quiet, "OFTEN", 2)
        yield


def program_of(*ids, model=CLIMATE):
    return Program(tuple(InstalledRule(rule, 1) for rule in RULES if rule.id in ids), model)


def warmed_up(program, count=3, **values):
    _, state, _ = long_way([message(seq, **values) for seq in range(count)], DeviceState(), program)
    return state


def what_rules_know(state):
    """Their state without what says how it came to be known."""
    head = head_of(replace(state, rules=settled(state)))
    rest = rest_of(head)
    running = [
        replace(one, skipped={metric: seen for metric, seen in one.skipped.items() if metric != "*"})
        if isinstance(one, Running)
        else one
        for one in rest.running
    ]
    places = (*((one.boot, one.next) for one in rest.places), (head.boot, head.next))
    return places, head.sent, head.lag, rest.held, losses(state), rest.gaps, running, rest.known, rest.refused


@pytest.mark.parametrize("rules", [("humid",), ("silent", "humid")])
def test_a_message_of_a_clock_that_is_far_ahead_makes_nobody_silent_and_blinds_no_rule(rules):
    program = program_of(*rules)
    state = warmed_up(program)
    sent = NOW + 40_000
    ahead = message(3, sent + 840_000, received_at=sent)
    assert spared([ahead], state, program, {}) is None
    _, state, transitions = quick_way([ahead], state, program)
    assert transitions == ()
    humid = message(4, sent + 20_000, temperature=20.5, humidity=70)
    _, _, transitions = quick_way([humid], state, program)
    assert [(one.rule, one.kind.value, one.at) for one in transitions] == [("humid", "raised", sent + 20_000)]


def test_usual_messages_are_spared_and_come_to_the_same():
    program = program_of("warm", "humid")
    state = warmed_up(program)
    messages = [message(seq, temperature=21.0 + seq, humidity=41) for seq in range(3, 6)]
    found = spared(messages, state, program, {})
    assessed, after, transitions = long_way(messages, state, program)
    assert transitions == ()
    assert found.assessed() == assessed
    assert replace(found.after, rules=b"") == replace(after, rules=b"")
    assert what_rules_know(found.after) == what_rules_know(after)


def test_what_was_spared_is_known_when_something_comes_of_the_next_message():
    program = program_of("warm")
    _, state, (raised,) = long_way([message(seq, temperature=31.0) for seq in range(3)], DeviceState(), program)
    state = spared([message(3, temperature=30.5), message(4, temperature=30.8)], state, program, {}).after
    _, state, (cleared,) = long_way([message(5, temperature=20.0)], state, program)
    assert (raised.kind, raised.last, cleared.kind, cleared.peak, cleared.last) == ("raised", 31, "cleared", 31, 20)
    assert losses(state)[0].received == 6


def test_what_is_no_number_is_spared_as_long_as_it_stays():
    program = program_of("warm")
    state = warmed_up(program, temperature=20.0, door=True, mode="eco")
    usual = message(3, temperature=21.0, door=True, mode="eco")
    assert spared([usual], state, program, {}).assessed() == assess([usual], CLIMATE, state)
    for other in ({"door": False}, {"mode": "off"}, {"door": 1.0}, {"mode": True}):
        assert (
            spared([message(3, **{"temperature": 21.0, "door": True, "mode": "eco", **other})], state, program, {})
            is None
        )


def test_messages_that_came_in_another_order_within_their_batch_are_spared_too():
    program = program_of("warm")
    state = warmed_up(program)
    messages = [message(4), message(3)]
    found = spared(messages, state, program, {})
    assert found.assessed() == assess(messages, CLIMATE, state)


def test_messages_before_one_that_rules_wait_for_are_spared():
    program = program_of("warm")
    state = warmed_up(program)
    messages = [message(3), message(4), message(5, temperature=31.0), message(6)]
    found = spared(messages, state, program, {})
    assert (found.messages, found.rest) == (messages[:2], messages[2:])
    assert found.assessed() == assess(messages[:2], CLIMATE, state)


def test_hours_pass_without_a_look_at_what_was_in_them():
    program = program_of("warm")
    quick = plain = warmed_up(program)
    for seq in range(3, 30):
        some = [message(seq, NOW + 1_200_000 * seq)]
        assert spared(some, quick, program, {}) is not None
        quick, plain = quick_way(some, quick, program)[1], long_way(some, plain, program)[1]
    assert [(one.hour - NOW, one.received) for one in losses(quick)] == [(3_600_000 * n, 3) for n in range(10)]
    assert what_rules_know(quick) == what_rules_know(plain)


def test_the_losses_of_the_last_hours_are_read_as_all_of_them_are():
    program = program_of("warm")
    state = warmed_up(program)
    for seq in (3, 4, 9, 10, 12):
        state = long_way([message(seq, NOW + 1_200_000 * seq)], state, program)[1]
    everything = losses(state)
    assert sum(one.lost for one in everything) == 4
    hours = [one.hour for one in everything]
    for since in (0, *hours, hours[-1] + 1):
        assert losses(state, since) == tuple(one for one in everything if one.hour >= since)


def test_the_losses_of_a_damaged_state_are_refused():
    state = warmed_up(program_of("warm"))
    head = head_of(state)
    head.rest = b"no release wrote this"
    with pytest.raises(ValueError, match="cannot be read"):
        losses(replace(state, rules=encode(head)))


def test_once_a_day_the_hours_are_counted():
    program = program_of("warm")
    state, looked_at = warmed_up(program), 0
    for seq in range(3, 60):
        some = [message(seq, NOW + 3_600_000 * seq)]
        looked_at += spared(some, state, program, {}) is None
        state = quick_way(some, state, program)[1]
    assert looked_at == 56 // (MAX_PASSED + 1)
    assert [one.received for one in losses(state)] == [1] * 48


def test_no_member_of_the_head_is_lost():
    program = program_of("warm")
    state = warmed_up(program)
    before = head_of(state)
    assert before.__struct_fields__[-2:] == ("passed", "lag")  # a newer one must be handed on too
    odd = replace(before, told="told", revision=7, passed=((NOW - 3_600_000, 5),), received=2, until=NOW + 10**9)
    after = head_of(spared([message(3)], replace(state, rules=encode(odd)), program, {}).after)
    moved = {"next": 4, "sent": NOW + 30_000, "received": 3, "mark": NOW + 20_000, "last": NOW + 30_000}
    assert after == replace(odd, **moved)


def test_several_readings_of_a_message_are_spared():
    program = program_of("warm", "silent", model=DeviceModel(**PLAIN))
    state = warmed_up(program)
    usual, other = {"temperature": 21.0, "humidity": 44}, {"humidity": 45}
    for seq, before in enumerate([(usual, usual), (usual, usual), (usual, usual), (usual, other), (other,), ()], 3):
        some = [message(seq, before=before)]
        found = spared(some, state, program, {})
        assessed, after, _ = long_way(some, state, program)
        assert found.assessed() == assessed
        assert replace(found.after, rules=b"") == replace(after, rules=b"")
        assert what_rules_know(found.after) == what_rules_know(after)
        state = found.after


def test_readings_out_of_order_or_far_apart_go_the_long_way():
    program = program_of("silent", model=DeviceModel(**PLAIN))
    state = warmed_up(program)
    for seq in range(3, 6):
        state = spared([message(seq, before=[STEADY])], state, program, {}).after
    plain = message(6, before=[STEADY]).data.decode()
    at = NOW + 60_000
    for earlier in (at, at + 1, NOW + 50_000):
        raw = plain.replace(str(at - 1_000), str(earlier)).encode()
        assert spared([message(6, raw=raw)], state, program, {}) is None
    apart = plain.replace(str(at - 1_000), str(NOW + 51_000)).replace(f'"ts": {at}', f'"ts": {NOW + 111_000}').encode()
    assert spared([message(6, raw=apart, received_at=NOW + 111_000)], state, program, {}) is None


def test_what_a_reader_of_one_kind_passes_over_is_read_with_care():
    program = program_of("warm", model=DeviceModel(**PLAIN))
    state = warmed_up(program)
    state = spared([message(seq) for seq in range(3, 9)], state, program, {}).after
    usual = message(9).data
    assert spared([message(9, raw=usual)], state, program, {}) is not None
    for text, instead in {
        b'"humidity"': b'"temperature"',
        b'"humidity": 40': b'"temperature": 20.5, "humidity": 40',
        b'"temperature"': b'"more": 1, "temperature"',
        b'"seq"': b'"boot": "b2", "seq"',
        b'"v"': b'"w": {"x": 5}, "v"',
        b'"values"': b'"q": "bad", "values"',
        b"}}": b"}}\n" + b" " * 131_072,
        b"[{": b'[{"ts": 1, "values": {"temperature": 20.5, "humidity": 40}}, {',
    }.items():
        assert text in usual
        assert spared([message(9, raw=usual.replace(text, instead))], state, program, {}) is None, instead


UNUSUAL = {
    "a gap": [message(4)],
    "seen before": [message(2)],
    "another boot": [message(3, boot="b2")],
    "out of range": [message(3, temperature=900)],
    "something a rule waits for": [message(3, temperature=30.5)],
    "a derived value that a rule waits for": [message(3, temperature=29.0, humidity=59)],
    "no number": [message(3, temperature="warm")],
    "a boolean": [message(3, temperature=True)],
    "not in the model": [message(3, temperature=20, humidity=40, extra=1)],
    "what a rule asks for that never came": [message(3, temperature=20, humidity=40, other=1)],
    "not to be relied on": [message(3, q="bad")],
    "a time that rules wait for": [message(3, ts=NOW + 80_000)],
    "not newer": [message(3, ts=NOW + 20_000)],
    "late": [message(3, received_at=NOW + 4_000_000)],
    "from the future": [message(3, received_at=NOW - 1_000_000)],
    "another hour, before that of the last": [message(3, received_at=NOW - 100)],
    "not readable": [message(3, raw=b"{")],
    "two values of one key": [message(3, raw=message(3).data.replace(b'"humidity"', b'"temperature"'))],
    "one more member": [message(3, raw=message(3).data.replace(b'"seq"', b'"x": 1, "seq"'))],
    "no value": [message(3, raw=message(3).data.replace(b'"temperature": 20.5, "humidity": 40', b""))],
    "several instants of which something is derived": [
        message(
            3,
            raw=json.dumps(
                {
                    "v": 1,
                    "boot": "b1",
                    "seq": 3,
                    "sent": NOW,
                    "m": [{"ts": NOW + 29_000 + at, "values": {"temperature": 20.5, "humidity": 40}} for at in (0, 9)],
                }
            ).encode(),
        )
    ],
}


@pytest.mark.parametrize("messages", UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_unusual_goes_the_long_way(messages):
    program = program_of("warm", "humid", "dew", "silent", "other")
    state = warmed_up(program)
    assert spared([message(3)], state, program, {}) is not None
    assert spared(messages, state, program, {}) is None
    assert spared([*messages, message(4)], state, program, {}) is None


def test_a_device_of_which_something_is_held_goes_the_long_way():
    program = program_of("warm")
    state = warmed_up(program)
    for one in (message(0, NOW + 31_000, boot="b2"), message(3)):
        _, state, _ = long_way([one], state, program)
    assert spared([message(4, NOW + 32_000)], state, program, {}) is None


def test_what_one_rule_may_skip_and_another_must_see_goes_the_long_way():
    program = program_of("warm", "counted")
    state = warmed_up(program, 2, temperature=25.0)
    assert spared([message(2, temperature=25.0)], state, program, {}) is None
    _, state, (raised,) = long_way([message(2, temperature=25.0)], state, program)
    assert raised.rule == "counted"
    assert spared([message(3, temperature=24.5)], state, program, {}) is not None


def test_what_one_rule_only_shows_and_another_waits_for_goes_the_long_way():
    state = warmed_up(program_of(), 2, temperature=20.0, other=1.0)
    program = program_of("showing", "other")
    _, state, _ = long_way([message(2, temperature=20.0)], state, program)
    assert spared([message(3, temperature=20.0, other=9.0)], state, program, {}) is None


def test_a_value_at_the_end_of_what_the_model_allows_may_be_what_a_rule_waits_for():
    program = program_of("soaked")
    state = warmed_up(program)
    assert spared([message(3, temperature=20.0, humidity=99)], state, program, {}) is not None
    assert spared([message(3, temperature=20.0, humidity=100)], state, program, {}) is None


def test_what_a_replay_adds_to_the_last_values_is_not_taken_for_what_was_spared():
    program = program_of("warm", "humid")
    state = spared([message(3, temperature=25.0)], warmed_up(program), program, {}).after
    replayed = Point("pump-1", "temperature", NOW + 35_000, 29.5, "good", late=False, received_at=NOW + 35_000)
    found = SimpleNamespace(points=(replayed,), unmodeled=frozenset(), boot="b1", seq=0, first=False)
    state = state_with(state, SimpleNamespace(key="entry"), found)
    assert state.latest["temperature"].value == 29.5
    _, state, (raised,) = long_way([message(4, humidity=70)], state, program)
    assert raised.rule == "humid"
    (warm,) = [one for one in rest_of(head_of(state)).running if one.rule == "warm"]
    assert warm.skipped["temperature"] == (NOW + 30_000, 25.0)


def test_other_rules_go_the_long_way_once():
    state = warmed_up(program_of("warm"))
    program = program_of("warm", "humid")
    assert spared([message(3)], state, program, {}) is None
    _, state, _ = long_way([message(3)], state, program)
    assert spared([message(4)], state, program, {}) is not None


def test_another_presence_or_attribute_goes_the_long_way_where_a_rule_asks_for_it():
    rules = [
        {"rule": "off", "when": {"online": False}},
        {"rule": "limit", "when": {**T, "above": {"attribute": "limit"}}},
    ]
    asking = [read_rule({"scope": "*", "severity": "major", **rule}) for rule in rules]
    program = Program(tuple(InstalledRule(rule, 1) for rule in asking), CLIMATE)
    tags = {"limit": "30", "place": "roof"}
    online = replace(DeviceState(), presence=Presence(status=Status.ONLINE, since=NOW))
    _, state, _ = long_way([message(0), message(1)], online, program, tags)
    assert spared([message(2)], state, program, tags) is not None
    assert spared([message(2)], state, program, tags | {"place": "cellar"}) is not None
    assert spared([message(2)], state, program, tags | {"limit": "31"}) is None
    offline = replace(state, presence=Presence(status=Status.OFFLINE, since=NOW + 5))
    assert spared([message(2)], offline, program, tags) is None


def test_a_device_that_goes_on_reporting_is_spared_however_short_a_silence_is_watched_for():
    program = program_of("silent", "stale")
    state = warmed_up(program)
    for seq in range(3, 300):
        state = spared([message(seq)], state, program, {}).after
    assert spared([message(300, NOW + 10_000 * 299 + 60_000)], state, program, {}) is None
    _, state, found = long_way([message(300, NOW + 10_000 * 299 + 70_000)], state, program)
    assert [(one.rule, one.kind, one.at) for one in found] == [
        ("silent", "raised", NOW + 10_000 * 299 + 60_000),
        ("silent", "cleared", NOW + 10_000 * 299 + 70_000),
    ]


def test_one_that_leaves_out_what_a_rule_waits_for_is_looked_at_when_that_is_due():
    program = program_of("stale", "silent")
    state = warmed_up(program)
    assert spared([message(3, humidity=40.0)], state, program, {}) is None
    _, state, _ = long_way([message(3, humidity=40.0)], state, program)
    state = spared([message(seq, humidity=40.0) for seq in (4, 5, 6)], state, program, {}).after
    assert spared([message(7, humidity=40.0)], state, program, {}) is None


any_values = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([-3.0, 5.0, 20.0, 25.0, 29.0, 31.0, 900.0]) | st.just(value=True),
        "humidity": st.sampled_from([20, 40, 55, 70, 95]),
        "pressure": st.just(1000.5),
        "other": st.sampled_from([1, 7]),
        "strange": st.just(1.0) | st.just("text"),
    },
)
EXTRAS = [{}, {"door": True}, {"door": False, "mode": "eco"}, {"door": 1.5}]
extras = st.lists(st.sampled_from(EXTRAS), min_size=1, max_size=3)
batches = st.lists(
    st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from([0, 0, 0, 0, 0, 0, 1, -1]), any_values), min_size=1, max_size=4
    ),
    min_size=1,
    max_size=8,
)
STEADY = {"temperature": 20.0, "humidity": 40}


@settings(max_examples=80)
@given(
    st.sets(st.sampled_from([rule.id for rule in RULES]), max_size=4),
    st.booleans(),
    batches,
    extras,
    st.sampled_from([NOW, NOW + 3_560_000]),
    st.lists(st.sampled_from([100, 100, 15_000, 65_000, 200_000]), min_size=1, max_size=4),
)
@example(ids={"silent"}, modeled=False, life=[[(0, 0, {})]] * 2, extras=[{}], begin=NOW, ways=[65_000, 15_000])
def test_whatever_is_spared_everything_comes_to_the_same(ids, modeled, life, extras, begin, ways):
    program = program_of(*ids, model=CLIMATE if modeled else DeviceModel(**PLAIN))
    quick = plain = DeviceState()
    seq = 0
    found = {"quick": [], "plain": []}
    for index, batch in enumerate(life):
        messages = []
        for unsteady, jump, other in batch:
            steady = {**STEADY, **extras[len(messages) % len(extras)]}
            values, before = (other, [STEADY] * (len(other) - 2)) if unsteady == 0 else (steady, ())
            ts, received_at = begin + 10_000 * seq, begin + 10_000 * seq + ways[index % len(ways)]
            messages.append(message(seq + jump if seq else 0, ts, received_at=received_at, before=before, **values))
            seq += 1 if jump == 0 else max(jump, 0)
        assessed, quick, transitions = quick_way(messages, quick, program)
        found["quick"] += transitions
        expected, plain, transitions = long_way(messages, plain, program)
        found["plain"] += transitions
        assert assessed == expected
        assert replace(quick, rules=b"") == replace(plain, rules=b"")
        assert what_rules_know(quick) == what_rules_know(plain)
    assert found["quick"] == found["plain"]


PLAIN = {"name": "plain", "title": "Plain", "version": "1", "interval_ms": 10_000}
PLAIN["metrics"] = {"temperature": Metric(key="temperature", title="T", type="number", unit="Cel", maximum=50.0)}
