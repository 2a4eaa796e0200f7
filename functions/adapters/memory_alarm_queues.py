"""The queues of the functions `alarms`, `actions` and `backtests` in memory: they take note of what is put."""

from functions.domain.alarm_work import ActionsWork, AlarmsWork, Backtest
from functions.errors import AlarmsError


class MemoryAlarmsQueue:
    """`work` has each message with its delay. Refuses everything while it `fails`."""

    def __init__(self) -> None:
        self.work: list[tuple[AlarmsWork, int]] = []
        self.fails = False

    def put(self, *work: AlarmsWork, delay_s: int = 0) -> None:
        if self.fails:
            raise AlarmsError("sending work to the alarms function: refused")
        self.work += [(one, delay_s) for one in work]


class MemoryActionsQueue:
    """`work` has each message with its delay. Refuses everything while it `fails`."""

    def __init__(self) -> None:
        self.work: list[tuple[ActionsWork, int]] = []
        self.fails = False

    def put(self, *work: ActionsWork, delay_s: int = 0) -> None:
        if self.fails:
            raise AlarmsError("sending work to the actions function: refused")
        self.work += [(one, delay_s) for one in work]


class MemoryBacktestsQueue:
    """`work` has each message with its delay. Refuses everything while it `fails`."""

    def __init__(self) -> None:
        self.work: list[tuple[Backtest, int]] = []
        self.fails = False

    def put(self, *work: Backtest, delay_s: int = 0) -> None:
        if self.fails:
            raise AlarmsError("sending work to the backtests function: refused")
        self.work += [(one, delay_s) for one in work]
