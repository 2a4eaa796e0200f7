"""Marks of the instants at which a point has two versions, made when the second is written.

So whoever reads bins is told at once where rows are not points, and need not look for it: nearly nothing has a mark. A
point that is `fresh` has no other version yet. For all others the server is asked, after they were written: of two
that write at once, the later finds the versions of both.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from functions.adapters.influx_lines import encode_marks, kind_of
from functions.adapters.influx_pages import Asking
from functions.adapters.influx_queries import neighbours
from functions.adapters.influx_slots import MS
from functions.domain.series import Point

HOUR_MS = 3_600_000
DEVICES, FIELDS = 50, 20
"""That one statement is about."""
_COLUMNS = 1_000
"""Fields of devices that one request is about."""
_MARKS = 5_000
"""Of one request."""
_Item = TypeVar("_Item")


def mark(asking: Asking, write: Callable[[bytes], None], points: Iterable[Point]) -> None:
    """Makes a mark, if there is none, for each of these points that has a version beside it in the store.

    Raises StoreError, and whatever `write` raises.
    """
    written: set[tuple[str, int]] = set()
    hours: defaultdict[int, dict[str, _Written]] = defaultdict(dict)
    for point in points:
        written.add((point.device, point.ts))
        hours[point.ts // HOUR_MS].setdefault(point.device, _Written()).add(point)
    found: set[tuple[str, int]] = set()
    for looks in _bundles(_looks(hours)):
        answers = asking.query(*(neighbours(*look) for look in looks))
        for series in (series for answer in answers for series in answer):
            # Neighbours may also be the last of one ms and the first of the next.
            pairs = ((time // MS, (time - gap) // MS) for time, gap in series.values)
            found |= {(series.tags["device"], ts) for ts, before in pairs if ts == before}
    for some in _chunks(sorted(found & written), _MARKS):
        write(encode_marks(some))


class _Written:
    """Of one device in one hour."""

    def __init__(self) -> None:
        self.fields: set[str] = set()
        self.instants: set[int] = set()

    def add(self, point: Point) -> None:
        self.fields.add(f"{kind_of(point.value)}:{point.metric}")
        self.instants.add(point.ts)


class _Look(NamedTuple):
    devices: tuple[str, ...]
    fields: tuple[str, ...]
    start: int
    end: int


def _looks(hours: dict[int, dict[str, _Written]]) -> Iterator[_Look]:
    """Devices that wrote the same fields are asked about together, and so are hours that follow each other."""
    pending: dict[tuple[tuple[str, ...], tuple[str, ...]], _Look] = {}
    for hour in sorted(hours):
        alike: defaultdict[frozenset[str], list[str]] = defaultdict(list)
        for device, written in hours[hour].items():
            alike[frozenset(written.fields)].append(device)
        for fields, devices in alike.items():
            for some in _chunks(sorted(devices), DEVICES):
                instants = [ts for device in some for ts in hours[hour][device].instants]
                for part in _chunks(sorted(fields), FIELDS):
                    look = _Look(tuple(some), tuple(part), min(instants), max(instants) + 1)
                    before = pending.get(look[:2])
                    if before is not None and before.end > (hour - 1) * HOUR_MS:
                        look = look._replace(start=before.start)
                    elif before is not None:
                        yield before
                    pending[look[:2]] = look
    yield from pending.values()


def _bundles(looks: Iterable[_Look]) -> Iterator[list[_Look]]:
    """Of one request each."""
    bundle: list[_Look] = []
    columns = 0
    for look in looks:
        own = len(look.devices) * len(look.fields)
        if bundle and columns + own > _COLUMNS:
            yield bundle
            bundle, columns = [], 0
        bundle.append(look)
        columns += own
    if bundle:
        yield bundle


def _chunks(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    return (items[first : first + size] for first in range(0, len(items), size))
