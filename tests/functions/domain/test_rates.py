"""A token bucket as one number, against a bucket that is simulated token by token."""

from hypothesis import given
from hypothesis import strategies as st

from functions.domain.rates import Limit, Taken, take

NOW = 1_764_000_000_000_000


def test_a_bucket_gives_its_burst_and_then_its_rate():
    limit = Limit(per_second=10, burst=3)
    full_at, taken = 0, []
    for at in (0, 0, 0, 0, 99_999, 100_000, 100_000):
        one, full_at = take(full_at, NOW + at, 1, limit)
        taken.append(one.tokens)
    assert taken == [1, 1, 1, 0, 0, 1, 0]


def test_a_refusal_says_when_the_next_token_is_there():
    limit = Limit(per_second=10, burst=1)
    _, full_at = take(0, NOW, 1, limit)
    refused, same = take(full_at, NOW + 30_000, 1, limit)
    assert refused == Taken(0, 70_000)
    assert same == full_at
    assert take(full_at, NOW + 30_000 + refused.wait_us, 1, limit)[0] == Taken(1)


def test_fewer_tokens_than_wanted_are_better_than_none():
    assert take(0, NOW, 9, Limit(per_second=1, burst=4))[0] == Taken(4)


@given(
    st.integers(1, 50),
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 2_000_000), st.integers(1, 8)), max_size=40),
)
def test_it_gives_what_a_bucket_filled_drop_by_drop_gives(rate, burst, asked):
    limit = Limit(rate, burst)
    now, full_at = NOW, 0
    drops, filled_until = burst, NOW  # whole tokens, and up to when they were counted
    for wait, wanted in asked:
        now += wait
        if drops < burst:
            new = (now - filled_until) // limit.interval_us
            drops, filled_until = min(burst, drops + new), filled_until + new * limit.interval_us
        if drops == burst:
            filled_until = now
        taken, full_at = take(full_at, now, wanted, limit)
        assert taken.tokens == min(wanted, drops)
        drops -= taken.tokens
