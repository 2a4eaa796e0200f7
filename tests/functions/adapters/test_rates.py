"""Token buckets in memory and in DynamoDB: one suite."""

import pytest

from functions.adapters.dynamodb_rates import DynamoDBRateBuckets
from functions.adapters.memory_rates import MemoryRateBuckets
from functions.domain.rates import Limit
from tests.functions.conftest import NOW

LIMIT = Limit(per_second=10, burst=5)


@pytest.fixture(params=["memory", "dynamodb"])
def buckets(request):
    if request.param == "memory":
        one = MemoryRateBuckets()
        return one, one
    client = request.getfixturevalue("dynamodb")
    return DynamoDBRateBuckets(client, "state"), DynamoDBRateBuckets(client, "state")


def test_processes_that_take_in_turn_get_the_burst_and_then_the_rate_together(buckets):
    one, other = buckets
    assert one.take("user:1", 2, LIMIT, NOW).tokens == 2
    assert other.take("user:1", 2, LIMIT, NOW).tokens == 2
    assert one.take("user:1", 2, LIMIT, NOW).tokens == 1
    refused = other.take("user:1", 1, LIMIT, NOW)
    assert (refused.tokens, refused.wait_us) == (0, 100_000)
    assert other.take("user:1", 5, LIMIT, NOW + 250).tokens == 2
    assert one.take("user:2", 9, LIMIT, NOW).tokens == 5


def test_a_bucket_is_full_again_after_a_pause_and_no_fuller(buckets):
    one, other = buckets
    one.take("user:1", 5, LIMIT, NOW)
    assert other.take("user:1", 9, LIMIT, NOW + 60_000).tokens == 5
    assert one.take("user:1", 1, LIMIT, NOW + 60_000).tokens == 0


def test_a_bucket_as_it_was_last_seen_takes_one_write(dynamodb):
    calls = []
    dynamodb.meta.events.register("before-call.dynamodb.UpdateItem", lambda **_: calls.append(1))
    buckets = DynamoDBRateBuckets(dynamodb, "state")
    for at in range(3):
        buckets.take("user:1", 1, LIMIT, NOW + at)
    buckets.take("user:1", 1, LIMIT, NOW + 60_000)
    assert len(calls) == 4
    assert DynamoDBRateBuckets(dynamodb, "state").take("user:1", 1, LIMIT, NOW + 60_001).tokens == 1
    assert len(calls) == 6
