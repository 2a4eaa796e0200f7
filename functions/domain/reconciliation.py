"""Whether a store holds what was copied into it: the points of one device and UTC day, compared one by one."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from contract.backfill import DeviceDay
from functions.domain.checksums import Checksum
from functions.domain.series import Point, precedence


class Reconciliation:
    """`points` of one device and day, each identity once, and why the target refused some of them, by identity.

    `breaks_ties` says whether of two values that were received together the greater stands in the target: then a
    greater one is another message's and no error. `whole` says that `points` are all that the source holds of what is
    seen: then what only the target holds is counted. It is no error, for devices may have sent it since.
    """

    def __init__(
        self,
        points: Mapping[tuple[str, int], Point],
        refused: Mapping[tuple[str, int], str],
        *,
        breaks_ties: bool,
        whole: bool = False,
    ) -> None:
        self._points = points
        self._refused = refused
        self._breaks_ties = breaks_ties
        self._whole = whole
        self._extra = 0
        self._found: dict[tuple[str, int], Point] = {}

    def see(self, found: Iterable[Point]) -> None:
        """Points as they stand in the target."""
        for point in found:
            identity = (point.metric, point.ts)
            if identity not in self._points or identity in self._found:
                self._extra += 1
            elif identity not in self._refused:
                self._found[identity] = point

    @property
    def device_day(self) -> DeviceDay:
        some = next(iter(self._points.values()))
        superseded = {one for one, found in self._found.items() if self._supersedes(found, self._points[one])}
        apart = self._refused.keys() | superseded
        wanted = {one: point for one, point in self._points.items() if one not in apart}
        found = {one: point for one, point in self._found.items() if one not in superseded}
        return DeviceDay(
            device=some.device,
            day=day_of(some.ts),
            points=len(self._points),
            checksum=str(Checksum.of(wanted.values())),
            found=len(found),
            found_checksum=str(Checksum.of(found.values())),
            superseded=len(superseded),
            missing=len(wanted) - len(found),
            different=sum(not _same(point, wanted[one]) for one, point in found.items()),
            refused=dict(Counter(self._refused.values())),
            extra=self._extra if self._whole else None,
        )

    def _supersedes(self, found: Point, wanted: Point) -> bool:
        if found.received_at == wanted.received_at:
            return self._breaks_ties and precedence(found) > precedence(wanted)
        return found.received_at > wanted.received_at


def _same(one: Point, other: Point) -> bool:
    """Equal, where to Python a boolean equals a number."""
    return one == other and type(one.value) is type(other.value)


def day_of(ts: int) -> str:
    return f"{datetime.fromtimestamp(ts // 1000, UTC):%Y-%m-%d}"
