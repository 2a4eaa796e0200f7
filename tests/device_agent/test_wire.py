"""What stands in the queue goes out as the contract has it, and what cannot be read is an error and no crash."""

import math
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import documents, telemetry, topics
from contract.documents import CommandResponse, DeviceEvent
from contract.errors import DocumentError
from contract.telemetry import Envelope, Measurement
from device_agent import wire
from device_agent.errors import PayloadError
from device_agent.time.machine_boots import Settled, Stamp

OFFSET = 1_790_000_000_000
STAMP = Stamp("0d1c", OFFSET, final=True)
AS_RECORDED = Settled(OFFSET, estimated=False)
ADDRESSES = wire.Addresses("pump-7")

stored_values = st.one_of(
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53), 2**53),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
readings = st.lists(
    st.tuples(
        st.integers(0, 2**40),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), stored_values, min_size=1),
        st.sampled_from(["good", "stale", "bad"]),
    ),
    max_size=5,
)


def batch(*m, stamp=STAMP):
    return wire.Batch(stamp, "b1", 7, 5_000, list(m))


@given(readings, st.booleans(), st.integers(-(10**6), 10**6))
def test_a_batch_goes_out_as_the_contracts_envelope(m, estimated, moved):
    settled = Settled(OFFSET + moved, estimated)
    outgoing = wire.render(wire.read(wire.write(batch(*m))), settled, ADDRESSES)

    expected = tuple(
        Measurement(at + OFFSET + moved, values, "estimated" if estimated and q == "good" else q) for at, values, q in m
    )
    assert outgoing.topic == "dt/pump-7/telemetry"
    envelope = Envelope(boot="b1", seq=7, sent=5_000 + OFFSET + moved, m=expected)
    assert outgoing.payload == telemetry.encode(envelope)
    assert telemetry.decode(outgoing.payload) == envelope


def test_basic_ingest_changes_the_topic_and_not_the_bytes():
    payload = batch((1, {"a": 1.0}, "good"))
    plain = wire.render(payload, AS_RECORDED, ADDRESSES)
    basic = wire.render(payload, AS_RECORDED, wire.Addresses("pump-7", basic_ingest=True))

    assert topics.parse(basic.topic).kind == "telemetry_basic_ingest"
    assert basic.payload == plain.payload


def test_an_event_gets_its_time_when_it_goes_out():
    payload = wire.read(wire.write(wire.event(STAMP, 250, boot="b1", kind="rule_fired", data={"rule": "hot"})))
    outgoing = wire.render(payload, AS_RECORDED, ADDRESSES)

    assert outgoing.topic == "dt/pump-7/event"
    assert documents.decode(DeviceEvent, outgoing.payload) == DeviceEvent(
        boot="b1", kind="rule_fired", at=OFFSET + 250, data={"rule": "hot"}
    )


def test_an_event_of_estimated_time_says_so():
    payload = wire.event(STAMP, 250, boot="b1", kind="boot", data={"version": "1"})
    event = documents.decode(DeviceEvent, wire.render(payload, Settled(9, estimated=True), ADDRESSES).payload)

    assert (event.at, event.data) == (259, {"version": "1", "estimated": True})


def test_an_answer_goes_to_its_command():
    payload = wire.response(STAMP, 1, command_id="c-1", status="FAILED", result={"a": [1]}, reason="stuck")
    outgoing = wire.render(wire.read(wire.write(payload)), AS_RECORDED, ADDRESSES)

    assert outgoing.topic == "cmd/pump-7/c-1/res"
    assert documents.decode(CommandResponse, outgoing.payload) == CommandResponse(
        id="c-1", status="FAILED", at=OFFSET + 1, result={"a": [1]}, reason="stuck"
    )


@pytest.mark.parametrize("data", [{"x": math.nan}, {"x": object()}, {"x": "a" * 200_000}])
def test_an_event_that_the_contract_does_not_have_is_refused_when_it_is_made(data):
    with pytest.raises(DocumentError):
        wire.event(STAMP, 1, boot="b1", kind="x", data=data)


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\xc1",
        b"{}",
        msgspec.msgpack.encode(["telemetry-2", 1, 2]),
        msgspec.msgpack.encode(["telemetry-1", ["0d1c", 1, True], "b1", "seven", 1, []]),
        msgspec.msgpack.encode({"type": "telemetry-1"}),
        wire.write(batch((1, {"a": 1.0}, "good")))[:-1],
    ],
)
def test_what_cannot_be_read_is_an_error_of_ours(stored):
    with pytest.raises(PayloadError):
        wire.read(stored)


@given(st.binary(max_size=200))
def test_no_bytes_are_worse_than_unreadable(stored):
    with suppress(PayloadError):
        wire.render(wire.read(stored), AS_RECORDED, ADDRESSES)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_damaged_byte_is_worse_than_unreadable(position, change):
    stored = bytearray(wire.write(batch((1, {"a": 1.0, "b": "x"}, "good"), (2, {"a": True}, "stale"))))
    stored[position % len(stored)] ^= change
    with suppress(PayloadError):
        wire.render(wire.read(bytes(stored)), AS_RECORDED, ADDRESSES)


@pytest.mark.parametrize(
    "payload",
    [
        batch((1, {"a": math.inf}, "good")),
        batch((-OFFSET - 1, {"a": 1.0}, "good")),
        wire.Event(STAMP, 1, b"{}"),
        wire.Response(STAMP, 1, b'{"v":1,"id":"#","status":"FAILED","at":0}'),
    ],
)
def test_what_reads_well_and_may_not_be_sent_is_an_error_of_ours(payload):
    with pytest.raises(PayloadError):
        wire.render(payload, AS_RECORDED, ADDRESSES)
