"""What devices report besides telemetry."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

BOOT: Final = "boot"
"""The kind of the event with which an agent says that it has started."""
_MAX_VERSION_CHARS: Final = 64


class DeviceEvent(msgspec.Struct, frozen=True):
    """An event as the device sent it: well-formed, kept untouched. `at` is its time by the device."""

    thing: str
    received_at: int
    at: int
    kind: str
    raw: bytes


def agent_version(boot: Mapping[str, Any]) -> str | None:
    """The version that an agent gives itself in the data of its boot event; None where it gives none that is one."""
    said = boot.get("agent")
    return said if isinstance(said, str) and 0 < len(said) <= _MAX_VERSION_CHARS and said.isprintable() else None


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Events of a device whose time by the device is in `[start, end)`; of `kind`, where one is named."""

    thing: str
    start: int
    end: int
    kind: str | None = None


class EventPage(msgspec.Struct, frozen=True):
    """Newest first. May be short before the last: what a page looks at is bounded."""

    events: tuple[DeviceEvent, ...]
    cursor: str | None
