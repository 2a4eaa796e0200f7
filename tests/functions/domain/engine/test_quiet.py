"""What is found at one look in messages that come often is what the careful reader finds, or nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import telemetry
from functions.domain.engine import quiet
from functions.domain.engine.program import Program
from functions.domain.engine.shapes import Kind, Usual, items_of
from functions.domain.ingest import Incoming
from functions.domain.state import Latest
from tests.contract.test_glance import DOUBTFUL, USUAL
from tests.contract.test_telemetry_properties import fragments

LATEST = {"temperature": Latest(1, 20.0, "good"), "humidity": Latest(1, 40.0, "good")}
ALIKE = [f'{{"ts":{ts},"values":{{"temperature":{ts}.5,"humidity":40}}}}' for ts in (1, 2, 3)]
SEVERAL = b'{"v":1,"boot":"b1","seq":7,"sent":9,"m":[%s]}' % ",".join(ALIKE).encode()


@pytest.fixture(scope="module")
def used():
    """To messages like these two, for each of which there is a reader."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quiet, "OFTEN", 1)
        made = Program((), None).quiet(b"\x91\x80")
        for raw in (USUAL, SEVERAL):
            made.look([incoming(raw)], LATEST)
        assert all(isinstance(made.look([incoming(raw)], LATEST)[1][0], Usual) for raw in (USUAL, SEVERAL))
        patch.setattr(quiet, "OFTEN", 10**9)
        yield made


def incoming(raw):
    return Incoming("id", "pump-1", 10, raw)


def agrees(used, raw):
    found, kinds = used.look([incoming(raw)], LATEST)
    # Whoever asks compares the boot, and whether each metric was known, with what was read with care before.
    if not found or found[0].boot != "b1" or any(dict(items_of(of.values)).keys() - LATEST for of in found[0].m):
        return
    expected = telemetry.decode(raw)
    (one,), (kind,) = found, kinds
    read = [(each.ts, dict(items_of(each.values)), each.q or "good") for each in one.m]
    assert (one.boot, one.seq, one.sent) == (expected.boot, expected.seq, expected.sent)
    assert read == [(each.ts, each.values, each.q) for each in expected.m]
    assert expected.rejected == ()
    assert kind.points == sum(len(each.values) for each in expected.m)


def test_no_reader_is_made_of_names_that_were_never_stored(monkeypatch):
    monkeypatch.setattr(quiet, "OFTEN", 1)
    made = Program((), None).quiet(b"\x91\x80")
    for name in (b"\\u0000", b"never"):
        raw = USUAL.replace(b"humidity", name)
        assert [type(kind) for _ in range(3) for kind in made.look([incoming(raw)], LATEST)[1]] == [Kind] * 3


@pytest.mark.parametrize("raw", DOUBTFUL, ids=range(len(DOUBTFUL)))
def test_what_is_doubtful_is_read_as_the_careful_reader_does(used, raw):
    agrees(used, raw)


@given(st.sampled_from([USUAL, SEVERAL]), st.data())
def test_both_read_a_damaged_message_alike(used, raw, data):
    raw = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=3) | fragments)
    agrees(used, bytes(raw))


members = st.sampled_from(['"ts":3', '"values":{"temperature":1,"humidity":2}', '"q":"good"', '"x":1', '"values":{}'])
values = st.lists(st.sampled_from(['"temperature":7', '"humidity":8', '"x":1', '"temperature":true']), max_size=3)


@given(st.lists(st.lists(members, max_size=4) | values.map(lambda of: ['"ts":1', f'"values":{{{",".join(of)}}}'])))
def test_both_read_members_alike_that_are_there_twice_or_not_at_all(used, readings):
    m = ",".join(f"{{{','.join(one)}}}" for one in readings)
    agrees(used, f'{{"v":1,"boot":"b1","seq":7,"sent":9,"m":[{m}]}}'.encode())


@given(st.permutations(["v", "boot", "seq", "sent", "m"]), st.sampled_from([None, 1]))
def test_the_order_of_members_and_blanks_are_no_matter(used, order, indent):
    document = json.loads(USUAL)
    agrees(used, json.dumps({name: document[name] for name in order}, indent=indent).encode())
