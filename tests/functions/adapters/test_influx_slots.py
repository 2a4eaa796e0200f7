"""Each version of a point has a nanosecond of its own in its millisecond."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.adapters.influx_slots import MS, PLAIN_LAG_MS, lag_of, noted_slot, plain_slot

lags = st.integers(0, PLAIN_LAG_MS - 1)


@given(lags)
def test_a_slot_tells_the_lag(lag):
    assert lag_of(plain_slot(lag)) == lag


def test_the_plain_slots_are_as_many_as_the_lags():
    assert {plain_slot(lag) for lag in range(PLAIN_LAG_MS)} == set(range(PLAIN_LAG_MS))


@pytest.mark.parametrize(("below", "zeros"), [(900, 1000), (9_000, 100), (90_000, 10)])
def test_the_shorter_a_lag_the_more_zeros_has_its_slot(below, zeros):
    assert all(plain_slot(lag) % zeros == 0 for lag in range(below))


@given(lags, st.integers(0, 253_402_300_799_999))
def test_a_noted_slot_is_no_plain_one_and_leaves_the_last_nanosecond_free(lag, received_at):
    assert plain_slot(lag) < PLAIN_LAG_MS <= noted_slot(received_at) < MS - 1


def test_versions_received_within_99_s_have_different_noted_slots():
    received_at = 1_764_000_000_000
    assert len({noted_slot(received_at + later) for later in range(99_991)}) == 99_991


def test_a_lag_that_has_no_plain_slot_is_refused():
    with pytest.raises(ValueError, match="lag: expected less than 900000 ms, got 900000"):
        plain_slot(PLAIN_LAG_MS)
