import pytest

from functions.domain.lake import hour_prefix, is_delivered, span
from infra.lake import RAW_PREFIX

T0 = 1_764_000_000_000  # 2025-11-24T16:00:00Z
MINUTE = 60_000


def test_objects_lie_where_the_delivery_stream_puts_them():
    assert hour_prefix(T0) == f"{RAW_PREFIX}day=2025-11-24/hour=16/"
    assert is_delivered(f"{RAW_PREFIX}day=2025-11-24/hour=16/stream-1-2025-11-24-16-00-00-uuid.jsonl.gz")


@pytest.mark.parametrize("key", ["raw/", "raw/notes.txt", "raw/day=2025-11-24/", "errors/x", "raw/day=x/hour=1/y"])
def test_what_else_lies_in_the_bucket_is_none_of_ours(key):
    assert not is_delivered(key)


def test_an_object_that_began_a_buffer_earlier_may_hold_the_first_messages():
    assert span(T0 + 14 * MINUTE, T0 + 20 * MINUTE)[0] == hour_prefix(T0 - MINUTE)
    assert span(T0 + 15 * MINUTE, T0 + 20 * MINUTE)[0] == hour_prefix(T0)
    assert span(0, 1)[0] == "raw/day=1970-01-01/hour=00/"


def test_the_hour_of_the_end_belongs_to_it_and_a_whole_hour_ends_before_the_next():
    assert span(T0, T0 + 1)[1] == hour_prefix(T0 + 60 * MINUTE)
    assert span(T0, T0 + 60 * MINUTE)[1] == hour_prefix(T0 + 60 * MINUTE)
    assert span(T0, T0 + 60 * MINUTE + 1)[1] == hour_prefix(T0 + 120 * MINUTE)


def test_the_latest_time_of_all_has_an_end():
    assert span(0, 253_402_300_799_999)[1] == "raw/day=9999-12-31/hour=23/"
