"""What both readers of the lake promise, in memory and of S3 as moto has it; then what S3 alone can do wrong."""

import gzip
import io
import tracemalloc

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.response import StreamingBody

from functions.adapters.memory_lake import MemoryLakeReader
from functions.adapters.s3_lake import S3LakeReader
from functions.domain.lake import HOUR_MS, MAX_LINE_BYTES, hour_prefix
from functions.errors import DamagedObjectError, LakeReadError

T0 = 1_764_000_000_000
BUCKET = "fieldline-lake"


class InMemory:
    def reader(self, page_size=1000):
        self.lake = MemoryLakeReader(page_size=page_size)
        self.lake.stored = self.stored
        return self.lake

    def __init__(self):
        self.stored = {}

    def put(self, key, data):
        self.stored[key] = data


class InS3:
    def __init__(self):
        self.client = boto3.client("s3")
        self.client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

    def reader(self, page_size=1000):
        return S3LakeReader(self.client, BUCKET, page_size=page_size)

    def put(self, key, data):
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data)


@pytest.fixture(params=["memory", "s3"])
def lake(request):
    if request.param == "memory":
        return InMemory()
    request.getfixturevalue("aws")
    return InS3()


def key(at, name="a"):
    return f"{hour_prefix(T0 + at * HOUR_MS)}{name}.jsonl.gz"


def listed(reader, start, end):
    keys, cursor = [], None
    for _ in range(100):
        page = reader.objects(start, end, cursor)
        keys += [one.key for one in page.objects]
        cursor = page.cursor
        if cursor is None:
            return keys
    raise AssertionError("paging does not end")


def read(reader, name, first=0):
    """Lines, and why there are no more."""
    lines = []
    try:
        lines.extend(reader.lines(name, first))
    except DamagedObjectError as exc:
        return lines, str(exc)
    return lines, None


@pytest.mark.parametrize("page_size", [1, 2, 3, 1000])
def test_objects_of_the_hours_are_listed_in_their_order_over_all_pages(lake, page_size):
    for at in (-2, -1, 0, 1, 2, 9):
        lake.put(key(at, "b"), b"x")
        lake.put(key(at, "a"), b"x")
    wanted = [key(at, name) for at in (0, 1) for name in "ab"]
    reader = lake.reader(page_size)
    assert listed(reader, T0 + 15 * 60_000, T0 + 2 * HOUR_MS) == wanted
    assert listed(reader, T0, T0 + 2 * HOUR_MS) == [key(-1, "a"), key(-1, "b"), *wanted]


def test_a_size_is_that_of_the_object_as_stored(lake):
    lake.put(key(0), b"12345")
    (one,) = lake.reader().objects(T0, T0 + 1).objects
    assert (one.key, one.size) == (key(0), 5)


def test_what_the_stream_did_not_put_there_is_passed_over(lake):
    for name in ("raw/", "raw/notes.txt", hour_prefix(T0), "errors/day=2025-11-24/hour=16/x"):
        lake.put(name, b"x")
    lake.put(key(0, "empty"), b"")
    lake.put(key(0), b"x")
    assert listed(lake.reader(), T0, T0 + HOUR_MS) == [key(0)]


def test_an_empty_lake_has_no_objects(lake):
    assert listed(lake.reader(), 0, 253_402_300_799_999) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"one\ntwo\n", [b"one", b"two"]),
        (b"one\ntwo", [b"one", b"two"]),
        (b"one\r\n\ntwo\n\n", [b"one", b"", b"two", b""]),
        (b"\n", [b""]),
        (b"", []),
    ],
    ids=["ended", "not ended", "blank", "only a blank", "nothing"],
)
@pytest.mark.parametrize("compress", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_lines_come_without_their_ends(lake, text, lines, compress):
    lake.put(key(0), compress(text))
    assert read(lake.reader(), key(0)) == (lines, None)
    for first in range(len(lines) + 2):
        assert read(lake.reader(), key(0), first) == (lines[first:], None)


def test_an_object_of_several_compressed_parts_is_one(lake):
    lake.put(key(0), gzip.compress(b"one\ntw") + gzip.compress(b"o\nthree\n"))
    assert read(lake.reader(), key(0)) == ([b"one", b"two", b"three"], None)


def test_an_endless_line_is_cut_and_the_next_one_read(lake):
    lake.put(key(0), gzip.compress(b"x" * (3 * MAX_LINE_BYTES) + b"\nnext\n" + b"y" * MAX_LINE_BYTES + b"\nlast"))
    lines, damage = read(lake.reader(), key(0))
    assert [len(line) for line in lines] == [MAX_LINE_BYTES, 4, MAX_LINE_BYTES, 4]
    assert (lines[1], lines[3], damage) == (b"next", b"last", None)


def test_an_object_that_ends_too_early_gives_what_it_holds_and_says_so(lake):
    whole = b"".join(b"line %d\n" % at for at in range(50_000))
    data = gzip.compress(whole)
    lake.put(key(0), data[: len(data) // 2])
    lines, damage = read(lake.reader(), key(0))
    assert lines == whole.splitlines()[: len(lines)]
    assert "compressed data is damaged" in damage


def test_a_damaged_object_is_told_from_one_that_ends(lake):
    data = bytearray(gzip.compress(b"".join(b"line %d\n" % at for at in range(50_000)), mtime=0))
    data[len(data) // 2] ^= 0xFF
    lake.put(key(0), bytes(data))
    lines, damage = read(lake.reader(), key(0))
    assert len(lines) < 50_000
    assert "damaged" in damage


def test_an_object_that_is_gone_can_never_be_read(lake):
    assert read(lake.reader(), key(0)) == ([], "it is gone since the lake was listed")


def test_memory_does_not_grow_with_an_object(aws):
    lake = InS3()
    line = b"x" * 999 + b"\n"
    lake.put(key(0), gzip.compress(line * 50_000, compresslevel=1))
    reader = lake.reader()
    tracemalloc.start()
    try:
        assert sum(1 for _ in reader.lines(key(0))) == 50_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12_000_000  # of 50 MB


class Broken:
    """Answers once, with what a test gives it."""

    def __init__(self, answer):
        self.answer = answer

    def get_object(self, **_):
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Body": self.answer}

    def list_objects_v2(self, **_):
        raise self.answer


class Stalls(io.RawIOBase):
    def __init__(self, data):
        self.data = [data]

    def read(self, *_):
        if self.data:
            return self.data.pop()
        raise ReadTimeoutError(endpoint_url="https://s3")


def test_a_connection_that_breaks_is_no_damage():
    data = gzip.compress(b"".join(b"line %d\n" % at for at in range(200_000)))
    cut = StreamingBody(io.BytesIO(data[: len(data) // 2]), len(data))
    for body in (cut, Stalls(data[: len(data) // 2]), Stalls(b"")):
        with pytest.raises(LakeReadError) as raised:
            list(S3LakeReader(Broken(body), BUCKET).lines(key(0)))
        assert type(raised.value) is LakeReadError


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState", "SlowDown"])
def test_a_refusal_says_of_what(code):
    refusal = ClientError({"Error": {"Code": code, "Message": "no"}}, "GetObject")
    with pytest.raises(LakeReadError, match=f"reading {key(0)}.*{code}") as raised:
        list(S3LakeReader(Broken(refusal), BUCKET).lines(key(0)))
    assert type(raised.value) is LakeReadError
    with pytest.raises(LakeReadError, match=f"listing the lake.*{code}"):
        S3LakeReader(Broken(refusal), BUCKET).objects(0, 1)
