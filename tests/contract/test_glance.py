"""What is read at a glance is what the careful reader gives, or nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import telemetry
from contract.errors import EnvelopeError
from contract.glance import are_metrics, glance
from contract.telemetry import Measurement, decode, encode
from tests.contract.test_telemetry_properties import envelopes, fragments, json_values, thorough

USUAL = b'{"v":1,"boot":"b1","seq":7,"sent":9,"m":[{"ts":8,"values":{"temperature":21,"humidity":40.5}}]}'


def read(reader, raw):
    try:
        return repr(reader(raw))
    except EnvelopeError as error:
        return error.field, error.expected, error.got, error.reason


def agrees(raw):
    # By repr: it tells -0.0 from 0.0 and True from 1.0. An integer -0 is 0, and a float of it may stay -0.
    quick, careful = read(decode, raw), read(telemetry.decode_carefully, raw)
    assert quick == careful or str(quick).replace("-0.0", "0.0") == str(careful).replace("-0.0", "0.0")


def test_a_usual_message_is_read_at_a_glance():
    assert glance(USUAL) is not None
    assert decode(USUAL).m == (Measurement(8, {"temperature": 21.0, "humidity": 40.5}),)


@pytest.mark.parametrize("value", [b"true", b'"eco"'])
def test_one_with_other_values_than_numbers_too(value):
    assert glance(USUAL.replace(b"21", value)) is not None


DOUBTFUL = [
    USUAL.replace(b'"m"', b'"x":1,"m"'),
    USUAL.replace(b'"seq":7', b'"seq":7,"seq":7'),
    USUAL.replace(b'"seq":7', b'"seq":7,"seq":8'),
    USUAL.replace(b'"v":1', b'"v":2'),
    USUAL.replace(b'"v":1', b'"v":1.0'),
    USUAL.replace(b'"v":1', b'"v":true'),
    USUAL.replace(b'"v":1,', b""),
    USUAL.replace(b'"v":1,', b'"q":"good",'),
    USUAL.replace(b'"v":1,', b'"v":1,"q":{"a":{"b":1}},'),
    USUAL.replace(b'"ts":8', b'"ts":8,"q":""'),
    USUAL.replace(b'"ts":8', b'"ts":8,"q":"good","q":"bad"'),
    USUAL.replace(b'"ts":8', b'"ts":8,"q":null'),
    USUAL.replace(b'"ts":8', b'"ts":8.0'),
    USUAL.replace(b'"ts":8', b'"ts":8e0'),
    USUAL.replace(b'"ts":8', b'"ts":-0'),
    USUAL.replace(b'"ts":8', b'"ts":"8"'),
    USUAL.replace(b'"ts":8', b'"ts":99999999999999999999'),
    USUAL.replace(b"21", b"9007199254740991"),
    USUAL.replace(b"21", b"9007199254740992"),
    USUAL.replace(b"21", b"9007199254740993"),
    USUAL.replace(b"21", b"-9007199254740993"),
    USUAL.replace(b"21", b"9007199254740993.0"),
    USUAL.replace(b"21", b"18446744073709551615"),
    USUAL.replace(b"21", b"1" + b"0" * 400),
    USUAL.replace(b"21", b"1e308"),
    USUAL.replace(b"21", b"1e999"),
    USUAL.replace(b"21", b"-0"),
    USUAL.replace(b"21", b"-0.0"),
    USUAL.replace(b"21", b"NaN"),
    USUAL.replace(b"21", b"null"),
    USUAL.replace(b"21", b"[]"),
    USUAL.replace(b"21", b"{}"),
    USUAL.replace(b"21", b'":"'),
    USUAL.replace(b"21", b'"\\u003a"'),
    USUAL.replace(b"21", b'"\\ud800"'),
    USUAL.replace(b"21", b'"' + "ü".encode() * 256 + b'"'),
    USUAL.replace(b"21", b'"' + "ü".encode() * 257 + b'"'),
    USUAL.replace(b"21", b'"' + "😀".encode() * 256 + b'"'),
    USUAL.replace(b"21", b'"\xff"'),
    USUAL.replace(b"temperature", b"humidity"),
    USUAL.replace(b"temperature", b"humidity\\u0000"),
    USUAL.replace(b"temperature", b"humidit\\u0079"),
    USUAL.replace(b"temperature", b"Temperature"),
    USUAL.replace(b"temperature", b"t" * 65),
    USUAL.replace(b"temperature", b"t:t"),
    USUAL.replace(b"temperature", b"\\u003a"),
    USUAL.replace(b"temperature", b""),
    USUAL.replace(b'"b1"', b'"b 1"'),
    USUAL.replace(b'"b1"', b'"' + b"b" * 65 + b'"'),
    USUAL.replace(b'"b1"', '"٣"'.encode()),
    USUAL.replace(b'"boot"', b'"\\u0062oot"'),
    USUAL[:-1] + b',"rejected":[]}',
    USUAL + b" ",
    USUAL + b"x",
    USUAL + b"\x00",
    b"\xef\xbb\xbf" + USUAL,
    USUAL.replace(b":", b" : "),
    USUAL.replace(b'"m":[', b'"m":[{"ts":1,"values":{}},'),
    USUAL.replace(b'"m":[', b'"m":[' + b'{"ts":1,"values":{}},' * 5_000),
    USUAL.replace(b'{"temperature"', b"{" + b"".join(b'"m%d":1,' % at for at in range(98)) + b'"temperature"'),
    USUAL.replace(b'{"temperature"', b"{" + b"".join(b'"m%d":1,' % at for at in range(99)) + b'"temperature"'),
    USUAL[:-2] + b',{"ts":1,"values":{%s}}' % b",".join(b'"m%d":1' % at for at in range(100)) * 100 + b"]}",
    USUAL + b" " * 131_072,
]


@pytest.mark.parametrize("raw", DOUBTFUL, ids=range(len(DOUBTFUL)))
def test_what_is_doubtful_is_read_as_the_careful_reader_does(raw):
    agrees(raw)


@thorough
@given(envelopes, st.sampled_from([None, 1]), st.booleans(), st.booleans())
def test_both_read_a_message_alike_however_it_is_written(envelope, indent, reverse, escape):
    document = json.loads(encode(envelope))
    document = dict(reversed(document.items())) if reverse else document
    agrees(json.dumps(document, indent=indent, ensure_ascii=escape).encode(errors="surrogatepass"))


@thorough
@given(envelopes, st.data())
def test_both_read_a_damaged_message_alike(envelope, data):
    raw = bytearray(encode(envelope))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=3) | fragments)
    agrees(bytes(raw))


@thorough
@given(st.dictionaries(st.sampled_from(["a", "B", "v", "ts", "é", "a_1", ""]), json_values, max_size=4), json_values)
def test_both_read_any_values_alike(values, extra):
    agrees(json.dumps({"v": 1, "boot": "b", "seq": 1, "sent": 1, "m": [{"ts": 5, "values": values}]}).encode())
    agrees(json.dumps({"v": 1, "boot": "b", "seq": 1, "sent": 1, "x": extra, "m": []}).encode())


def test_what_is_no_metric_is_not_remembered_as_one():
    assert are_metrics(["temperature", "m1"])
    assert not are_metrics(["temperature", "M1"])
    assert not are_metrics(["M1"])
