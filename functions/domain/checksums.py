"""Checksums of sets of points, by which a copy is compared with its source whatever order either comes in."""

from collections.abc import Iterable
from hashlib import blake2b
from struct import Struct
from typing import Self

import msgspec

from contract.telemetry import QUALITIES, Value
from functions.domain.series import Point

_KEY = b"fieldline: points of telemetry"
_MODULUS = 1 << 64
_FIXED = Struct(">qqB?cHHH")
_NUMBER = Struct(">d").pack
_QUALITY = {quality: number for number, quality in enumerate(QUALITIES)}


class Checksum(msgspec.Struct, frozen=True):
    """How many points, and the sum of their digests modulo 2⁶⁴: unlike with XOR, a point that occurs twice shows."""

    count: int = 0
    total: int = 0

    @classmethod
    def of(cls, points: Iterable[Point]) -> Self:
        count = total = 0
        for point in points:
            count += 1
            total += digest(point)
        return cls(count, total % _MODULUS)

    def __add__(self, other: Self) -> Self:
        return type(self)(self.count + other.count, (self.total + other.total) % _MODULUS)

    def __sub__(self, other: Self) -> Self:
        """Without the points of `other`, which must be among these."""
        return type(self)(self.count - other.count, (self.total - other.total) % _MODULUS)

    def __str__(self) -> str:
        return f"{self.total:016x}"


def digest(point: Point) -> int:
    """64 bits that depend on every field of the point and on the type of its value."""
    device, metric = point.device.encode(), point.metric.encode()
    kind, value = _encoded(point.value)
    fixed = _FIXED.pack(
        point.ts, point.received_at, _QUALITY[point.quality], point.late, kind, len(device), len(metric), len(value)
    )
    hashed = blake2b(b"".join((fixed, device, metric, value)), digest_size=8, key=_KEY)
    return int.from_bytes(hashed.digest(), "big")


def _encoded(value: Value) -> tuple[bytes, bytes]:
    if isinstance(value, bool):
        return b"b", b"\x01" if value else b"\x00"
    if isinstance(value, str):
        return b"s", value.encode()
    return b"f", _NUMBER(value + 0.0)  # of the two zeros, which are equal, always the same one
