"""The functions alarms, actions and backtests as Lambda calls them."""

import json
from collections import Counter
from types import SimpleNamespace

import pytest

from functions.domain import alarm_work
from functions.domain.alarm_work import Backtest, Deliver, Tick, Wake
from functions.domain.backtests import Stage
from functions.errors import StateError
from functions.handlers import actions, alarms, backtests

CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r", log_group_name="g"
)


def batch(*bodies):
    return {"Records": [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]}


def failed(*identifiers):
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


def counted(capsys):
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    (metrics,) = (line for line in printed if "_aws" in line)
    return {name: value for name, value in metrics.items() if isinstance(value, list)}


@pytest.mark.parametrize(
    ("function", "decode", "good", "bad"),
    [
        (alarms, alarm_work.decode_alarms, Tick(), Wake(thing="pump-1")),
        (actions, alarm_work.decode_actions, Tick(), Deliver(id="d")),
    ],
)
def test_work_that_fails_comes_back_alone_and_what_was_done_is_counted(
    monkeypatch, capsys, function, decode, good, bad
):
    def take(body):
        if decode(body) == bad:
            raise StateError("throttled")
        return Counter(due=2)

    monkeypatch.setattr(function, "_work", lambda: SimpleNamespace(take=take))
    bodies = [alarm_work.encode(good), alarm_work.encode(bad), "nonsense", alarm_work.encode(good)]
    assert function.handler(batch(*bodies), CONTEXT) == failed("1", "2")
    assert counted(capsys) == {"due": [4.0], "failed": [2.0]}


@pytest.mark.parametrize("function", [alarms, actions])
def test_a_batch_without_failures_counts_none(monkeypatch, capsys, function):
    monkeypatch.setattr(function, "_work", lambda: SimpleNamespace(take=lambda _: Counter()))
    assert function.handler(batch(alarm_work.encode(Tick())), CONTEXT) == failed()
    assert counted(capsys) == {"failed": [0.0]}


def test_a_backtest_is_run_by_its_id_and_one_that_is_gone_is_no_failure(monkeypatch, capsys):
    stages = {"done": Stage.DONE, "bad": Stage.FAILED, "gone": None}
    monkeypatch.setattr(backtests, "_run", lambda: SimpleNamespace(run=stages.__getitem__))
    bodies = [alarm_work.encode(Backtest(id=one)) for one in stages]
    assert backtests.handler(batch(*bodies, "nonsense"), CONTEXT) == failed("3")
    # That a rule could not be run is no failure of the function.
    assert counted(capsys) == {"backtests_done": [1.0], "backtests_failed": [1.0], "failed": [1.0]}
