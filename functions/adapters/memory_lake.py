"""The lake's reader in memory, as the reference of its suite and for tests of what reads it."""

import zlib
from collections.abc import Iterator

from functions.domain.lake import MAX_LINE_BYTES, ObjectsPage, StoredObject, is_delivered, span
from functions.errors import DamagedObjectError


class MemoryLakeReader:
    """Objects by key, compressed or not, each as it would lie in the bucket."""

    def __init__(self, *, page_size: int = 1000) -> None:
        self.stored: dict[str, bytes] = {}
        self._page_size = page_size

    def objects(self, start: int, end: int, cursor: str | None = None) -> ObjectsPage:
        first, behind = span(start, end)
        found = sorted(key for key in self.stored if (cursor or first) < key < behind)
        page = found[: self._page_size]
        objects = tuple(
            StoredObject(key, len(self.stored[key])) for key in page if self.stored[key] and is_delivered(key)
        )
        return ObjectsPage(objects, page[-1] if len(found) > len(page) else None)

    def lines(self, key: str, first: int = 0) -> Iterator[bytes]:
        if key not in self.stored:
            raise DamagedObjectError("it is gone since the lake was listed")
        data, damage = self.stored[key], None
        if data.startswith(b"\x1f\x8b"):
            data, damage = _inflated(data)
        for line in data.split(b"\n")[first : -1 if damage or not data or data.endswith(b"\n") else None]:
            yield line.rstrip(b"\r")[:MAX_LINE_BYTES]
        if damage:
            raise DamagedObjectError(f"its compressed data is damaged: {damage}")


def _inflated(data: bytes) -> tuple[bytes, str | None]:
    """What can be read of gzip's format, and why not more."""
    read = bytearray()
    while data:
        inflater = zlib.decompressobj(wbits=31)
        try:
            # By the byte: what stands before a damaged one is read.
            for at in range(len(data)):
                read += inflater.decompress(data[at : at + 1])
                if inflater.eof:
                    break
        except zlib.error as exc:
            return bytes(read), str(exc)
        if not inflater.eof:
            return bytes(read), "it ends too early"
        data = data[at + 1 :]
    return bytes(read), None
