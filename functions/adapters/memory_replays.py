"""Replays of the quarantine in memory."""

import msgspec

from functions.adapters.memory import MemoryQuarantine
from functions.adapters.memory_audit import MemoryJournal
from functions.domain.audit import Note
from functions.domain.quarantine import Quarantined, Replay, digest_of, entry_id
from functions.domain.replays import Kept, Settlement

_Key = tuple[str, int, bytes]


class MemoryReplays:
    def __init__(self, quarantine: MemoryQuarantine, journal: MemoryJournal | None = None) -> None:
        self._quarantine = quarantine
        self._journal = journal or MemoryJournal()
        self._revisions: dict[_Key, int] = {}

    def read(self, thing: str, entry: str) -> Kept | None:
        key = self._key(thing, entry)
        known = self._quarantine.entry(thing, entry)
        if key is None or known is None:
            return None
        return Kept(thing, known, self._quarantine.entries[key].kept, self._revisions.get(key, 0))

    def begin(self, thing: str, entry: str, replay: Replay, note: Note) -> Quarantined | None:
        key = self._key(thing, entry)
        if key is None:
            return None
        self._quarantine.replays[key] = replay
        self._journal.append(note)
        return self._quarantine.entry(thing, entry)

    def settle(self, kept: Kept, settlement: Settlement) -> bool:
        key = self._key(kept.thing, kept.entry.id)
        if key is None or self._revisions.get(key, 0) != kept.revision:
            return False
        replay = kept.entry.replay or Replay(settlement.at, "", "")
        self._quarantine.replays[key] = msgspec.structs.replace(
            replay, outcome=settlement.outcome, settled_at=settlement.at, points=replay.points + settlement.points
        )
        known = self._quarantine.entries[key]
        self._quarantine.entries[key] = msgspec.structs.replace(
            known, kept=settlement.stored, faults=settlement.faults or known.faults
        )
        self._revisions[key] = kept.revision + 1
        return True

    def _key(self, thing: str, entry: str) -> _Key | None:
        keys = (key for key in self._quarantine.entries if key[0] == thing)
        return next((key for key in keys if entry_id(key[1], digest_of(key[2])) == entry), None)
