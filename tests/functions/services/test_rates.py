"""Who may come in: bursts, refusals, chunks of a busy principal, and buckets that do not answer."""

import pytest

from functions.adapters.memory_rates import MemoryRateBuckets
from functions.domain.rates import Limit
from functions.errors import RateLimitError, RatesError
from functions.services import rates as module
from functions.services.rates import LEASE_MS, LEFT_ALONE_MS, Rates

LIMIT = Limit(per_second=10, burst=40)


class Broken:
    def __init__(self):
        self.asked = 0

    def take(self, principal, wanted, limit, now_ms):
        self.asked += 1
        raise RatesError("no answer")


def admitted(rates, principal, times):
    count = 0
    for _ in range(times):
        try:
            rates.admit(principal)
        except RateLimitError:
            return count
        count += 1
    return count


@pytest.fixture
def buckets():
    return MemoryRateBuckets()


@pytest.fixture
def rates(buckets, clock):
    return Rates(buckets, LIMIT, clock, pytest.fail)


def test_a_burst_is_let_in_and_what_is_beyond_is_told_when_to_come_again(rates, clock):
    assert admitted(rates, "user:1", 100) == 40
    with pytest.raises(RateLimitError, match=r"10 requests a second, and 40 at once .* again in 1 s") as refused:
        rates.admit("user:1")
    assert refused.value.retry_after == 1
    clock.now += 100
    rates.admit("user:1")


def test_one_principal_does_not_use_up_what_is_anothers(rates):
    admitted(rates, "user:1", 100)
    assert admitted(rates, "user:2", 100) == 40


def test_a_busy_principal_costs_far_fewer_writes_than_requests(rates, buckets):
    assert admitted(rates, "user:1", 40) == 40
    assert buckets.asked <= 12
    rates.admit("user:2")
    assert buckets.asked <= 13


def test_whoever_is_refused_is_not_asked_for_again_until_there_is_a_token(rates, buckets, clock):
    admitted(rates, "user:1", 100)
    asked = buckets.asked
    assert admitted(rates, "user:1", 50) == 0
    assert buckets.asked == asked
    clock.now += 1_000
    assert admitted(rates, "user:1", 50) == 10


def test_two_processes_share_a_bucket(buckets, clock):
    one, other = (Rates(buckets, LIMIT, clock, pytest.fail) for _ in range(2))
    total = 0
    for _ in range(60):
        total += admitted(one, "user:1", 1) + admitted(other, "user:1", 1)
    assert total == 40


def test_tokens_that_were_not_used_in_time_are_not_used_later(rates, clock):
    admitted(rates, "user:1", 5)
    clock.now += LEASE_MS + 60_000
    assert admitted(rates, "user:1", 100) == 40


def test_everybody_is_let_in_where_the_buckets_do_not_answer_and_they_are_left_alone_for_a_while(clock):
    told, broken = [], Broken()
    rates = Rates(broken, LIMIT, clock, told.append)
    assert admitted(rates, "user:1", 100) == 100
    assert (broken.asked, len(told)) == (1, 1)
    clock.now += LEFT_ALONE_MS
    rates.admit("user:2")
    assert broken.asked == 2


def test_what_is_remembered_is_bounded(rates, monkeypatch):
    monkeypatch.setattr(module, "MAX_PRINCIPALS", 3)
    for at in range(10):
        rates.admit(f"user:{at}")
    assert len(rates._held) == 3
