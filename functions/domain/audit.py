"""What was changed, by whom: the notes that are kept with every change, and how they are asked for."""

import re
from hashlib import sha256
from typing import Any, Final

import msgspec

from contract.audit import AuditEntry, AuditHead, Change, Record, Subject, Who
from functions.domain.access import Principal

MAX_SIDE_BYTES: Final = 8_192
"""Of `before` and of `after`, as JSON: with both an entry stays far below an item's 400 KB, and costs few writes."""
MAX_TEXT_CHARS: Final = 1_024
MAX_NOTES: Final = 10
"""Of one change: with an entry and at most one head each they leave 80 of a transaction's 100 items to the change."""

_SECRET = re.compile(r"passw|secret|token|credential|private|authorization|cookie|api_?key|_?hash$", re.IGNORECASE)
# Whatever it is called: a key of ours, or a token with a signature.
_SECRET_TEXT = re.compile(r"\bfl[kd]_[a-z0-9]+_[A-Za-z0-9_-]{16,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
_REDACTED: Final = "(redacted)"
_NAME_CHARS: Final = 200
_MAX_DEPTH: Final = 12


class Actor(msgspec.Struct, frozen=True):
    """Who asks for a change, in which request, from which address."""

    principal: Principal
    request_id: str
    source: str


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One change: `action` such as `device.update`, of the subject `subject_kind`/`subject_id`, at the time `at` in ms.

    `before` and `after` hold what changed, as JSON and without secrets; None where there was or is nothing.
    """

    actor: Actor
    action: str
    subject_kind: str
    subject_id: str
    at: int
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of `[start, end)` in ms; what is None asks for nothing. `principal` is an id such as `user:…`.

    `action` also stands for what is below it: `device` for `device.update`.
    """

    start: int
    end: int
    subject: Subject | None = None
    principal: str | None = None
    action: str | None = None

    def wants(self, entry: AuditEntry) -> bool:
        return (
            self.start <= entry.at < self.end
            and (self.subject is None or entry.subject == self.subject)
            and (self.principal is None or entry.who.id == self.principal)
            and (self.action is None or f"{entry.action}.".startswith(f"{self.action}."))
        )


class AuditPage(msgspec.Struct, frozen=True):
    """Newest first. A page may be short, even empty, and have a cursor: what it looked through is bounded."""

    entries: tuple[AuditEntry, ...]
    cursor: str | None


class ChainRecord(msgspec.Struct, frozen=True):
    shard: str
    record: Record


class ChainsPage(msgspec.Struct, frozen=True):
    """Records of a day, by shard and within it by key; the heads, by shard, are read before the records."""

    heads: dict[str, AuditHead]
    records: tuple[ChainRecord, ...]
    cursor: str | None


def change_of(note: Note) -> Change:
    """The note as it is kept: bounded, and without what looks like a secret."""
    who = note.actor.principal
    return Change(
        at=note.at,
        who=Who(who.id[:_NAME_CHARS], who.kind, who.name[:_NAME_CHARS]),
        action=note.action,
        subject=Subject(note.subject_kind, note.subject_id),
        before=_side(note.before),
        after=_side(note.after),
        request_id=note.actor.request_id[:_NAME_CHARS],
        source=note.actor.source[:_NAME_CHARS],
    )


def _side(side: dict[str, Any] | None) -> dict[str, Any] | None:
    if side is None:
        return None
    kept = {name: _kept(name, value, 1) for name, value in msgspec.to_builtins(side, str_keys=True).items()}
    sizes = {name: len(msgspec.json.encode(value)) + len(name.encode()) + 4 for name, value in kept.items()}
    total = sum(sizes.values())
    # The biggest members go first, so that the many small ones, which people look for, stay.
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        if total <= MAX_SIDE_BYTES:
            break
        left_out = _left_out(msgspec.json.encode(kept[name]))
        total += len(msgspec.json.encode(left_out)) + len(name.encode()) + 4 - sizes[name]
        kept[name] = left_out
    if total <= MAX_SIDE_BYTES:
        return kept
    return _left_out(msgspec.json.encode(kept, order="deterministic"))


def _kept(name: str, value: Any, depth: int) -> Any:
    if _SECRET.search(name) and not isinstance(value, bool | None):
        return _REDACTED
    if isinstance(value, str):
        text = _SECRET_TEXT.sub(_REDACTED, value)
        return text if len(text) <= MAX_TEXT_CHARS else f"{text[:MAX_TEXT_CHARS]}… ({len(text)} characters)"
    if isinstance(value, dict | list) and depth >= _MAX_DEPTH:
        return _left_out(msgspec.json.encode(value))
    if isinstance(value, dict):
        return {key: _kept(key, one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_kept(name, one, depth + 1) for one in value]
    return value


def _left_out(text: bytes) -> dict[str, Any]:
    """What stands for something too big: its size and digest, by which it can be recognised."""
    return {"left_out_bytes": len(text), "sha256": sha256(text).hexdigest()}
