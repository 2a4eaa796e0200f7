import doctest
import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from contract import documents
from contract.documents import (
    CommandRequest,
    CommandResponse,
    DeviceEvent,
    InternalEvent,
    PresenceEvent,
    ShadowDelta,
    ShadowDocument,
    ShadowError,
    ShadowGet,
    ShadowSection,
    ShadowState,
    ShadowUpdate,
    decode,
    encode,
)
from contract.errors import DocumentError
from contract.identity import COMMAND_ID_PATTERN, THING_PATTERN
from contract.telemetry import MAX_MESSAGE_BYTES, MAX_TIMESTAMP_MS

KINDS = [
    CommandRequest,
    CommandResponse,
    ShadowUpdate,
    ShadowGet,
    ShadowDocument,
    ShadowDelta,
    ShadowError,
    DeviceEvent,
    InternalEvent,
    PresenceEvent,
]

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
contents = st.dictionaries(st.text(max_size=8), json_values, max_size=3)
ids = st.from_regex(COMMAND_ID_PATTERN, fullmatch=True)
things = st.from_regex(THING_PATTERN, fullmatch=True)
slugs = st.from_regex(r"[a-z][a-z0-9_]{0,63}", fullmatch=True)
times = st.integers(0, MAX_TIMESTAMP_MS)
counts = st.integers(0, 2**53)
maybe_text = st.none() | st.text(max_size=40)
reasons = st.dictionaries(st.text(max_size=8), st.none() | st.text(max_size=40), max_size=3)
sections = st.builds(ShadowSection, values=contents, rejected=st.just(UNSET) | reasons)
states = st.builds(ShadowState, desired=st.none() | sections, reported=st.none() | sections)
all_documents = st.one_of(
    st.builds(CommandRequest, id=ids, name=slugs, parameters=contents, created_at=times, expires_at=times),
    st.builds(
        CommandResponse,
        id=ids,
        status=st.sampled_from(["DELIVERED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "EXPIRED"]),
        at=times,
        result=st.none() | contents,
        reason=maybe_text,
    ),
    st.builds(ShadowUpdate, state=states, version=st.none() | counts, client_token=maybe_text),
    st.builds(ShadowGet, client_token=maybe_text),
    st.builds(
        ShadowDocument, state=states, version=counts, timestamp=times, metadata=contents, client_token=maybe_text
    ),
    st.builds(ShadowDelta, state=sections, version=counts, timestamp=times, metadata=contents, client_token=maybe_text),
    st.builds(ShadowError, code=st.integers(100, 599), message=st.text(max_size=40), client_token=maybe_text),
    st.builds(
        DeviceEvent, boot=st.from_regex(r"[0-9a-zA-Z-]{1,64}", fullmatch=True), kind=slugs, at=times, data=contents
    ),
    st.builds(InternalEvent, kind=slugs, thing=things, at=times, data=contents),
    st.builds(
        PresenceEvent,
        client_id=st.text(max_size=20),
        timestamp=times,
        event_type=st.sampled_from(["connected", "disconnected"]),
        session_identifier=st.text(max_size=20),
        version_number=counts,
        disconnect_reason=maybe_text,
        client_initiated_disconnect=st.none() | st.booleans(),
    ),
)


@settings(deadline=None)
@given(all_documents)
def test_a_document_that_is_written_reads_back_equal(document):
    assert decode(type(document), encode(document)) == document


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(deadline=None)
@given(raw=st.binary(max_size=60) | all_documents.map(encode))
def test_no_bytes_raise_anything_but_the_contracts_error(kind, raw):
    with suppress(DocumentError):
        assert isinstance(decode(kind, raw), kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b'{"a":' * 20_000, b" " * (MAX_MESSAGE_BYTES + 1), b"9" * 100_000, b"1e999"]
)
def test_hostile_bytes_are_refused(kind, raw):
    with pytest.raises(DocumentError):
        decode(kind, raw)


def test_unknown_fields_are_ignored():
    raw = b'{"v":1,"id":"c1","status":"FAILED","at":5,"signature":{"alg":"x"}}'
    assert decode(CommandResponse, raw) == CommandResponse(id="c1", status="FAILED", at=5)


def test_every_document_of_ours_says_its_version():
    assert b'"v":1' in encode(CommandResponse(id="c1", status="FAILED", at=5))
    assert b'"desired":{"v":1' in encode(ShadowUpdate(state=ShadowState(desired=ShadowSection(values={"a": 1}))))
    assert b'"v":1' in encode(InternalEvent(kind="presence_settles", thing="pump-7", at=5))


@pytest.mark.parametrize(
    ("kind", "raw", "field"),
    [
        (CommandResponse, b'{"v":2,"steps":[]}', "v"),
        (DeviceEvent, b'{"v":"1"}', "v"),
        (ShadowDelta, b'{"state":{"v":2,"entries":[]},"version":3,"timestamp":4}', "state.v"),
        (ShadowUpdate, b'{"state":{"reported":{"v":3}}}', "state.reported.v"),
        (ShadowDocument, b'{"state":{"desired":{"v":3},"reported":null},"version":1,"timestamp":1}', "state.desired.v"),
    ],
)
def test_another_version_is_refused_before_anything_else(kind, raw, field):
    with pytest.raises(DocumentError) as caught:
        decode(kind, raw)
    assert (caught.value.field, caught.value.reason) == (field, "unsupported_version")


def test_a_setting_may_be_called_like_the_version():
    assert decode(ShadowDelta, b'{"state":{"values":{"v":7}},"version":3,"timestamp":4}').state.values == {"v": 7}


@pytest.mark.parametrize(
    ("kind", "raw", "text"),
    [
        (
            CommandResponse,
            b'{"id":"c1","status":"DONE","at":5}',
            "`status` must be one of DELIVERED, IN_PROGRESS, SUCCEEDED",
        ),
        (CommandResponse, b'{"id":"c1","status":"TIMED_OUT","at":5}', "got 'TIMED_OUT'"),
        (CommandResponse, b'{"id":"c1","status":"FAILED","at":-5}', "`at` must be an integer >= 0, got -5"),
        (CommandResponse, b'{"id":"c1","status":"FAILED","at":99999999999999999999999999}', "`at` must be an integer"),
        (CommandResponse, b'{"id":"c1","status":"FAILED"}', "`at` must be present, got nothing"),
        (CommandResponse, b'{"id":"c/1","status":"FAILED","at":5}', "`id` must be a string matching"),
        (
            CommandResponse,
            b'{"id":"c1","status":"FAILED","at":5,"result":[]}',
            "`result` must be an object or null, got a list",
        ),
        (CommandResponse, b"[]", "it must be an object, got a list of 0"),
        (CommandResponse, b'{"id":"a","id":"b"}', "`id` must be used once in its object"),
        (CommandRequest, b'{"id":"c1","name":"Relay","parameters":{},"created_at":1,"expires_at":2}', "`name` must be"),
        (ShadowUpdate, b'{"state":{"desired":7}}', "`state.desired` must be an object or null, got 7"),
        (
            ShadowUpdate,
            b'{"state":{"reported":{"rejected":{"relay":7}}}}',
            "`state.reported.rejected` must be an object in which each value is a string or null, got an object with 1",
        ),
        (ShadowError, b'{"code":"404"}', "`code` must be an integer, got '404'"),
        (ShadowUpdate, b'{"state":7}', "`state` must be an object, got 7"),
        (InternalEvent, b'{"kind":"x","thing":"Pump 7","at":1}', "`thing` must be a string matching"),
        (
            PresenceEvent,
            b'{"clientId":"a","timestamp":1,"eventType":"left","sessionIdentifier":"s"}',
            "`eventType` must be one",
        ),
    ],
)
def test_a_fault_is_named_with_its_field(kind, raw, text):
    with pytest.raises(DocumentError) as caught:
        decode(kind, raw)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, {1, 2}, object(), "\ud800", (1, 2)],
    ids=["nan", "inf", "set", "object", "surrogate", "tuple"],
)
def test_encode_refuses_what_json_cannot_carry(value):
    with pytest.raises(DocumentError):
        encode(DeviceEvent(boot="b", kind="boot", at=1, data={"x": value}))


def test_the_lifecycle_event_of_aws_is_read_as_documented():
    raw = b"""{"clientId": "pump-7", "timestamp": 1573002340451, "eventType": "disconnected",
        "sessionIdentifier": "a4666d2a7d844ae4ac5d7b38c9cb7967", "principalIdentifier": "12345678901234567890",
        "clientInitiatedDisconnect": false, "disconnectReason": "MQTT_KEEP_ALIVE_TIMEOUT", "versionNumber": 4}"""
    event = decode(PresenceEvent, raw)
    assert (event.client_id, event.event_type, event.version_number) == ("pump-7", "disconnected", 4)
    assert (event.disconnect_reason, event.client_initiated_disconnect) == ("MQTT_KEEP_ALIVE_TIMEOUT", False)


def test_the_examples_in_the_docstring_hold():
    assert doctest.testmod(documents).failed == 0


def test_a_section_without_rejections_does_not_mention_them():
    update = ShadowUpdate(state=ShadowState(reported=ShadowSection(values={"a": 1})))
    assert encode(update) == b'{"state":{"reported":{"v":1,"values":{"a":1}}}}'


def test_a_rejection_is_taken_out_by_null():
    section = ShadowSection(rejected={"relay": None, "valve": "no such actuator"})
    raw = encode(ShadowUpdate(state=ShadowState(reported=section)))
    assert b'"rejected":{"relay":null,"valve":"no such actuator"}' in raw
