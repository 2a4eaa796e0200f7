"""What keeps backtests promises, over the fake and the real adapter."""

import pytest
from msgspec.structs import replace

from functions.adapters.dynamodb_backtests import DynamoDBBacktests
from functions.adapters.memory_rules import MemoryBacktests
from functions.domain.access import By
from functions.domain.backtests import KEEP_MS, Backtest, Episode, Finding, Found, Result, Stage
from functions.errors import RulesError
from tests.functions.registering import NOW

JOB = Backtest(
    id="b1",
    thing="cold-1",
    rule='{"rule": "r"}',
    begin=1,
    start=2,
    end=3,
    metrics=("t",),
    attributes={"@limit": 8.0, "@on": True},
    by=By("user:ann", "ann"),
    created_at=NOW,
)
FOUND = Finding((Found("raised", 2, "major", 2, 9.5, 9.5, 1),), {"raised": 1}, (Episode(2, None, "major"),), 1, 1)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request):
    if request.param == "memory":
        return MemoryBacktests()
    return DynamoDBBacktests(request.getfixturevalue("dynamodb"), "core")


def test_a_job_is_kept_as_it_is_and_saved_by_whoever_read_it_last(store):
    assert store.read("b1") is None
    store.create(JOB)
    job = store.read("b1")
    assert job == replace(JOB, version=1)
    running = store.save(replace(job, stage=Stage.RUNNING, attempts=1, started_at=NOW))
    assert running.version == 2
    assert store.save(replace(job, stage=Stage.FAILED)) is None
    done = store.save(replace(running, stage=Stage.DONE, ended_at=NOW + 1, result=Result(1, FOUND)))
    assert store.read("b1") == done
    assert done.result.tested.transitions[0].value == 9.5
    assert store.save(replace(JOB, id="b2", version=1)) is None, "one that is no more"


def test_a_job_is_forgotten_after_a_week(dynamodb):
    DynamoDBBacktests(dynamodb, "core").create(JOB)
    item = dynamodb.get_item(TableName="core", Key={"pk": {"S": "BACKTEST#b1"}, "sk": {"S": "META"}})["Item"]
    assert item["expires"] == {"N": str((NOW + KEEP_MS) // 1000)}


def test_failures_are_those_of_rules(dynamodb):
    store = DynamoDBBacktests(dynamodb, "elsewhere")
    for call in (lambda: store.read("b1"), lambda: store.create(JOB), lambda: store.save(JOB)):
        with pytest.raises(RulesError):
            call()
