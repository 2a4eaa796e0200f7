"""What a message can carry, so that no reading can spoil the message that it would go with."""

import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from contract import telemetry
from contract.telemetry import MAX_INTEGER, MAX_MESSAGE_BYTES, MAX_VALUES_PER_MEASUREMENT, Envelope, Measurement
from device_agent.recording.envelopes import ENVELOPE_BYTES, MEASUREMENT_BYTES, QUALITY_BYTES, parts, usable

TS = 1_790_000_000_000

metrics = st.one_of(st.from_regex(r"[a-z][a-z0-9_]{0,63}", fullmatch=True), st.text(max_size=5))
values = st.one_of(
    st.booleans(), st.floats(), st.integers(), st.text(st.characters(exclude_categories=[]), max_size=300), st.none()
)


def test_values_that_no_message_can_carry_are_left_out():
    found = usable(
        {
            "a": 1.0,
            "b": math.nan,
            "c": math.inf,
            "d": True,
            "e": "x" * 257,
            "f": "x" * 256,
            "g": MAX_INTEGER + 1,
            "h": -MAX_INTEGER,
            "i": "\ud800",
            "j": None,
            "Not a metric": 1.0,
        }
    )
    assert found == {"a": 1.0, "d": True, "f": "x" * 256, "h": -MAX_INTEGER}


@given(st.dictionaries(metrics, values, max_size=150))
def test_whatever_a_driver_returns_the_contract_can_carry_what_is_left(read):
    for part, size in parts(usable(read)):
        message = telemetry.encode(Envelope(boot="b" * 16, seq=MAX_INTEGER - 1, sent=TS, m=(Measurement(TS, part),)))
        assert telemetry.decode(message).rejected == ()
        assert len(message) <= ENVELOPE_BYTES + MEASUREMENT_BYTES + size


def test_the_sizes_hold_for_the_longest_of_each():
    measurements = tuple(Measurement(253_402_300_799_999, {"a": n}, "estimated") for n in range(9))
    message = telemetry.encode(Envelope(boot="b" * 16, seq=MAX_INTEGER - 1, sent=253_402_300_799_999, m=measurements))
    own = sum(len(msgspec.json.encode(measurement.values)) for measurement in measurements)

    assert len(message) <= ENVELOPE_BYTES + 9 * (MEASUREMENT_BYTES + QUALITY_BYTES) + own


def test_a_reading_of_more_than_a_measurement_can_carry_becomes_several():
    many = {f"m{n}": float(n) for n in range(3 * MAX_VALUES_PER_MEASUREMENT)}
    found = list(parts(many))

    assert all(len(part) <= MAX_VALUES_PER_MEASUREMENT for part, _ in found)
    assert {metric: value for part, _ in found for metric, value in part.items()} == many


def test_a_reading_that_is_too_large_for_any_message_becomes_several():
    monster = {f"text_{n}": "\x01" * 256 for n in range(100)}
    found = list(parts(monster))

    assert len(found) > 1
    assert all(
        len(telemetry.encode(Envelope(boot="b", seq=0, sent=TS, m=(Measurement(TS, part),)))) < MAX_MESSAGE_BYTES
        for part, _ in found
    )
    assert {metric: value for part, _ in found for metric, value in part.items()} == monster


def test_no_value_is_one_empty_part_so_that_a_position_can_stand_with_it():
    assert list(parts({})) == [({}, 2)]
