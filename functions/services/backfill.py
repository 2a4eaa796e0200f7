"""Moves history into a telemetry store, a slice at a time: read it from the source, write it, compare what then stands.

    lake or store → points → target → read again → counts and checksums of each device and day

Every step may be repeated, in any order and by several at once: what the target holds already it keeps.
"""

from collections.abc import Iterable, Mapping

from contract.backfill import LAKE, Copied, CopyRequest, DeviceDay, LakeObject, Listing, PlanRequest
from functions.domain.ingest import FUTURE_MS
from functions.domain.reconciliation import Reconciliation
from functions.domain.retention import Horizon
from functions.domain.series import Point, newest
from functions.errors import PartialWriteError, RequestError
from functions.ports.clock import Clock
from functions.ports.telemetry import LakeReader, TelemetryStore
from functions.services.backfill_reading import DayOfDevice, Span, by_device_day, side_by_side, span, stored
from functions.services.backfill_repeats import repeated_messages
from functions.services.backfill_sources import LakeSource, StoreSource
from functions.services.rulebook import Rulebook

WRITE_MS = 240_000
VERIFY_MS = 240_000
"""After these no further attempt begins: with the time for reading and a last call they fit into 15 minutes."""

_Identity = tuple[str, str, int]


class Backfill:
    """`stores` are those of the deployment, by name; `known` are the names of all that there could be.

    `attempts` gives a turn for each try, waiting between them; it is iterated anew for each thing that is tried.
    """

    def __init__(
        self,
        *,
        stores: Mapping[str, TelemetryStore],
        known: Iterable[str],
        lake: LakeReader,
        rulebook: Rulebook,
        clock: Clock,
        retention_ms: int,
        attempts: Iterable[int],
    ) -> None:
        self._stores = stores
        self._known = tuple(known)
        self._lake = lake
        self._rulebook = rulebook
        self._clock = clock
        self._retention_ms = retention_ms
        self._attempts = attempts

    def plan(self, request: PlanRequest) -> Listing:
        """A page of what there is to move. Raises RequestError, LakeReadError, StoreError."""
        self._check(request)
        oldest = Horizon(self._clock.now_ms(), self._retention_ms).oldest
        if request.source != LAKE:
            devices = self._stores[request.source].devices(request.cursor)
            return Listing(devices=devices.devices, cursor=devices.cursor, oldest=oldest)
        # A point lies at most so far ahead of its receipt.
        since = max(request.since, oldest - FUTURE_MS)
        objects = self._lake.objects(since, max(since + 1, request.until), request.cursor)
        found = tuple(LakeObject(one.key, one.size) for one in objects.objects)
        return Listing(objects=found, cursor=objects.cursor, oldest=oldest)

    def copy(self, request: CopyRequest) -> Copied:
        """Raises RequestError, and AdapterError where a service failed: then the slice is to be copied again."""
        self._check(request)
        target = self._stores[request.target]
        source = (
            LakeSource(self._lake, self._rulebook, self._clock)
            if request.source == LAKE
            else StoreSource(self._stores[request.source], self._clock)
        )
        read = source.read(request)
        repeated = repeated_messages(target, read.of_messages) if request.source == LAKE else frozenset()
        points = newest(point for at, points in enumerate(read.of_messages) if at not in repeated for point in points)
        refused = self._write(target, [*points.values()])
        return Copied(
            next=read.next,
            points=len(points),
            days=self._verify(target, points, refused, read.whole),
            lines=read.lines,
            outside=read.outside,
            bad_lines=read.bad_lines,
            damage=tuple(read.damage),
            messages=read.messages,
            duplicates=read.duplicates,
            repeats=len(repeated),
            faults=dict(read.faults),
        )

    def _check(self, request: PlanRequest | CopyRequest) -> None:
        if request.since >= request.until:
            raise RequestError("since", f"a time before until, {request.until}", str(request.since))
        if request.source != LAKE:
            self._check_store("from", request.source, (LAKE, *self._known))
        self._check_store("to", request.target, self._known)
        if request.source == request.target:
            raise RequestError("to", "another store than the one to move from", repr(request.target))

    def _check_store(self, field: str, name: str, known: tuple[str, ...]) -> None:
        if name not in known:
            raise RequestError(field, f"one of {', '.join(known)}", repr(name))
        if name not in self._stores:
            deployed = " and ".join(self._stores)
            raise RequestError(field, f"a store that is deployed, which is {deployed}", repr(name))

    def _write(self, target: TelemetryStore, points: list[Point]) -> dict[_Identity, str]:
        """Why the target will never take some of them."""
        if not points:
            return {}
        refused: dict[_Identity, str] = {}
        until = self._clock.now_ms() + WRITE_MS
        problem: PartialWriteError | None = None
        for _ in self._attempts:
            try:
                rejected = target.write(points)
                points = []
            except PartialWriteError as exc:
                problem = exc
                rejected = [*exc.rejected]
                points = [points[position] for position in sorted(exc.failed)]
            refused.update({_identity(one.point): one.reason for one in rejected})
            # Before the next turn, which is waited for.
            if not points or self._clock.now_ms() >= until:
                break
        if points and problem is not None:
            raise problem
        return refused

    def _verify(
        self,
        target: TelemetryStore,
        points: Mapping[_Identity, Point],
        refused: Mapping[_Identity, str],
        whole: Mapping[DayOfDevice, Span],
    ) -> tuple[DeviceDay, ...]:
        days = by_device_day(points.values())
        breaks_ties = target.capabilities().breaks_ties
        until = self._clock.now_ms() + VERIFY_MS

        def compare(day: DayOfDevice) -> DeviceDay:
            some = {(point.metric, point.ts): point for point in days[day]}
            why = {one: refused[day[0], *one] for one in some if (day[0], *one) in refused}
            compared = Reconciliation(some, why, breaks_ties=breaks_ties, whole=day in whole)
            for page in stored(target, day[0], whole.get(day) or span(days[day])):
                compared.see(page)
            return compared.device_day

        def settled(day: DayOfDevice) -> DeviceDay:
            # A store may not yet show what it has just taken.
            for _ in self._attempts:
                outcome = compare(day)
                if outcome.matches or self._clock.now_ms() >= until:
                    return outcome
            return compare(day)

        return tuple(side_by_side(settled, sorted(days)))


def _identity(point: Point) -> _Identity:
    return point.device, point.metric, point.ts
