"""Which commands were taken, and how they ended: durable before anything is done, so that none is ever done twice."""

import logging
from typing import Any, Final, Literal, TypeAlias

import msgspec

from device_agent.errors import QueueError
from device_agent.storage import Storage

MOST: Final = 64
"""So many commands that have not expired are remembered; with more, new ones are refused."""
KEEP_MS: Final = 600_000
"""How long a command is remembered beyond its expiry, after which it would not be taken anyway."""
_SECTION: Final = "commands"
_RESULT_BYTES: Final = 512
_REASON_CHARS: Final = 200

FinalStatus: TypeAlias = Literal["SUCCEEDED", "FAILED", "REJECTED", "EXPIRED"]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last word about a command."""

    status: FinalStatus
    reason: str | None = None
    result: dict[str, Any] | None = None

    def shortened(self) -> "Answer":
        """What of it is worth keeping for those who ask again."""
        result = self.result
        if result is not None and len(msgspec.json.encode(result)) > _RESULT_BYTES:
            result = None
        return Answer(self.status, None if self.reason is None else self.reason[:_REASON_CHARS], result)


class _Entry(msgspec.Struct, omit_defaults=True):
    expires_at: int
    answer: Answer | None = None


class CommandLog:
    """The commands of this device that were taken. Rejected ones are not here: they did nothing."""

    def __init__(self, storage: Storage, log: logging.LoggerAdapter[logging.Logger]) -> None:
        self._storage = storage
        self._log = log
        self._entries: dict[str, _Entry] = {}

    async def load(self) -> bool:
        """Read what was remembered. False if there is something that cannot be read: then nothing is remembered.

        Raises:
            QueueError: the storage cannot be read.
        """
        stored = await self._storage.read_state(_SECTION)
        if stored is None:
            return True
        try:
            self._entries = msgspec.convert(stored, dict[str, _Entry])
        except msgspec.ValidationError as error:
            self._log.error("what is stored of commands cannot be read: %s", error)
            return False
        return True

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._entries

    def answer(self, command_id: str) -> Answer | None:
        """How it ended; None while it is not known to have ended."""
        entry = self._entries.get(command_id)
        return None if entry is None else entry.answer

    def unfinished(self) -> list[str]:
        return [command_id for command_id, entry in self._entries.items() if entry.answer is None]

    def is_full(self, now_ms: int) -> bool:
        """Whether there is no room for one more, after those long expired were forgotten."""
        kept = {
            command_id: entry
            for command_id, entry in self._entries.items()
            if entry.answer is None or entry.expires_at + KEEP_MS > now_ms
        }
        self._entries = kept
        expired = [
            command_id for command_id, entry in kept.items() if entry.answer is not None and entry.expires_at <= now_ms
        ]
        for command_id in expired[: max(0, len(kept) - MOST + 1)]:
            del kept[command_id]
        return len(kept) >= MOST

    async def take(self, command_id: str, expires_at: int) -> None:
        """Remember that it is taken; durable once this returns. On QueueError it is not taken."""
        self._entries[command_id] = _Entry(expires_at)
        try:
            await self._save()
        except QueueError:
            del self._entries[command_id]
            raise

    async def finish(self, command_id: str, answer: Answer) -> None:
        """Remember how it ended. What cannot be stored is remembered until the process ends."""
        entry = self._entries.get(command_id)
        if entry is None:
            return
        entry.answer = answer.shortened()
        try:
            await self._save()
        except QueueError as error:
            self._log.warning("how command %s ended is not stored: %s", command_id, error)

    async def _save(self) -> None:
        await self._storage.write_state(_SECTION, msgspec.to_builtins(self._entries))
