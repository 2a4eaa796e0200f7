"""Alarms: where they are kept, and the queues of the work on them."""

from collections.abc import Sequence
from typing import Protocol

from functions.domain.alarm_work import ActionsWork, AlarmsWork, Backtest
from functions.domain.alarms import Alarm, AlarmFilter, AlarmPage, AlarmTally, Step, StepPage
from functions.domain.audit import Note
from functions.domain.outbox import OutboxEntry, OutboxPage, TimersPage


class AlarmStore(Protocol):
    """Alarms as people see them; the engine's transitions come by `StateStore.save`. Raises AlarmsError."""

    def read(self, thing: str, number: int) -> Alarm | None:
        """As it stands now, active or cleared."""
        ...

    def active(self, thing: str) -> list[Alarm]:
        """The device's active ones as they stand now, newest first."""
        ...

    def cleared(self, thing: str, limit: int, before: int | None) -> list[Alarm]:
        """The device's cleared ones with numbers below `before`, newest first."""
        ...

    def page(self, wanted: AlarmFilter, limit: int, cursor: str | None) -> AlarmPage:
        """Costs the same however many there are, and may be some moments old. Raises CursorError.

        A page may be short, even empty, and have a cursor: what it reads is bounded.
        """
        ...

    def tally(self, wanted: AlarmFilter, most: int) -> AlarmTally:
        """Counts active alarms, the worst first and `most` of them; may be some moments old."""
        ...

    def history(self, thing: str, number: int, limit: int, before: int | None) -> StepPage: ...

    def save(self, was: Alarm, becomes: Alarm, step: Step, notes: Sequence[Note] = ()) -> bool:
        """What a person did, with its history and audit; False, and nothing is changed, where it is not as it `was`.

        `becomes` is active if it `was`: only `StateStore.save` clears.
        """
        ...

    def move(self, thing: str, group: str, now: int) -> list[Alarm]:
        """See to it that the device's active alarms are on the lists of this group; those that were on others."""
        ...


class TimerIndex(Protocol):
    """When devices are to be looked at without a message. Raises AlarmsError."""

    def due(self, shard: str, until: int, after: str | None, limit: int) -> TimersPage:
        """Those due by `until`, the longest due first; may be some moments old."""
        ...

    def shards(self) -> Sequence[str]:
        """Those that `due` is spread over."""
        ...


class Outbox(Protocol):
    """Transitions that are still to be acted on; whoever plans deletes the entry in the transaction of his plan."""

    def read(self, thing: str, number: int, step: int) -> OutboxEntry | None:
        """As it is now. Raises AlarmsError."""
        ...

    def due(self, shard: str, until: int, after: str | None, limit: int) -> OutboxPage:
        """Those that nobody has acted on in time, the longest due first; may be some moments old."""
        ...

    def shards(self) -> Sequence[str]:
        """Those that `due` is spread over."""
        ...


class AlarmsQueue(Protocol):
    """Messages to the alarms function. Raises AlarmsError when any of them was not sent."""

    def put(self, *work: AlarmsWork, delay_s: int = 0) -> None: ...


class ActionsQueue(Protocol):
    """Messages to the actions function. Raises AlarmsError when any of them was not sent."""

    def put(self, *work: ActionsWork, delay_s: int = 0) -> None: ...


class BacktestsQueue(Protocol):
    """Messages to the backtests function. Raises AlarmsError when any of them was not sent."""

    def put(self, *work: Backtest, delay_s: int = 0) -> None: ...
