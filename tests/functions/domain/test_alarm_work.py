"""What no function of ours sent is told apart from what one did."""

import pytest

from functions.domain import alarm_work
from functions.domain.alarm_work import Act, Tick, Wake
from functions.errors import QueueMessageError


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"v":1}', '{"v":1,"kind":"wake"}', '{"v":1,"kind":"act","thing":"a"}']
)
def test_what_is_no_work_is_an_error_that_names_the_function(body):
    with pytest.raises(QueueMessageError, match="alarms function"):
        alarm_work.decode_alarms(body)
    with pytest.raises(QueueMessageError, match="actions function"):
        alarm_work.decode_actions(body)
    with pytest.raises(QueueMessageError, match="backtests function"):
        alarm_work.decode_backtest(body)


@pytest.mark.parametrize(
    ("decode", "kind"),
    [
        (alarm_work.decode_alarms, "tick"),
        (alarm_work.decode_actions, "tick"),
        (alarm_work.decode_backtest, "backtest"),
    ],
)
def test_work_of_another_version_is_refused(decode, kind):
    with pytest.raises(QueueMessageError, match="expected work of version 1, got 2"):
        decode(f'{{"v":2,"kind":"{kind}","id":"b"}}')


def test_each_function_takes_only_its_own_work_and_the_tick_of_both():
    with pytest.raises(QueueMessageError):
        alarm_work.decode_actions(alarm_work.encode(Wake(thing="pump-7")))
    with pytest.raises(QueueMessageError):
        alarm_work.decode_alarms(alarm_work.encode(Act(thing="pump-7", number=1, step=0)))
    body = alarm_work.encode(Tick())
    assert alarm_work.decode_alarms(body) == alarm_work.decode_actions(body) == Tick()
