"""A device's stored telemetry as rules would have seen it: instant by instant, in the order of its own time."""

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby
from operator import attrgetter
from typing import Final

from contract.telemetry import Value
from functions.domain.engine.inputs import SURE
from functions.domain.series import MAX_LIMIT, MAX_METRICS, RawRow, SeriesQuery
from functions.ports.telemetry import SeriesReader

Instant = tuple[int, Mapping[str, Value | None]]

_by_ts: Final = attrgetter("ts")


def instants(store: SeriesReader, thing: str, metrics: Sequence[str], start: int, end: int) -> Iterator[Instant]:
    """Data of `[start, end)` that came in time; of a doubtful quality as None. Raises StoreError.

    Pages are read as they are needed, so that memory is bounded whatever the range holds.
    """
    names = sorted(metrics)
    streams = [
        _rows(store, thing, tuple(names[at : at + MAX_METRICS]), start, end) for at in range(0, len(names), MAX_METRICS)
    ]
    rows = streams[0] if len(streams) == 1 else merge(*streams, key=_by_ts)
    for ts, some in groupby(rows, key=_by_ts):
        values = {row.metric: row.value if row.quality in SURE else None for row in some if not row.late}
        if values:
            yield ts, values


def _rows(store: SeriesReader, thing: str, metrics: tuple[str, ...], start: int, end: int) -> Iterator[RawRow]:
    cursor = None
    while True:
        page = store.series(
            SeriesQuery(device=thing, metrics=metrics, start=start, end=end, cursor=cursor, limit=MAX_LIMIT)
        )
        for row in page.rows:
            if isinstance(row, RawRow):
                yield row
        cursor = page.cursor
        if cursor is None:
            return
