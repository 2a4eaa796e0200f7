"""What devices report besides telemetry."""

import msgspec


class DeviceEvent(msgspec.Struct, frozen=True):
    """An event as the device sent it: well-formed, kept untouched. `at` is its time by the device."""

    thing: str
    received_at: int
    at: int
    kind: str
    raw: bytes


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
