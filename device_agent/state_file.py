"""What the agent remembers of itself: small named sections of JSON in one preallocated file.

A write replaces the whole content in the older of two slots (`device_agent.queue.slots`), so a cut in the middle of
it leaves the content before it, and a full disk does not matter: the space is there from the beginning.
"""

import logging
from pathlib import Path
from typing import Any

import msgspec

from device_agent.errors import QueueError
from device_agent.queue.files import NO_ROOM, Files
from device_agent.queue.slots import open_slots

SLOT_BYTES = 128 * 1024


class StateFile:
    """Sections by name. Blocking; one thread at a time."""

    def __init__(
        self,
        path: Path,
        *,
        files: Files,
        log: logging.LoggerAdapter[logging.Logger],
        slot_bytes: int = SLOT_BYTES,
    ) -> None:
        """Open the file, or make it; on a full disk it is made by the first write that finds room.

        Raises:
            QueueError: the file can neither be read nor made, for another reason than room.
        """
        self._path = path
        self._log = log
        try:
            files.make_directory(path.parent)
            self._slots = open_slots(files, path, slot_bytes, log)
        except OSError as error:
            raise QueueError(f"state file {path} cannot be opened: {error}") from error
        self._sections = self._decoded(self._slots.content)
        try:
            self._slots.reserve()
        except OSError as error:
            if error.errno not in NO_ROOM:
                self._slots.close()
                raise QueueError(f"state file {path} cannot be made: {error}") from error
            log.warning("state file %s: %s; trying again when there is something to write", path, error)

    def read(self, section: str) -> Any | None:
        """The section's JSON value as last written; None if it never was."""
        raw = self._sections.get(section)
        return None if raw is None else msgspec.json.decode(raw)

    def write(self, section: str, value: Any) -> None:
        """Replace a section; durable once this returns.

        Raises:
            QueueError: it does not fit, or the disk refuses; the section is what it was.
        """
        sections = {**self._sections, section: msgspec.Raw(msgspec.json.encode(value))}
        content = msgspec.json.encode(sections)
        if len(content) > self._slots.capacity:
            raise QueueError(
                f"state file {self._path}: with the new {section!r} it would have {len(content)} bytes, "
                f"at most {self._slots.capacity} fit"
            )
        try:
            self._slots.write(content)
        except OSError as error:
            raise QueueError(f"state file {self._path}: {section!r} cannot be written: {error}") from error
        self._sections = sections

    def close(self) -> None:
        self._slots.close()

    def _decoded(self, content: bytes | None) -> dict[str, msgspec.Raw]:
        if content is None:
            if self._slots.damaged:
                self._log.error("state file %s: nothing in it can be read; going on without", self._path)
            return {}
        try:
            # `Raw` points into what it was decoded from; a copy of its own lets go of that.
            sections = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
            return {name: msgspec.Raw(bytes(raw)) for name, raw in sections.items()}
        except msgspec.DecodeError as error:
            self._log.error("state file %s: %s; going on without", self._path, error)
            return {}
