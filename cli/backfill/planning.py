"""What is moved, cut into pieces that one invocation or a few can copy: in the order of time."""

from collections.abc import Iterable, Sequence

import msgspec

from contract.backfill import LAKE, MAX_PIECE_ITEMS, LakeObject, Listing, Piece

DAY_MS = 86_400_000
PIECE_BYTES = 2_000_000
"""Some 300,000 points, which take an invocation a quarter of a minute or more."""
PIECE_DEVICES = 25


class Move(msgspec.Struct, frozen=True):
    """`source` is a store or the lake, `until` is not included."""

    source: str
    target: str
    since: int
    until: int


class Sized(msgspec.Struct, frozen=True):
    """A piece and its part of the work: bytes of the lake, or devices' days of a store."""

    piece: Piece
    size: int


class Plan(msgspec.Struct, frozen=True):
    pieces: tuple[Sized, ...]
    objects: int = 0
    devices: int = 0
    days: int = 0
    oldest: int = 0

    @property
    def size(self) -> int:
        return sum(one.size for one in self.pieces)


def plan(move: Move, listings: Sequence[Listing]) -> Plan:
    """The same pieces in the same order from the same listings."""
    oldest = max((listing.oldest for listing in listings), default=0)
    if move.source == LAKE:
        objects = list(dict.fromkeys(one for listing in listings for one in listing.objects))
        return Plan(tuple(_runs(objects)), objects=len(objects), oldest=oldest)
    devices = sorted({device for listing in listings for device in listing.devices})
    first = max(move.since, oldest)
    days = range(first - first % DAY_MS, move.until, DAY_MS)
    groups = [tuple(devices[at : at + PIECE_DEVICES]) for at in range(0, len(devices), PIECE_DEVICES)]
    # Day by day: a store that keeps its parts by time is then written in few of them at once.
    pieces = tuple(Sized(Piece(devices=group, day=day), len(group)) for day in days for group in groups)
    return Plan(pieces, devices=len(devices), days=len(days), oldest=oldest)


def _runs(objects: Iterable[LakeObject]) -> Iterable[Sized]:
    """Objects that follow each other, as many as make a piece; a large one is a piece of its own."""
    run: list[str] = []
    size = 0
    for one in objects:
        if run and (len(run) == MAX_PIECE_ITEMS or size + one.size > PIECE_BYTES):
            yield Sized(Piece(objects=tuple(run)), size)
            run, size = [], 0
        run.append(one.key)
        size += one.size
    if run:
        yield Sized(Piece(objects=tuple(run)), size)
