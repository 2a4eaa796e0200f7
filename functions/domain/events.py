"""What devices report besides telemetry."""

import msgspec


class DeviceEvent(msgspec.Struct, frozen=True):
    """An event as the device sent it: well-formed, kept untouched. `at` is its time by the device."""

    thing: str
    received_at: int
    at: int
    kind: str
    raw: bytes
