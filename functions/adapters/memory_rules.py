"""Rules and models in memory, as the core table keeps them."""

from collections.abc import Callable

import msgspec

from functions.adapters.memory_audit import MemoryJournal
from functions.domain.audit import Note
from functions.domain.backtests import Backtest
from functions.domain.cursors import seal, unseal
from functions.domain.definitions import MAX_MODELS, MAX_RULES, Definition, Definitions, Version, VersionsPage
from functions.errors import ConflictError


class MemoryShelf:
    def __init__(self, kind: str, most: int, journal: MemoryJournal, changed: Callable[[], None]) -> None:
        self.kept: dict[str, Definition] = {}
        self.history: dict[str, list[Version]] = {}
        self._kind = kind
        self._most = most
        self._journal = journal
        self._changed = changed

    def find(self, id: str) -> Definition | None:  # noqa: A002
        return self.kept.get(id)

    def newest(self, id: str) -> int:  # noqa: A002
        return self.history[id][-1].version if id in self.history else 0

    def save(self, before: Definition | None, after: Definition, note: Note) -> bool:
        if self.kept.get(after.id) != before or self.newest(after.id) >= after.version:
            return False
        if before is None and len(self.kept) >= self._most:
            raise ConflictError(f"there are {self._most} {self._kind}s, and no more may be kept")
        self.kept[after.id] = after
        self._keep(
            Version(
                id=after.id,
                version=after.version,
                at=after.updated_at,
                by=after.by,
                text=after.text,
                origin=after.origin,
            ),
            note,
        )
        return True

    def delete(self, known: Definition, note: Note) -> bool:
        if self.kept.get(known.id) != known:
            return False
        del self.kept[known.id]
        by = note.actor.principal.by
        self._keep(Version(id=known.id, version=known.version + 1, at=note.at, by=by, text=None), note)
        return True

    def versions(self, id: str, limit: int, cursor: str | None) -> VersionsPage:  # noqa: A002
        question = ("versions", self._kind, id)
        found = list(reversed(self.history.get(id, [])))
        if cursor is not None:
            before = int(unseal(cursor, question, (int,))[0])
            found = [one for one in found if one.version < before]
        page = found[:limit]
        return VersionsPage(tuple(page), seal(question, (page[-1].version,)) if len(found) > limit else None)

    def _keep(self, version: Version, note: Note) -> None:
        self.history.setdefault(version.id, []).append(version)
        self._journal.append(note)
        self._changed()


class MemoryRules:
    """`reads` counts how often everything was read."""

    def __init__(
        self, journal: MemoryJournal | None = None, *, max_rules: int = MAX_RULES, max_models: int = MAX_MODELS
    ) -> None:
        journal = journal or MemoryJournal()
        self.rules = MemoryShelf("rule", max_rules, journal, self._moved)
        self.models = MemoryShelf("model", max_models, journal, self._moved)
        self.reads = 0
        self._revision = 0

    def revision(self, *, consistent: bool = False) -> int:  # noqa: ARG002 - here it always is
        return self._revision

    def everything(self) -> Definitions:
        self.reads += 1
        return Definitions(tuple(self.rules.kept.values()), tuple(self.models.kept.values()))

    def _moved(self) -> None:
        self._revision += 1


class MemoryBacktests:
    def __init__(self) -> None:
        self.kept: dict[str, Backtest] = {}

    def create(self, backtest: Backtest) -> None:
        self.kept[backtest.id] = msgspec.structs.replace(backtest, version=1)

    def read(self, id: str) -> Backtest | None:  # noqa: A002
        return self.kept.get(id)

    def save(self, backtest: Backtest) -> Backtest | None:
        known = self.kept.get(backtest.id)
        if known is None or known.version != backtest.version:
            return None
        saved = self.kept[backtest.id] = msgspec.structs.replace(backtest, version=backtest.version + 1)
        return saved
