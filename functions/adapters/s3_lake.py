"""The lake as it is read: gzip'd JSON lines in S3, streamed, so that memory does not grow with an object."""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code, wrapped
from functions.domain.lake import MAX_LINE_BYTES, PREFIX, ObjectsPage, StoredObject, is_delivered, span
from functions.errors import DamagedObjectError, LakeReadError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_GZIP = b"\x1f\x8b"
_READ_BYTES = 1_048_576
_GONE = {"NoSuchKey", "404"}


class S3LakeReader:
    def __init__(self, client: "S3Client", bucket: str, *, page_size: int = 1000) -> None:
        self._client = client
        self._bucket = bucket
        self._page_size = page_size

    def objects(self, start: int, end: int, cursor: str | None = None) -> ObjectsPage:
        first, behind = span(start, end)
        with wrapped(LakeReadError, "listing the lake"):
            # Keys sort as their hours do, so a page goes on behind a key and ends at the first of a later hour.
            page = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=PREFIX, StartAfter=cursor or first, MaxKeys=self._page_size
            )
        found = page.get("Contents", [])
        objects = tuple(
            StoredObject(one["Key"], one["Size"])
            for one in found
            if one["Key"] < behind and one["Size"] and is_delivered(one["Key"])
        )
        more = page.get("IsTruncated", False) and found[-1]["Key"] < behind
        return ObjectsPage(objects, found[-1]["Key"] if more else None)

    def lines(self, key: str, first: int = 0) -> Iterator[bytes]:
        with self._opened(key) as stored:
            # By its first bytes and not by its name: one that was restored by hand may be plain.
            gzipped = stored.peek(2)[:2] == _GZIP
            stream: io.BufferedIOBase = gzip.GzipFile(fileobj=stored) if gzipped else stored
            number = 0
            while True:
                try:
                    line = _line(stream)
                except (EOFError, gzip.BadGzipFile, zlib.error) as exc:
                    raise DamagedObjectError(f"its compressed data is damaged after line {number}: {exc}") from exc
                if line is None:
                    return
                if number >= first:
                    yield line
                number += 1

    def _opened(self, key: str) -> io.BufferedReader:
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        except ClientError as exc:
            if error_code(exc) in _GONE:
                raise DamagedObjectError("it is gone since the lake was listed") from exc
            raise LakeReadError(f"reading {key}: {exc}") from exc
        except BotoCoreError as exc:
            raise LakeReadError(f"reading {key}: {exc}") from exc
        return io.BufferedReader(_Body(key, body), _READ_BYTES)


class _Body(io.RawIOBase):
    """An answer's bytes, where a broken connection is our own error: to a gzip reader it would be an end of file."""

    def __init__(self, key: str, body: Any) -> None:
        self._key = key
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with wrapped(LakeReadError, f"reading {self._key}"):
            data = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()


def _line(stream: io.BufferedIOBase) -> bytes | None:
    """The next line without its end, cut at MAX_LINE_BYTES; None at the end."""
    line = stream.readline(MAX_LINE_BYTES + 1)
    if not line:
        return None
    if len(line) <= MAX_LINE_BYTES or line.endswith(b"\n"):
        return line.rstrip(b"\r\n")
    rest = line
    while rest and not rest.endswith(b"\n"):
        rest = stream.readline(_READ_BYTES)
    return line[:MAX_LINE_BYTES]
