"""What devices report besides telemetry."""

import msgspec


class DeviceEvent(msgspec.Struct, frozen=True):
    """An event as the device sent it: well-formed, kept untouched."""

    thing: str
    received_at: int
    kind: str
    raw: bytes
