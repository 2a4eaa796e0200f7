"""Reading many chunks as one: where they overlap, of each metric and ts the point stands that was received last."""

from collections.abc import Iterable
from typing import NamedTuple

from contract.telemetry import Value
from functions.adapters.chunk import Chunk
from functions.domain.series import TYPE_RANK


class Series(NamedTuple):
    """Points of one metric in ascending order of `ts`, each once. Flags as in `chunk.flag_meaning`."""

    ts: list[int]
    values: list[Value]
    flags: list[int]


def merge(chunks: Iterable[Chunk], start: int, end: int) -> dict[str, Series]:
    """The points of all chunks in `[start, end)`, by metric."""
    standing: dict[str, dict[int, tuple[int, Value, int]]] = {}
    for chunk in chunks:
        for metric, column in chunk.items():
            points = standing.setdefault(metric, {})
            for ts, received_at, value, flag in zip(
                column.ts, column.received_at, column.values, column.flags, strict=True
            ):
                known = points.get(ts)
                if known is None or _stands(received_at, value, flag, known):
                    points[ts] = (received_at, value, flag)
    return {metric: _series(points, start, end) for metric, points in standing.items()}


def _stands(received_at: int, value: Value, flag: int, known: tuple[int, Value, int]) -> bool:
    """As `series.precedence` has it; compared step by step, since nearly always the first decides."""
    if received_at != known[0]:
        return received_at > known[0]
    mine = (TYPE_RANK[type(value)], value, flag)
    return mine > (TYPE_RANK[type(known[1])], known[1], known[2])


def _series(points: dict[int, tuple[int, Value, int]], start: int, end: int) -> Series:
    timestamps = sorted(ts for ts in points if start <= ts < end)
    return Series(timestamps, [points[ts][1] for ts in timestamps], [points[ts][2] for ts in timestamps])
