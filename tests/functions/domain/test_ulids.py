import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.identity import parse_command_id
from functions.domain import ulids

TIMES = st.integers(0, 2**48 - 2)
CHANCE = st.binary(min_size=10, max_size=10)


@given(TIMES, CHANCE, TIMES, CHANCE)
def test_they_sort_by_time_and_are_command_ids(one, chance, other, more_chance):
    first, second = ulids.new(one, chance), ulids.new(other, more_chance)
    assert parse_command_id(first) == first
    assert ulids.time_of(first) == one
    if one < other:
        assert first < second


@given(TIMES, CHANCE, TIMES, CHANCE)
def test_one_made_after_another_is_greater_whatever_the_clock_says(one, chance, other, more_chance):
    first = ulids.new(one, chance)
    assert ulids.new(other, more_chance, after=first) > first


@pytest.mark.parametrize(
    "text", ["", "01KAV9FT00000000000000000", "81KAV9FT000000000000000000", "01KAV9FT00000000000000000U"]
)
def test_what_is_no_ulid_is_told(text):
    with pytest.raises(ValueError, match=r"expected a ULID|substring not found"):
        ulids.time_of(text)
