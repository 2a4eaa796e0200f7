"""How one chunk of messages lies in a segment: a header with its own checksum, then a compressed body with another.

An append becomes one record for each priority, more where it is large. The record written last is its commit. It
carries the tail, and it is written only once the others are on the disk: where it is whole, the others were.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from device_agent.queue.messages import Priority

MAGIC: Final = b"FLqr"
VERSION: Final = 1
_HEADER: Final = struct.Struct("<4sBBBxQQQIII")
_CRC: Final = struct.Struct("<I")
HEADER_BYTES: Final = _HEADER.size + _CRC.size
PAGE: Final = 4096
"""What a disk writes at least, whatever the length of the write: 4 KiB on every file system that a Pi boots from."""


class Tail(msgspec.Struct, array_like=True, frozen=True):
    """What an append says besides its messages. Lists of three are by priority."""

    positions: dict[str, str]
    acknowledged: list[list[tuple[int, int]]]
    dropped: list[int]


class Body(msgspec.Struct, array_like=True, frozen=True):
    messages: list[bytes]
    tail: Tail | None


@dataclass(frozen=True, slots=True)
class Header:
    """What a record says of itself."""

    priority: Priority
    commits: bool
    generation: int
    """The segment's pass: what is left of an earlier pass has a lower one."""
    append: int
    """The append that it belongs to, by an id that is no other's."""
    first_id: int
    count: int
    length: int
    """Of header and body."""
    body_crc: int

    @property
    def last_id(self) -> int:
        """Below `first_id` where the record has no messages."""
        return self.first_id + self.count - 1


class DamagedRecordError(Exception):
    """The bytes are no record that this version wrote."""


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Body).decode


def pack_body(messages: Sequence[bytes], tail: Tail | None) -> bytes:
    return zlib.compress(_ENCODE(Body(list(messages), tail)))


def pack(
    body: bytes, *, priority: Priority, commits: bool, generation: int, append: int, first_id: int, count: int
) -> bytes:
    """The record around a body of `pack_body`."""
    header = _HEADER.pack(
        MAGIC, VERSION, priority, commits, generation, append, first_id, count, len(body), zlib.crc32(body)
    )
    return header + _CRC.pack(zlib.crc32(header)) + body


def parse_header(content: bytes, offset: int) -> Header | None:
    """The header at `offset`, if there is a whole one."""
    if len(content) - offset < HEADER_BYTES or not content.startswith(MAGIC, offset):
        return None
    (crc,) = _CRC.unpack_from(content, offset + _HEADER.size)
    if zlib.crc32(content[offset : offset + _HEADER.size]) != crc:
        return None
    _, version, priority, commits, generation, append, first_id, count, length, body_crc = _HEADER.unpack_from(
        content, offset
    )
    if version != VERSION:
        return None
    return Header(
        Priority(priority), bool(commits), generation, append, first_id, count, HEADER_BYTES + length, body_crc
    )


def body_is_whole(content: bytes, offset: int, header: Header) -> bool:
    body = content[offset + HEADER_BYTES : offset + header.length]
    return len(body) == header.length - HEADER_BYTES and zlib.crc32(body) == header.body_crc


def unpack(content: bytes, offset: int = 0) -> tuple[Header, Body]:
    """The record at `offset`.

    Raises:
        DamagedRecordError: there is none, or it is not whole.
    """
    header = parse_header(content, offset)
    if header is None:
        raise DamagedRecordError("its header is damaged")
    if not body_is_whole(content, offset, header):
        raise DamagedRecordError("its body is damaged")
    try:
        body = _DECODE(zlib.decompress(content[offset + HEADER_BYTES : offset + header.length]))
    except (zlib.error, msgspec.DecodeError) as error:
        raise DamagedRecordError(f"its body cannot be read: {error}") from error
    if len(body.messages) != header.count:
        raise DamagedRecordError(f"it has {len(body.messages)} messages, its header says {header.count}")
    return header, body


@dataclass(frozen=True, slots=True)
class Found:
    """A header that was found in a segment."""

    offset: int
    header: Header
    whole: bool
    """Whether its body is too."""


def scan(content: bytes) -> Iterator[Found]:
    """Every record with a whole header, of any pass, from the start; damage between them is searched through."""
    offset = content.find(MAGIC)
    while offset >= 0:
        header = parse_header(content, offset)
        if header is None:
            offset = content.find(MAGIC, offset + 1)
            continue
        whole = body_is_whole(content, offset, header)
        yield Found(offset, header, whole)
        # Within a body that is not whole there may be a later record that was written over the end of this one.
        offset = content.find(MAGIC, offset + (header.length if whole else HEADER_BYTES))


def start_after(end: int, length: int) -> int:
    """Where a record of `length` begins, in a segment that is written up to `end`.

    That is at `end`, unless going on with the next page saves the disk a page for at most a quarter of one left empty.
    """
    rest = -end % PAGE
    pages = -(-(end % PAGE + length) // PAGE)
    return end + rest if 0 < rest <= PAGE // 4 and pages > -(-length // PAGE) else end
