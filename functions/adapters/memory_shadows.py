"""Wishes and shadows in memory: a shadow merges and counts its versions as AWS IoT's does."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from functions.adapters.memory_audit import MemoryJournal
from functions.domain.audit import Note
from functions.domain.cursors import seal, unseal
from functions.domain.fences import Fence, Passed
from functions.domain.shadows import Shadow, ShadowName, Wish, WishPage


class MemoryShadows:
    def __init__(self) -> None:
        self.shadows: dict[tuple[str, ShadowName], Shadow] = {}

    def read(self, thing: str, name: ShadowName) -> Shadow | None:
        return self.shadows.get((thing, name))

    def update(self, thing: str, name: ShadowName, patch: Mapping[str, Any], version: int) -> Shadow | None:
        before = self.shadows.get((thing, name), Shadow(version=0))
        if version and before.version != version:
            return None
        after = msgspec.structs.replace(before, version=before.version + 1, desired=merged(before.desired, patch))
        self.shadows[thing, name] = after
        return after

    def report(self, thing: str, name: ShadowName, values: Mapping[str, Any], at: int) -> None:
        """What a device would do."""
        before = self.shadows.get((thing, name), Shadow(version=0))
        self.shadows[thing, name] = msgspec.structs.replace(
            before, version=before.version + 1, reported=merged(before.reported, values), reported_at=at
        )


class MemoryWishes:
    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self.fences: dict[tuple[str, str], str] = {}
        self._wishes: dict[tuple[str, ShadowName], list[Wish]] = {}

    def current(self, thing: str, name: ShadowName) -> Wish | None:
        kept = self._wishes.get((thing, name))
        return kept[-1] if kept else None

    def save(self, thing: str, name: ShadowName, wish: Wish, note: Note, fences: Sequence[Fence] = ()) -> bool | Passed:
        kept = self._wishes.setdefault((thing, name), [])
        if wish.version != len(kept) + 1:
            return False
        for fence in fences:
            if (passed := self.fences.get((thing, fence.name), "")) >= fence.order:
                return Passed(fence.name, passed)
        self.fences |= {(thing, fence.name): fence.order for fence in fences}
        kept.append(wish)
        self._journal.append(note)
        return True

    def mark_sent(self, thing: str, name: ShadowName, version: int) -> None:
        kept = self._wishes.get((thing, name), [])
        if kept and kept[-1].version == version:
            kept[-1] = msgspec.structs.replace(kept[-1], sent=True)

    def page(self, thing: str, name: ShadowName, limit: int, cursor: str | None) -> WishPage:
        question = ("wishes", thing, name)
        kept = self._wishes.get((thing, name), [])[::-1]
        if cursor is not None:
            (after,) = unseal(cursor, question, (int,))
            kept = [wish for wish in kept if wish.version < int(after)]
        page = kept[:limit]
        return WishPage(tuple(page), seal(question, (page[-1].version,)) if len(kept) > limit else None)


def merged(held: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """As AWS IoT merges: objects member by member, null takes out, anything else replaces."""
    after = dict(held)
    for key, value in patch.items():
        if value is None:
            after.pop(key, None)
        elif isinstance(value, dict):
            inner = held.get(key)
            after[key] = merged(inner if isinstance(inner, dict) else {}, value)
        else:
            after[key] = value
    return after
