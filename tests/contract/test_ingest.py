import base64
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import ingest, topics
from contract.errors import DocumentError
from contract.identity import THING_PATTERN
from contract.ingest import IngestMessage, LakeLine, ResponseMessage
from contract.telemetry import MAX_MESSAGE_BYTES, MAX_TIMESTAMP_MS

parts = st.fixed_dictionaries(
    {
        "data": st.binary(max_size=300),
        "thing": st.from_regex(THING_PATTERN, fullmatch=True),
        "received_at": st.integers(0, MAX_TIMESTAMP_MS),
    }
)


@settings(deadline=None)
@given(parts)
def test_a_queue_message_comes_back_as_it_was(fields):
    message = IngestMessage(**fields)
    assert ingest.decode(ingest.encode(message)) == message


@settings(deadline=None)
@given(parts, st.text(max_size=80))
def test_an_answer_to_a_command_comes_back_as_it_was_whatever_its_topic_says(fields, id):  # noqa: A002 - its name
    message = ResponseMessage(**fields, id=id)
    assert ingest.decode_response(ingest.encode_response(message)) == message


def test_an_answer_without_the_topic_s_command_is_none():
    with pytest.raises(DocumentError, match="`id` must be present"):
        ingest.decode_response('{"data":"","thing":"a","received_at":1}')


@settings(deadline=None)
@given(parts)
def test_a_line_of_the_lake_comes_back_as_it_was_and_is_one_line(fields):
    line = LakeLine(**fields)
    assert ingest.encode_line(line).count(b"\n") == 1
    assert ingest.decode_line(ingest.encode_line(line)) == line


def test_the_rules_output_is_read_as_aws_writes_it():
    raw = b'\x00\xffnot JSON {"'
    body = f'{{"data":"{base64.b64encode(raw).decode()}","thing":"pump-7","received_at":1764000000000}}'
    assert ingest.decode(body) == IngestMessage(data=raw, thing="pump-7", received_at=1764000000000)


def test_a_replay_names_an_entry_and_only_the_platform_can_ask_for_one():
    message = IngestMessage(data=b"", thing="pump-7", received_at=1, replay="1764000000000-5f")
    assert ingest.decode(ingest.encode(message)) == message
    plain = IngestMessage(data=b'{"replay":"1764000000000-5f"}', thing="pump-7", received_at=1)
    assert b"replay" not in ingest.encode(plain)
    assert not ingest.decode(ingest.encode(plain)).replay
    assert "replay" not in topics.TELEMETRY_RULE_SQL
    with pytest.raises(DocumentError, match="`replay`"):
        ingest.decode('{"data":"","thing":"pump-7","received_at":1,"replay":7}')


def test_an_empty_payload_is_a_payload():
    assert ingest.decode('{"data":"","thing":"pump-7","received_at":1}').data == b""


def test_a_payload_beyond_the_brokers_limit_still_arrives():
    message = IngestMessage(data=b"x" * (MAX_MESSAGE_BYTES + 1), thing="pump-7", received_at=1)
    assert ingest.decode(ingest.encode(message)) == message


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{}", "`data` must be present, got nothing"),
        ('{"data":"!","thing":"a","received_at":1}', "`data` must be base64, got '!'"),
        ('{"data":"","thing":"Pump 7","received_at":1}', "`thing` must be 1 to 63"),
        ('{"data":"","thing":"a","received_at":-1}', "`received_at` must be"),
        ('{"data":"","thing":"a","received_at":1e30}', "`received_at` must be an integer"),
        ('{"data":"","thing":"a","received_at":1,"v":2}', "`v` must be 1, got 2"),
        ("not JSON", "it must be one JSON document"),
        ("[" * 100_000, "it must be nested at most 16 deep"),
        (b'"\xff"', "it must be UTF-8"),
        ("\ud800", "it must be UTF-8"),
    ],
    ids=range(10),
)
def test_a_body_that_is_not_our_wrapper_is_refused(body, text):
    with pytest.raises(DocumentError) as caught:
        ingest.decode(body)
    assert text in str(caught.value)


@settings(deadline=None)
@given(st.binary(max_size=100) | st.text(max_size=100))
def test_no_body_raises_anything_but_the_contracts_error(body):
    with suppress(DocumentError):
        ingest.decode(body)


USUAL = '{"data":"AAA=","thing":"pump-7","received_at":17}'


@pytest.mark.parametrize(
    "body",
    [
        USUAL,
        USUAL.encode(),
        USUAL.replace(":", " : "),
        USUAL.replace("}", ',"v":1}'),
        USUAL.replace("}", ',"v":1,"v":1}'),
        USUAL.replace("}", ',"x":1}'),
        USUAL.replace("}", ',"thing":"pump-8"}'),
        USUAL.replace('"data"', '"d\\u0061ta"'),
        USUAL.replace("AAA=", "AAA"),
        USUAL.replace("AAA=", "A=AA"),
        USUAL.replace("AAA=", "\\u0041AA="),
        USUAL.replace("pump-7", "pump:7"),
        USUAL.replace("pump-7", "pump-7\\n"),
        USUAL.replace("17", "17.0"),
        USUAL.replace("17", "true"),
        USUAL.replace("17", '"17"'),
        USUAL.replace("17", "9" * 30),
        USUAL.replace("}", ',"replay":"a"}'),
        USUAL.replace("}", ',"v":2}'),
        USUAL + " ",
        USUAL + "x",
    ],
    ids=range(21),
)
def test_what_is_read_at_a_glance_is_what_the_careful_reader_gives(body):
    def read(reader):
        try:
            return reader(body)
        except DocumentError as error:
            return str(error)

    assert read(ingest.decode) == read(lambda body: ingest._decode(body, IngestMessage))
    assert ingest._at_a_glance(body) in (None, read(ingest.decode))
