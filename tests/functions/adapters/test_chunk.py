"""The chunk codec: exact, canonical, small, and never anything but its own error for bytes it did not make."""

import random
import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.adapters.chunk import (
    MAX_POINTS,
    CorruptChunkError,
    UnencodableError,
    decode,
    encode,
    flag_meaning,
    shrink,
)
from functions.domain.series import Point

TS = 1_764_000_000_000
qualities = st.sampled_from(["good", "estimated", "stale", "bad"])
values = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-1000, 1000).map(lambda value: round(value, 2))
    | st.booleans()
    | st.text(max_size=256)
)
rows = st.tuples(
    st.text("abc_", min_size=1, max_size=3),
    st.integers(0, 253_402_300_799_999) | st.integers(TS, TS + 10),
    values,
    qualities,
    st.booleans(),
    st.integers(0, 253_402_300_799_999),
)
batches = st.lists(rows, min_size=1, max_size=40, unique_by=lambda row: row[:2])


def points_of(batch):
    return [Point("pump-1", *row) for row in batch]


def unpacked(data, metrics=None):
    return {
        Point("pump-1", metric, ts, value, *flag_meaning(flag), received_at)
        for metric, column in decode(data, metrics).items()
        for ts, received_at, flag, value in zip(column.ts, column.received_at, column.flags, column.values, strict=True)
    }


def bits(point):
    """What distinguishes 0.0 from -0.0 and True from 1.0."""
    raw = struct.pack(">d", point.value) if type(point.value) is float else point.value
    return point.metric, point.ts, type(point.value), raw, point.quality, point.late, point.received_at


@settings(max_examples=300)
@given(batches)
def test_the_round_trip_is_exact(batch):
    points = points_of(batch)
    for data in (encode(points), shrink(encode(points))):
        assert {bits(point) for point in unpacked(data)} == {bits(point) for point in points}


@given(batches, st.randoms())
def test_the_same_points_in_any_order_are_the_same_bytes(batch, chance):
    points = points_of(batch)
    shuffled = chance.sample(points, len(points))
    assert encode(shuffled) == encode(points)


@given(batches)
def test_columns_are_in_order_of_time(batch):
    for column in decode(encode(points_of(batch))).values():
        assert list(column.ts) == sorted(set(column.ts))


@given(batches)
def test_metrics_that_are_not_asked_for_are_left_out(batch):
    points = points_of(batch)
    wanted = {points[0].metric}
    assert unpacked(encode(points), wanted) == {point for point in points if point.metric in wanted}


@pytest.mark.parametrize(
    "value",
    [0.0, -0.0, 0.1 + 0.2, 5e-324, -1.7976931348623157e308, 2.0**53, 2.0**53 - 1, 1e-9, 123456.789012345, 1 / 3],
)
def test_awkward_floats_survive(value):
    (point,) = unpacked(encode([Point("d", "m", TS, value, "good", late=False, received_at=TS)]))
    assert struct.pack(">d", point.value) == struct.pack(">d", value)


@pytest.mark.parametrize(
    "points",
    [
        [Point("d", f"m{at}", TS, 1.0, "good", late=False, received_at=TS) for at in range(MAX_POINTS + 1)],
        [Point("d", "m" * 256, TS, 1.0, "good", late=False, received_at=TS)],
        [Point("d", "m", 2**70, 1.0, "good", late=False, received_at=TS)],
        [Point("d", "m", ts, 1.0, "good", late=False, received_at=TS) for ts in (-(2**63), 2**63 - 1)],
        [Point("d", "m", TS, "\ud800", "good", late=False, received_at=TS)],
        [],
    ],
    ids=["metrics", "name", "ts", "distance", "surrogate", "nothing"],
)
def test_points_that_no_chunk_can_hold_raise_the_codec_s_own_error(points):
    with pytest.raises(UnencodableError):
        encode(points)


def test_as_many_metrics_as_a_chunk_holds_survive():
    points = [Point("d", f"m{at}", TS, 1.0, "good", late=False, received_at=TS) for at in range(MAX_POINTS)]
    assert len(decode(encode(points))) == MAX_POINTS


@settings(max_examples=200)
@given(batches, st.data())
def test_damaged_bytes_raise_the_codec_s_own_error_or_decode_to_something(batch, data):
    good = encode(points_of(batch))
    damaged = bytearray(good[: data.draw(st.integers(0, len(good)))])
    if damaged:
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(0, 255))
    with suppress(CorruptChunkError):
        decode(bytes(damaged))


@given(st.binary(max_size=200))
def test_any_bytes_raise_the_codec_s_own_error_or_decode_to_something(data):
    with suppress(CorruptChunkError):
        decode(data)


def day(rows, a_chunk):
    """Five metrics of sensors once a minute, in chunks of so many rows; and how many values that is."""
    chance = random.Random(1)
    names = {"temperature": 2, "humidity": 1, "pressure": 1, "vibration": 3, "current": 2}
    chunks = []
    for first in range(0, rows, a_chunk):
        points = [
            Point("d", metric, ts, round(20 + chance.random() * 5, digits), "good", late=False, received_at=ts + 300)
            for row in range(first, first + a_chunk)
            for ts in [TS + row * 60_000 + chance.randrange(-200, 200)]
            for metric, digits in names.items()
        ]
        chunks.append(shrink(encode(points)))
    return chunks, rows * len(names)


def test_a_full_chunk_takes_a_few_bytes_a_value():
    chunks, count = day(1440, 60)
    assert sum(map(len, chunks)) / count < 4


def test_a_chunk_of_one_message_stays_within_a_write_unit():
    chunks, _ = day(60, 1)
    assert max(map(len, chunks)) < 160
