"""For all messages, and for all bytes."""

import json

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contract.errors import EnvelopeError
from contract.identity import METRIC_PATTERN
from contract.telemetry import (
    MAX_INTEGER,
    MAX_MESSAGE_BYTES,
    MAX_TIMESTAMP_MS,
    QUALITIES,
    Envelope,
    Measurement,
    decode,
    encode,
)

metrics = st.from_regex(METRIC_PATTERN, fullmatch=True)
values = st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.text(max_size=256)
timestamps = st.integers(0, MAX_TIMESTAMP_MS)
measurements = st.builds(
    Measurement, timestamps, st.dictionaries(metrics, values, max_size=8), st.sampled_from(QUALITIES)
)
envelopes = st.builds(
    Envelope,
    boot=st.from_regex(r"[0-9a-zA-Z-]{1,64}", fullmatch=True),
    seq=st.integers(0, MAX_INTEGER - 1),
    sent=timestamps,
    m=st.lists(measurements, max_size=6).map(tuple),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
# Bytes that look like JSON find more than bytes that do not.
TOKENS = rb"""{ } [ ] " : , \ \" \u00 \ud800 e - 1 1e999 null NaN "a" "m" "v":1 "boot":"b" "seq":1 "ts":1 "values":"""
fragments = st.lists(st.sampled_from([*TOKENS.split(), b"9" * 400, b"\xff", b" "]), max_size=60).map(b"".join)
# The machine decides how long an example takes, so only counterexamples fail.
thorough = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])


def refusal(raw):
    """Why decode refuses, None if it does not; any other exception is the test's failure."""
    try:
        decode(raw)
    except EnvelopeError as error:
        return error
    return None


def decodes_or_refuses(raw):
    error = refusal(raw)
    assert error is None or str(error).endswith(".")


@thorough
@given(envelopes)
def test_what_is_encoded_decodes_to_the_same(envelope):
    assert decode(encode(envelope)) == envelope


@thorough
@given(envelopes)
def test_spaces_order_and_unknown_fields_change_nothing(envelope):
    document = json.loads(encode(envelope))
    rearranged = {"note": [{"v": 1}, ":"], **dict(reversed(document.items()))}
    assert decode(json.dumps(rearranged, indent=1).encode()) == envelope


@thorough
@given(st.binary(max_size=400))
@example(b"")
@example(b"\xef\xbb\xbf{}")
@example(b"[" * MAX_MESSAGE_BYTES)
@example(b'{"a":' * 20_000)
@example(b'"' * MAX_MESSAGE_BYTES)
@example(b"\\" * MAX_MESSAGE_BYTES)
@example(b"9" * MAX_MESSAGE_BYTES)
@example(b" " * (MAX_MESSAGE_BYTES + 1))
def test_no_bytes_make_decode_raise_anything_but_its_error(raw):
    decodes_or_refuses(raw)


@thorough
@given(fragments)
def test_no_fragments_of_json_make_decode_raise_anything_but_its_error(raw):
    decodes_or_refuses(raw)


@thorough
@given(json_values)
def test_no_json_makes_decode_raise_anything_but_its_error(value):
    decodes_or_refuses(json.dumps(value).encode())


@thorough
@given(fragments)
def test_no_fragment_inside_a_message_makes_decode_raise_anything_but_its_error(raw):
    decodes_or_refuses(b'{"v":1,"boot":"b","seq":1,"sent":1,"m":[{"ts":1,"values":{"a":' + raw + b"}}]}")


@thorough
@given(envelopes, st.data())
def test_no_damage_to_a_message_makes_decode_raise_anything_but_its_error(envelope, data):
    raw = bytearray(encode(envelope))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=3) | fragments)
    decodes_or_refuses(bytes(raw))


@thorough
@given(st.dictionaries(st.text(max_size=70), json_values, max_size=8))
def test_every_value_is_either_kept_or_rejected_with_a_reason(values):
    document = {"v": 1, "boot": "b", "seq": 1, "sent": 1, "m": [{"ts": 5, "values": values}]}
    envelope = decode(json.dumps(document).encode())
    assert len(envelope.m[0].values) + len(envelope.rejected) == len(values)
    assert all(values[metric] == value for metric, value in envelope.m[0].values.items())
    assert all(value.expected and value.got for value in envelope.rejected)


def repeats_a_key(pairs):
    return len({key for key, _ in pairs}) < len(pairs)


@thorough
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), json_values), min_size=1, max_size=6), st.booleans())
def test_a_repeated_key_is_found_exactly_when_there_is_one(pairs, inside_values):
    written = "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}"
    known, unknown = (written, '"x":1') if inside_values else ("{}", f'"x":{written}')
    raw = f'{{"v":1,"boot":"b","seq":1,"sent":1,"m":[{{"ts":5,"values":{known},{unknown}}}]}}'
    error = refusal(raw.encode())
    assert (error is not None) == repeats_a_key(pairs)
    assert error is None or error.reason == "duplicate_key"
