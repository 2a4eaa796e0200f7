"""How points of one device are packed into the bytes of one DynamoDB item, in columns; the round trip is exact.

    header   format, number of rows, first ts, first received_at, widths of both columns, flags, number of metrics
    columns  ts and received_at as differences from the row before, each of the narrowest fixed width
             flags (quality, late) once, or one byte a row
    metrics  name, kind, length, which rows have it, values

A row is what shares ts, received_at, quality and late. Numbers that are decimals of few digits become scaled integers,
when that gives back the very same float, and 8-byte floats otherwise. Columns have fixed widths because Python reads
such an array at the speed of C, where a variable-length integer costs it a loop; zlib wins back what that wastes.
"""

import struct
import sys
import zlib
from array import array
from collections.abc import Callable, Container, Iterable, Sequence
from itertools import accumulate, compress, pairwise
from typing import NamedTuple

import msgspec

from contract.telemetry import QUALITIES, Quality, Value
from functions.domain.series import Point

__all__ = [
    "MAX_POINTS",
    "Chunk",
    "Column",
    "CorruptChunkError",
    "UnencodableError",
    "decode",
    "encode",
    "flag_meaning",
    "flag_of",
    "shrink",
]

MAX_POINTS = 2**16 - 1
"""Of one chunk, since each may be of a metric of its own and the header counts metrics in 16 bits."""


class CorruptChunkError(ValueError):
    """Bytes that `encode` did not make."""


class UnencodableError(ValueError):
    """Points that no chunk can hold: too many of them, or one among them that is beyond its column."""


class Column(NamedTuple):
    """Values of one metric: `values[i]` belongs to `ts[i]`, in ascending order; `flags[i]` as in `flag_meaning`."""

    ts: Sequence[int]
    received_at: Sequence[int]
    flags: bytes
    values: list[Value]


Chunk = dict[str, Column]

_PLAIN, _DEFLATED = 1, 2
_HEADER = struct.Struct("<BIqqBBBH")
_METRIC = struct.Struct("<BBI")
_MAX_ROWS = 1_000_000
_MAX_NAME_BYTES = 255
_SCALED_MAX = 9
_FLOATS, _BOOLEANS, _TEXTS, _MIXED = 16, 17, 18, 19
_SPARSE = 0x80
_LATE = 0x10
_WIDTHS = (("b", 1), ("h", 2), ("i", 4), ("q", 8))
_TYPECODES = {width: code for code, width in _WIDTHS}
_EXACT = float(2**53)
_DEFLATE_FROM = 256
_QUALITY_CODE = {quality: code for code, quality in enumerate(QUALITIES)}
_SCALES = [10.0**digits for digits in range(_SCALED_MAX + 1)]
_pack = msgspec.msgpack.Encoder().encode
_unpack_texts = msgspec.msgpack.Decoder(list[str]).decode
_unpack_mixed = msgspec.msgpack.Decoder(list[float | bool | str]).decode


def flag_of(quality: Quality, *, late: bool) -> int:
    return _QUALITY_CODE[quality] | (_LATE if late else 0)


def flag_meaning(flag: int) -> tuple[Quality, bool]:
    """Quality and late."""
    return QUALITIES[flag & ~_LATE], bool(flag & _LATE)


def encode(points: Iterable[Point]) -> bytes:
    """The same points in any order give the same bytes. All are of one device, no two of the same metric and row.

    Raises UnencodableError.
    """
    try:
        return _encode(points)
    except UnencodableError:
        raise
    except (ValueError, OverflowError, struct.error) as exc:
        raise UnencodableError(f"expected points of a chunk's ranges, got one beyond: {exc}") from exc


def _encode(points: Iterable[Point]) -> bytes:
    ordered = sorted(
        (point.ts, point.received_at, flag_of(point.quality, late=point.late), point.metric, point.value)
        for point in points
    )
    if not 0 < len(ordered) <= MAX_POINTS:
        raise UnencodableError(f"expected 1 to {MAX_POINTS} points, got {len(ordered)}")
    rows: dict[tuple[int, int, int], int] = {}
    metrics: dict[str, tuple[list[int], list[Value]]] = {}
    for ts, received_at, flag, metric, value in ordered:
        row = rows.setdefault((ts, received_at, flag), len(rows))
        where, values = metrics.setdefault(metric, ([], []))
        where.append(row)
        values.append(value)
    timestamps, receipts, flags = (list(column) for column in zip(*rows, strict=True))
    ts_width, ts_bytes = _integers([b - a for a, b in pairwise(timestamps)])
    received_width, received_bytes = _integers([b - a for a, b in pairwise(receipts)])
    one_flag = len(set(flags)) == 1
    parts = [
        _HEADER.pack(
            _PLAIN, len(rows), timestamps[0], receipts[0], ts_width, received_width, not one_flag, len(metrics)
        ),
        ts_bytes,
        received_bytes,
        bytes(flags[:1] if one_flag else flags),
    ]
    for metric in sorted(metrics):
        where, values = metrics[metric]
        kind, body = _values(values)
        name = metric.encode()
        if len(name) > _MAX_NAME_BYTES:
            raise UnencodableError(f"expected a metric of at most {_MAX_NAME_BYTES} bytes, got {len(name)}")
        if len(where) < len(rows):
            kind |= _SPARSE
            body = _mask(where, len(rows)) + body
        parts += [_METRIC.pack(len(name), kind, len(body)), name, body]
    return b"".join(parts)


def shrink(plain: bytes) -> bytes:
    """What is stored: deflated when that is shorter. `encode` stays apart so that a digest is not zlib's to decide."""
    if len(plain) < _DEFLATE_FROM:
        return plain
    deflated = bytes([_DEFLATED]) + zlib.compress(plain, 6)
    return deflated if len(deflated) < len(plain) else plain


def decode(data: bytes, metrics: Container[str] | None = None) -> Chunk:
    """The columns of `metrics`, or of all; others are skipped unread. Raises CorruptChunkError."""
    try:
        if data[0] == _DEFLATED:
            data = zlib.decompress(data[1:])
        return _decode(data, metrics)
    except CorruptChunkError:
        raise
    except (ValueError, LookupError, struct.error, zlib.error, msgspec.DecodeError) as exc:
        raise CorruptChunkError(
            f"expected a whole chunk, got {len(data)} bytes that end early or mean nothing"
        ) from exc


def _decode(data: bytes, wanted: Container[str] | None) -> Chunk:
    form, rows, first_ts, first_received, ts_width, received_width, many_flags, count = _HEADER.unpack_from(data)
    if form != _PLAIN:
        raise CorruptChunkError(f"expected chunk format {_PLAIN} or {_DEFLATED}, got {form}")
    if not 0 < rows <= _MAX_ROWS:
        raise CorruptChunkError(f"expected 1 to {_MAX_ROWS} rows, got {rows}")
    at = _HEADER.size
    if rows == 1:
        timestamps, receipts = [first_ts], [first_received]
    else:
        timestamps, at = _running(data, at, first_ts, ts_width, rows)
        receipts, at = _running(data, at, first_received, received_width, rows)
    flags = data[at : at + rows] if many_flags else data[at : at + 1] * rows
    at += rows if many_flags else 1
    chunk: Chunk = {}
    for _ in range(count):
        name_length, kind, length = _METRIC.unpack_from(data, at)
        at += _METRIC.size
        name = data[at : at + name_length].decode()
        at += name_length
        if wanted is None or name in wanted:
            body = data[at : at + length]
            if len(body) != length:
                raise CorruptChunkError(f"expected {length} bytes of {name!r}, got {len(body)}")
            if kind & _SPARSE:
                size = (rows + 7) // 8
                bits = f"{int.from_bytes(body[:size], 'big'):0{rows}b}"
                chosen = [bit == "1" for bit in bits]
                columns = (list(compress(column, chosen)) for column in (timestamps, receipts, flags))
                ts, received_at, own_flags = columns
                values = _READERS[kind & ~_SPARSE](body[size:], len(ts), kind & ~_SPARSE)
                chunk[name] = Column(ts, received_at, bytes(own_flags), values)
            else:
                chunk[name] = Column(timestamps, receipts, flags, _READERS[kind](body, rows, kind))
        at += length
    return chunk


def _integers(numbers: list[int]) -> tuple[int, bytes]:
    """The narrowest width in bytes that holds them all, and the numbers so packed; width 0 when all are zero."""
    if not any(numbers):
        return 0, b""
    low, high = min(numbers), max(numbers)
    # A wider one does not fit the last array either, which says so.
    fitting = (one for one in _WIDTHS if -(1 << 8 * one[1] - 1) <= low and high < 1 << 8 * one[1] - 1)
    code, width = next(fitting, _WIDTHS[-1])
    return width, _little(array(code, numbers)).tobytes()


def _numbers(data: bytes, width: int, count: int) -> Sequence[int]:
    if not width:
        return [0] * count
    numbers = array(_TYPECODES[width])
    numbers.frombytes(data)
    return _little(numbers)


def _little(numbers: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _running(data: bytes, at: int, first: int, width: int, rows: int) -> tuple[list[int], int]:
    behind = at + width * (rows - 1)
    return list(accumulate(_numbers(data[at:behind], width, rows - 1), initial=first)), behind


def _values(values: list[Value]) -> tuple[int, bytes]:
    kinds = {type(value) for value in values}
    if kinds == {float}:
        return _float_values([value for value in values if type(value) is float])
    if kinds == {bool}:
        return _BOOLEANS, bytes(bool(value) for value in values)
    return (_TEXTS if kinds == {str} else _MIXED), _pack(values)


def _float_values(values: list[float]) -> tuple[int, bytes]:
    for digits, scale in enumerate(_SCALES):
        scaled = _scaled(values, scale)
        if scaled is not None:
            first_width, first = _integers(scaled[:1])
            width, rest = _integers([b - a for a, b in pairwise(scaled)])
            return digits, bytes([first_width << 4 | width]) + first + rest
    return _FLOATS, struct.pack(f"<{len(values)}d", *values)


def _scaled(values: list[float], scale: float) -> list[int] | None:
    """Integers that divided by `scale` are these very floats, or None."""
    result = []
    for value in values:
        larger = value * scale
        # -0.0 has no integer of its own.
        if not -_EXACT < larger < _EXACT or (not value and str(value)[0] == "-"):
            return None
        whole = round(larger)
        if whole / scale != value:
            return None
        result.append(whole)
    return result


def _read_scaled(body: bytes, count: int, digits: int) -> list[Value]:
    first_width, width = body[0] >> 4, body[0] & 15
    first = int.from_bytes(body[1 : 1 + first_width], "little", signed=True)
    scale = _SCALES[digits]
    if count == 1:
        return [first / scale]
    differences = _numbers(body[1 + first_width :], width, count - 1)
    return [whole / scale for whole in accumulate(differences, initial=first)]


def _read_floats(body: bytes, count: int, _: int) -> list[Value]:
    return list(struct.unpack(f"<{count}d", body))


def _read_booleans(body: bytes, _: int, __: int) -> list[Value]:
    return [byte == 1 for byte in body]


def _read_texts(body: bytes, _: int, __: int) -> list[Value]:
    return list(_unpack_texts(body))


def _read_mixed(body: bytes, _: int, __: int) -> list[Value]:
    return list(_unpack_mixed(body))


_READERS: dict[int, Callable[[bytes, int, int], list[Value]]] = {
    **dict.fromkeys(range(_SCALED_MAX + 1), _read_scaled),
    _FLOATS: _read_floats,
    _BOOLEANS: _read_booleans,
    _TEXTS: _read_texts,
    _MIXED: _read_mixed,
}


def _mask(rows: list[int], count: int) -> bytes:
    """Bit by row, the first row the highest bit, padded in front."""
    bits = 0
    for row in rows:
        bits |= 1 << count - 1 - row
    return bits.to_bytes((count + 7) // 8, "big")
