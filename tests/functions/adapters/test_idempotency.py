"""The memory of requests in memory and in DynamoDB: one suite."""

import pytest

from functions.adapters.dynamodb_idempotency import DynamoDBRequestMemory
from functions.adapters.memory_idempotency import MemoryRequestMemory
from functions.domain.idempotency import (
    KEPT_MS,
    LEASE_MS,
    Begun,
    KeptAnswer,
    KeyedRequest,
    Standing,
    digest_of,
)
from tests.functions.conftest import NOW

ASKED = KeyedRequest("user:1", "key#1", digest_of(b"POST", b"/devices", b"{}"))
OTHER = KeyedRequest("user:1", "key#1", digest_of(b"POST", b"/devices", b"[]"))
ANSWER = KeptAnswer(201, {"Content-Type": "application/json"}, '{"id": "é"}')


@pytest.fixture(params=["memory", "dynamodb"])
def memory(request):
    if request.param == "memory":
        return MemoryRequestMemory()
    return DynamoDBRequestMemory(request.getfixturevalue("dynamodb"), "core")


def test_an_answer_is_kept_for_a_day_and_no_longer(memory):
    assert memory.begin(ASKED, "a", NOW) == Begun(Standing.MINE)
    memory.finish(ASKED, "a", ANSWER, NOW)
    assert memory.begin(ASKED, "b", NOW + KEPT_MS - 1) == Begun(Standing.ANSWERED, ANSWER)
    assert memory.begin(OTHER, "b", NOW + 1) == Begun(Standing.OTHER_REQUEST)
    assert memory.begin(OTHER, "b", NOW + KEPT_MS) == Begun(Standing.MINE)


def test_only_one_of_two_attempts_runs_and_a_dead_one_is_followed_by_the_same_request_alone(memory):
    memory.begin(ASKED, "a", NOW)
    assert memory.begin(ASKED, "b", NOW + 1) == Begun(Standing.RUNNING, wait_ms=LEASE_MS - 1)
    assert memory.begin(OTHER, "b", NOW + LEASE_MS) == Begun(Standing.OTHER_REQUEST)
    assert memory.begin(ASKED, "b", NOW + LEASE_MS) == Begun(Standing.MINE)
    memory.finish(ASKED, "a", ANSWER, NOW + LEASE_MS)  # it was not dead, only late: the claim is another's now
    assert memory.begin(ASKED, "c", NOW + LEASE_MS + 1).standing == Standing.RUNNING
    memory.finish(ASKED, "b", None, NOW + LEASE_MS + 2)
    assert memory.begin(ASKED, "c", NOW + LEASE_MS + 3) == Begun(Standing.WITHHELD)


def test_a_claim_that_is_given_back_is_free(memory):
    memory.begin(ASKED, "a", NOW)
    memory.abandon(ASKED, "b")
    assert memory.begin(OTHER, "c", NOW).standing == Standing.OTHER_REQUEST
    memory.abandon(ASKED, "a")
    assert memory.begin(OTHER, "c", NOW).standing == Standing.MINE
    memory.abandon(ASKED, "a")
    assert memory.begin(OTHER, "d", NOW).standing == Standing.RUNNING


def test_a_claim_whose_answer_was_lost_on_the_way_is_its_owners(memory):
    memory.begin(ASKED, "a", NOW)
    assert memory.begin(ASKED, "a", NOW + 5) == Begun(Standing.MINE)


def test_keys_are_each_principals_own(memory):
    memory.begin(ASKED, "a", NOW)
    other = KeyedRequest("user:2", ASKED.key, OTHER.digest)
    assert memory.begin(other, "b", NOW) == Begun(Standing.MINE)


def test_parts_of_a_request_do_not_run_into_each_other():
    assert digest_of(b"ab", b"c") != digest_of(b"a", b"bc")
