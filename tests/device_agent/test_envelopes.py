import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import telemetry
from contract.errors import EnvelopeError
from contract.telemetry import MAX_MESSAGE_BYTES, Measurement
from device_agent.envelopes import AIM_BYTES, EnvelopeWriter, usable

SENT = 1_764_000_000_000


def measurements(count, values=None):
    return [Measurement(SENT + n, values or {"temperature": n + 0.123456789}) for n in range(count)]


def decoded(messages):
    return [telemetry.decode(message) for message in messages]


def test_a_few_readings_are_one_message():
    [envelope] = decoded(EnvelopeWriter("b1").write(measurements(3), SENT))

    assert (envelope.boot, envelope.seq, envelope.sent) == ("b1", 0, SENT)
    assert list(envelope.m) == measurements(3)


def test_nothing_to_say_is_no_message():
    assert EnvelopeWriter("b1").write([], SENT) == []


@given(st.integers(1, 2000))
def test_any_batch_is_split_below_the_aim_in_order_and_without_loss(count):
    messages = EnvelopeWriter("b1").write(measurements(count), SENT)

    assert all(len(message) <= AIM_BYTES for message in messages)
    envelopes = decoded(messages)
    assert [envelope.seq for envelope in envelopes] == list(range(len(messages)))
    assert [m for envelope in envelopes for m in envelope.m] == measurements(count)


def test_messages_are_filled_to_more_than_half_the_aim():
    messages = EnvelopeWriter("b1").write(measurements(1000), SENT)

    assert sum(map(len, messages)) / len(messages) > AIM_BYTES / 2


def test_a_single_reading_above_the_aim_goes_out_alone():
    big = Measurement(SENT, {f"text_{n}": "x" * 256 for n in range(50)})
    messages = EnvelopeWriter("b1").write([*measurements(2), big, *measurements(2)], SENT)

    assert max(map(len, messages)) > AIM_BYTES
    assert [m for envelope in decoded(messages) for m in envelope.m] == [*measurements(2), big, *measurements(2)]


def test_a_reading_that_no_message_can_carry_is_an_error():
    monster = Measurement(SENT, {f"text_{n}": "\x01" * 256 for n in range(100)})
    assert len(telemetry._encoder.encode(monster)) > MAX_MESSAGE_BYTES

    with pytest.raises(EnvelopeError):
        EnvelopeWriter("b1").write([*measurements(3), monster], SENT)


def test_numbers_are_used_up_only_when_confirmed():
    writer = EnvelopeWriter("b1")
    assert decoded(writer.write(measurements(1), SENT))[0].seq == 0
    assert decoded(writer.write(measurements(1), SENT))[0].seq == 0
    writer.confirm(1)
    assert decoded(writer.write(measurements(1), SENT))[0].seq == 1


def test_values_that_no_message_can_carry_are_left_out():
    values = {"a": 1.0, "b": math.nan, "c": math.inf, "d": True, "e": "x" * 257, "f": "x" * 256}

    assert usable(values) == {"a": 1.0, "d": True, "f": "x" * 256}
