"""Records are found where they are, and only whole ones are taken for whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.queue.messages import Priority
from device_agent.queue.records import (
    HEADER_BYTES,
    PAGE,
    DamagedRecordError,
    Tail,
    pack,
    pack_body,
    scan,
    start_after,
    unpack,
)

TAIL = Tail({"gps": "7"}, [[(0, 3)], [], [(5, 6)]], [1, 0, 2])


def record(messages, *, append=5, generation=3, tail=None, priority=Priority.LOG):
    return pack(
        pack_body(messages, tail),
        priority=priority,
        commits=tail is not None,
        generation=generation,
        append=append,
        first_id=append,
        count=len(messages),
    )


@given(st.lists(st.binary(max_size=50), max_size=20), st.none() | st.just(TAIL), st.sampled_from(Priority))
def test_a_record_is_read_as_it_was_written(messages, tail, priority):
    header, body = unpack(b"before" + record(messages, tail=tail, priority=priority) + b"after", 6)

    assert (body.messages, body.tail) == (messages, tail)
    assert (header.priority, header.commits, header.count) == (priority, tail is not None, len(messages))
    assert (header.append, header.first_id, header.last_id, header.generation) == (5, 5, 4 + len(messages), 3)


@given(st.data())
def test_any_flipped_bit_is_noticed(data):
    whole = record([b"one", b"two"], tail=TAIL)
    at = data.draw(st.integers(0, 8 * len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at // 8] ^= 1 << at % 8

    with pytest.raises(DamagedRecordError):
        unpack(bytes(flipped))


@given(st.integers(0, 200))
def test_a_record_that_is_cut_short_is_noticed(length):
    whole = record([b"one" * 30, b"two"])

    with pytest.raises(DamagedRecordError):
        unpack(whole[: min(length, len(whole) - 1)])


@given(st.lists(st.tuples(st.binary(max_size=30), st.lists(st.binary(max_size=9), max_size=3)), max_size=6))
def test_every_record_is_found_through_rubbish(parts):
    content, expected = b"", []
    for rubbish, messages in parts:
        content += rubbish.replace(b"F", b"f")
        expected.append((len(content), len(messages)))
        content += record(messages)

    assert [(found.offset, found.header.count) for found in scan(content)] == expected
    assert all(found.whole for found in scan(content))


def test_a_record_whose_body_is_damaged_still_says_what_is_lost_and_the_next_one_is_found():
    first, second = record([b"one", b"two"], append=10), record([b"three"], append=20)
    content = bytearray(first + second)
    content[HEADER_BYTES + 3] ^= 1

    lost, found = scan(bytes(content))
    assert (lost.whole, lost.header.count, lost.header.first_id) == (False, 2, 10)
    assert (found.whole, found.header.first_id) == (True, 20)


@given(st.integers(0, 3 * PAGE), st.integers(1, 2 * PAGE))
def test_a_record_begins_where_the_last_ended_unless_a_quarter_of_a_page_saves_a_page(end, length):
    start = start_after(end, length)
    pages = (start + length - 1) // PAGE - start // PAGE + 1

    assert 0 <= start - end <= PAGE // 4
    if start > end:
        assert start % PAGE == 0
        assert pages == -(-length // PAGE) < (end + length - 1) // PAGE - end // PAGE + 1
