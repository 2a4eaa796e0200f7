"""The telemetry store on a DynamoDB table of its own.

An item is an immutable chunk: points of one device, one UTC hour and one batch. Its sort key ends in a digest of its
content, so that a redelivery rewrites the same item; reading merges chunks, so that overlapping ones do no harm.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from functions.adapters.backoff import Backoff
from functions.adapters.chunk import MAX_POINTS, CorruptChunkError, UnencodableError, decode, encode, flag_meaning
from functions.adapters.chunk_pages import MAX_PAGE_DAYS, Position, read_page
from functions.adapters.dynamodb_chunks import DAY_MS, HOUR_MS, MAX_CHUNK_BYTES, ChunkTable, Key, chunk_key
from functions.domain.cursors import seal, unseal
from functions.domain.retention import Horizon
from functions.domain.series import (
    Capabilities,
    DevicesPage,
    Point,
    PointsPage,
    Rejected,
    SeriesPage,
    SeriesQuery,
    bin_start,
    newest,
)
from functions.errors import CursorError, PartialWriteError, StoreError
from functions.ports.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CLEAN_UP_MS = 3 * 86_400_000
"""How long after its time DynamoDB may still hold an expired item."""
EXPORT_POINTS = 10_000
"""A page of an export ends with the hour that reaches this many."""


class DynamoDBTelemetryStore:
    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        *,
        clock: Clock,
        retention_ms: int,
        backoff: Backoff | None = None,
    ) -> None:
        self._table = ChunkTable(client, table, backoff or Backoff())
        self._clock = clock
        self._retention_ms = retention_ms

    def capabilities(self) -> Capabilities:
        return Capabilities(name="dynamodb", deletes=True, breaks_ties=True)

    def write(self, points: Sequence[Point]) -> list[Rejected]:
        horizon = self._horizon()
        refusals = [horizon.refusal(point) for point in points]
        rejected = [refusal for refusal in refusals if refusal is not None]
        taken = [point for point, refusal in zip(points, refusals, strict=True) if refusal is None]
        packed, refused = _packed(newest(taken).values())
        rejected += refused
        problems = self._put({key: plain for key, (plain, _) in packed.items()})
        if not problems:
            return rejected
        lost = {identity for key in problems for identity in packed[key][1]}
        failed = frozenset(at for at, point in enumerate(points) if (point.device, point.metric, point.ts) in lost)
        reason = next(iter(problems.values()))
        raise PartialWriteError(f"{len(problems)} of {len(packed)} chunks were not stored: {reason}", failed, rejected)

    def recount(self, points: Sequence[Point]) -> None:
        """Nothing to do: what is written again lands on what is there."""

    def series(self, query: SeriesQuery) -> SeriesPage:
        question = (query.device, query.metrics, query.start, query.end, query.bin_ms, query.aggregates)
        after = Position(-1, "")
        if query.cursor is not None:
            ts, metric = unseal(query.cursor, question, (int, str))
            after = Position(int(ts), str(metric))
            first = bin_start(query.start, query.bin_ms) if query.bin_ms else query.start
            if not first <= after.ts < query.end:
                raise CursorError(query.cursor)
        start, end = self._horizon().clamp(max(query.start, after.ts), query.end)
        rows, reached = read_page(query, after, start, end, self._table.hours)
        return SeriesPage(tuple(rows), None if reached is None else seal(question, reached))

    def export(self, device: str, start: int, end: int, cursor: str | None = None) -> PointsPage:
        question = ("export", device, start, end)
        first = start
        if cursor is not None:
            first = int(unseal(cursor, question, (int,))[0])
            if not start <= first < end:
                raise CursorError(cursor)
        first, end = self._horizon().clamp(first, end)
        until = min(end, first - first % DAY_MS + MAX_PAGE_DAYS * DAY_MS)
        points: list[Point] = []
        for hour in self._table.hours(device, first, until):
            standing = newest(point for _, data in hour.chunks for point in _points(device, data))
            points += [point for point in standing.values() if first <= point.ts < end]
            if len(points) >= EXPORT_POINTS:
                until = min(until, hour.start + HOUR_MS)
                break
        return PointsPage(tuple(points), seal(question, (until,)) if first < until < end else None)

    def devices(self, cursor: str | None = None) -> DevicesPage:
        after = None
        if cursor is not None:
            pk, sk = unseal(cursor, ("telemetry",), (str, str))
            after = Key(str(pk), str(sk))
        found, reached = self._table.everywhere(after)
        oldest = self._horizon().oldest
        devices = dict.fromkeys(device for device, hour in found if hour + HOUR_MS > oldest)
        return DevicesPage(tuple(devices), None if reached is None else seal(("telemetry",), reached))

    def delete(self, device: str, start: int, end: int) -> None:
        horizon = self._horizon()
        start, end = max(start, horizon.oldest - _CLEAN_UP_MS, 0), min(end, horizon.end)
        for hour in self._table.hours(device, start, end):
            kept: dict[Key, bytes] = {}
            gone: list[Key] = []
            for key, data in hour.chunks:
                points = _points(device, data)
                left = [point for point in points if not start <= point.ts < end]
                if len(left) < len(points):
                    gone.append(key)
                    repacked, _ = _packed(left)  # none is refused, they come out of a chunk
                    kept.update({other: plain for other, (plain, _) in repacked.items()})
            # What stays is written before what held it is removed: an interruption may leave points, never lose one.
            problems = self._put(kept) or self._table.remove(gone)
            if problems:
                raise StoreError(f"deleting telemetry of {device}: {next(iter(problems.values()))}")

    def _put(self, chunks: dict[Key, bytes]) -> dict[Key, str]:
        return self._table.put(chunks, self._retention_ms)

    def _horizon(self) -> Horizon:
        return Horizon(self._clock.now_ms(), self._retention_ms)


_Identities = list[tuple[str, str, int]]


def _packed(points: Iterable[Point]) -> tuple[dict[Key, tuple[bytes, _Identities]], list[Rejected]]:
    """Chunks, by key, each with the identities of its points; and points that no chunk can hold."""
    hours: dict[tuple[str, int], list[Point]] = {}
    for point in points:
        hours.setdefault((point.device, point.ts - point.ts % HOUR_MS), []).append(point)
    packed: dict[Key, tuple[bytes, _Identities]] = {}
    refused: list[Rejected] = []
    for (device, hour), some in hours.items():
        for part, plain in _split(some, refused):
            identities = [(point.device, point.metric, point.ts) for point in part]
            packed[chunk_key(device, hour, plain)] = (plain, identities)
    return packed, refused


def _split(points: list[Point], refused: list[Rejected]) -> Iterable[tuple[list[Point], bytes]]:
    """Chunks that fit into an item: halved as often as it takes, also to find a point that no chunk can hold."""
    if len(points) <= MAX_POINTS:
        try:
            plain = encode(points)
        except UnencodableError as exc:
            if len(points) == 1:
                refused.append(Rejected(points[0], "unstorable", str(exc)))
                return []
        else:
            if len(plain) <= MAX_CHUNK_BYTES or len(points) == 1:
                return [(points, plain)]
    points = sorted(points, key=lambda point: (point.ts, point.metric))
    middle = len(points) // 2
    return [*_split(points[:middle], refused), *_split(points[middle:], refused)]


def _points(device: str, data: bytes) -> list[Point]:
    try:
        chunk = decode(data)
    except CorruptChunkError as exc:
        raise StoreError(f"a chunk of {device}: {exc}") from exc
    return [
        Point(device, metric, ts, value, *flag_meaning(flag), received_at)
        for metric, column in chunk.items()
        for ts, received_at, flag, value in zip(column.ts, column.received_at, column.flags, column.values, strict=True)
    ]
