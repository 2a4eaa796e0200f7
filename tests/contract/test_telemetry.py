"""What decode and encode promise, case by case; the bytes of single faults stand in the fixtures."""

import doctest
import math
import sys

import msgspec
import pytest

from contract import telemetry
from contract.errors import EnvelopeError
from contract.telemetry import (
    MAX_CONTAINERS,
    MAX_MEASUREMENTS,
    MAX_MESSAGE_BYTES,
    MAX_VALUES,
    Envelope,
    Measurement,
    decode,
    encode,
)


def envelope(*measurements, **fields):
    return Envelope(**{"boot": "b", "seq": 1, "sent": 2, "m": measurements, **fields})


def measurements_of(count, size):
    values = {f"m{i}": float(i) for i in range(size)}
    return tuple(Measurement(ts, values) for ts in range(count))


def reason_of(raw):
    with pytest.raises(EnvelopeError) as caught:
        decode(raw)
    return caught.value.reason


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(telemetry).failed == 0


def test_a_message_of_exactly_the_limit_is_read(message):
    raw = message('{"a":1}')
    assert decode(raw + b" " * (MAX_MESSAGE_BYTES - len(raw))).m[0].values == {"a": 1.0}


def test_one_byte_more_than_the_limit_is_too_large(message):
    raw = message('{"a":1}')
    assert reason_of(raw + b" " * (MAX_MESSAGE_BYTES + 1 - len(raw))) == "too_large"


def test_numbers_are_floats_whatever_they_looked_like(message):
    values = decode(message('{"a":1,"b":1.0,"c":1e0,"d":true}')).m[0].values
    assert [type(value) for value in values.values()] == [float, float, float, bool]


def test_a_good_measurement_does_not_spend_bytes_on_saying_so():
    assert b'"q"' not in encode(envelope(Measurement(5, {"a": 1.0})))


def test_a_full_message_passes():
    raw = encode(envelope(*measurements_of(MAX_MEASUREMENTS, 0)))
    assert len(decode(raw).m) == MAX_MEASUREMENTS


def test_one_measurement_more_is_refused():
    with pytest.raises(EnvelopeError, match=r"`m` must be a list of at most 5000 measurements, got a list of 5001"):
        encode(envelope(*measurements_of(MAX_MEASUREMENTS + 1, 0)))


def test_as_many_values_as_allowed_pass():
    raw = b",".join(b'{"ts":1,"values":{%s}}' % b",".join(b'"a%d":0' % i for i in range(100)) for _ in range(100))
    read = decode(b'{"v":1,"boot":"b","seq":1,"sent":2,"m":[' + raw + b"]}")
    assert sum(len(measurement.values) for measurement in read.m) == MAX_VALUES


def test_one_value_more_is_refused():
    full = b",".join(b'{"ts":1,"values":{%s}}' % b",".join(b'"a%d":0' % i for i in range(100)) for _ in range(100))
    raw = b'{"v":1,"boot":"b","seq":1,"sent":2,"m":[' + full + b',{"ts":1,"values":{"a":0}}]}'
    assert reason_of(raw) == "too_many"


def test_more_objects_and_lists_than_any_message_needs_are_refused():
    lists = b",".join([b"[]"] * MAX_CONTAINERS)
    assert reason_of(b'{"v":1,"boot":"b","seq":1,"sent":2,"m":[],"x":[' + lists + b"]}") == "too_many"


def test_depth_counts_only_outside_of_strings(message):
    text = '"' + "[{" * 100 + '"'
    assert decode(message(f'{{"a":{text}}}')).m[0].values == {"a": "[{" * 100}


def test_escaped_quotes_do_not_hide_depth(message):
    assert reason_of(message('{"a":"\\\\","b":' + "[" * 40 + "]" * 40 + ',"c":"\\""}')) == "too_deep"


def test_colons_in_strings_are_no_members(message):
    assert decode(message('{"a":"12:30:00","b":":\\":","c":"\\\\"}')).m[0].values["a"] == "12:30:00"


def test_two_objects_may_use_the_same_key(message):
    assert decode(message('{"a":1}', ',"x":[{"k":1},{"k":2}]')).m[0].values == {"a": 1.0}


def test_a_repeated_key_beside_an_unknown_field_is_found(message):
    assert reason_of(message('{"a":1,"a":2}', ',"x":{"k":1}')) == "duplicate_key"


def test_the_place_of_the_first_value_decides_nothing_about_the_rest(message):
    read = decode(message('{"a":null,"b":2,"c":[],"d":4}'))
    assert read.m[0].values == {"b": 2.0, "d": 4.0}
    assert [(value.metric, value.reason, value.got) for value in read.rejected] == [
        ("a", "wrong_type", "null"),
        ("c", "wrong_type", "a list"),
    ]


def test_a_rejected_value_says_when_it_was_measured(message):
    assert decode(message('{"a":null}')).rejected[0].ts == 5


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (math.nan, "not_finite"),
        (math.inf, "not_finite"),
        (2**53 + 1, "unsafe_integer"),
        pytest.param(10**5000, "unsafe_integer", id="too long to print"),
        ("x" * 257, "too_long"),
        (None, "wrong_type"),
        ([1.0], "wrong_type"),
    ],
)
def test_encode_refuses_what_decode_would_reject(value, reason):
    with pytest.raises(EnvelopeError) as caught:
        encode(envelope(Measurement(5, {"a": value})))
    assert (caught.value.field, caught.value.reason) == ("values.a", reason)


def test_encode_refuses_a_metric_that_is_not_well_formed():
    with pytest.raises(EnvelopeError, match="metric key"):
        encode(envelope(Measurement(5, {"A b": 1.0})))


def test_encode_refuses_text_that_is_not_unicode():
    with pytest.raises(EnvelopeError) as caught:
        encode(envelope(Measurement(5, {"a": "\ud800"})))
    assert caught.value.reason == "bad_encoding"


def test_encode_refuses_more_bytes_than_the_broker_takes():
    with pytest.raises(EnvelopeError) as caught:
        encode(envelope(*(Measurement(ts, {"a": "x" * 256}) for ts in range(500))))
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("fields", [{"seq": -1}, {"seq": True}, {"sent": 2**60}, {"boot": "ü"}, {"v": 2}])
def test_encode_refuses_a_header_that_decode_would_not_read(fields):
    with pytest.raises(EnvelopeError) as caught:
        encode(envelope(**fields))
    assert caught.value.field == next(iter(fields))


def test_an_envelope_cannot_be_changed():
    with pytest.raises(AttributeError):
        envelope().seq = 2


def test_decode_needs_no_more_stack_than_its_caller_has_left(message):
    def at_depth(depth):
        return at_depth(depth - 1) if depth else decode(message('{"a":1,"a":2}'))

    with pytest.raises(EnvelopeError):
        at_depth(sys.getrecursionlimit() // 2)


def test_the_decoded_form_is_plain_enough_to_serialise(message):
    assert msgspec.json.decode(msgspec.json.encode(decode(message())), type=Envelope) == decode(message())
