"""Where rules and models are kept."""

from typing import Protocol

from functions.domain.audit import Note
from functions.domain.backtests import Backtest
from functions.domain.definitions import Definition, Definitions, VersionsPage


class Shelf(Protocol):
    """The rules, or the models. Every change moves the revision in the same transaction. Raises RulesError."""

    def find(self, id: str) -> Definition | None:  # noqa: A002 - its name everywhere
        """As it is now."""
        ...

    def newest(self, id: str) -> int:  # noqa: A002
        """The number of the newest version that there ever was, deletions included; 0 where there was none."""
        ...

    def save(self, before: Definition | None, after: Definition, note: Note) -> bool:
        """Make it `after` where it is `before` (None: where there is none), and keep that version.

        False, and nothing is changed, where it is something else by now. Raises ConflictError where there are as many
        as there may be.
        """
        ...

    def delete(self, known: Definition, note: Note) -> bool:
        """Its deletion is a version, at the time and by the author of the note.

        False, and nothing is changed, where it is something else by now.
        """
        ...

    def versions(self, id: str, limit: int, cursor: str | None) -> VersionsPage:  # noqa: A002
        """Newest first, also of what was deleted. Raises CursorError."""
        ...


class RuleReader(Protocol):
    def revision(self, *, consistent: bool = False) -> int:
        """Another number after each change of a rule or model. Raises RulesError."""
        ...

    def everything(self) -> Definitions:
        """All of them, no older than any revision that was read before. Raises RulesError."""
        ...


class RuleStore(RuleReader, Protocol):
    @property
    def rules(self) -> Shelf: ...

    @property
    def models(self) -> Shelf: ...


class BacktestStore(Protocol):
    """Jobs, which are forgotten after a week. Raises RulesError."""

    def create(self, backtest: Backtest) -> None: ...

    def read(self, id: str) -> Backtest | None:  # noqa: A002
        """As it is now."""
        ...

    def save(self, backtest: Backtest) -> Backtest | None:
        """Write it if its version is still what was read: the job as it then is, else None."""
        ...
