import json
from types import SimpleNamespace

import pytest

from functions.domain import command_work
from functions.domain.command_work import Tick
from functions.handlers import commands
from tests.functions.services.command_world import CommandWorld

CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r", log_group_name="g"
)


@pytest.fixture
def world(clock, monkeypatch):
    world = CommandWorld(clock)
    world.device()
    monkeypatch.setattr(commands, "_work", lambda: world.work)
    return world


def batch(*bodies):
    return {"Records": [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]}


def test_a_record_that_nobody_can_read_fails_alone(world, capsys):
    world.connect()
    command = world.send()
    wakes = [json.dumps({"v": 1, "kind": kind, "thing": thing, "at": at}) for thing, kind, at in world.queue.wakes]
    answer = commands.handler(batch("nonsense", command_work.encode(Tick()), *wakes), CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert command.id in [request.id for _, request in world.broker.published]
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    counted = next(line for line in printed if "_aws" in line)
    assert (counted["published"], counted["failed"]) == ([1.0], [1.0])


def test_a_batch_without_failures_counts_none(world, capsys):
    assert commands.handler(batch(command_work.encode(Tick())), CONTEXT) == {"batchItemFailures": []}
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert next(line for line in printed if "_aws" in line)["failed"] == [0.0]
