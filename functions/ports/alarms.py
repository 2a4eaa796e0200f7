"""Alarms: where they are kept, and the queues of the work on them."""

from typing import Protocol

from functions.domain.alarm_work import ActionsWork, AlarmsWork, Backtest


class AlarmsQueue(Protocol):
    """Messages to the alarms function. Raises AlarmsError when any of them was not sent."""

    def put(self, *work: AlarmsWork, delay_s: int = 0) -> None: ...


class ActionsQueue(Protocol):
    """Messages to the actions function. Raises AlarmsError when any of them was not sent."""

    def put(self, *work: ActionsWork, delay_s: int = 0) -> None: ...


class BacktestsQueue(Protocol):
    """Messages to the backtests function. Raises AlarmsError when any of them was not sent."""

    def put(self, *work: Backtest, delay_s: int = 0) -> None: ...
