"""Moves history into a telemetry store, a slice at a time: read it from the source, write it, compare what then stands.

    lake or store → points → target → read again → counts and checksums of each device and day

Every step may be repeated, in any order and by several at once: what the target holds already it keeps.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from contract.backfill import LAKE, Copied, CopyRequest, DeviceDay, LakeObject, Listing, PlanRequest
from functions.domain.reconciliation import Reconciliation
from functions.domain.series import Point
from functions.errors import PartialWriteError, RequestError
from functions.ports import Clock, LakeReader, TelemetryStore
from functions.services.backfill_sources import DAY_MS, Identity, LakeSource, StoreSource
from functions.services.device_models import DeviceModels

WRITE_MS = 240_000
VERIFY_MS = 240_000
"""After these no further attempt begins: with the time for reading and a last call they fit into 15 minutes."""
READERS = 8

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_DeviceDay = tuple[str, int]


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
        models: DeviceModels,
        clock: Clock,
        attempts: Iterable[int],
    ) -> None:
        self._stores = stores
        self._known = tuple(known)
        self._lake = lake
        self._models = models
        self._clock = clock
        self._attempts = attempts

    def plan(self, request: PlanRequest) -> Listing:
        """A page of what there is to move. Raises RequestError, LakeReadError, StoreError."""
        self._check(request)
        if request.source == LAKE:
            objects = self._lake.objects(request.since, request.until, request.cursor)
            return Listing(
                objects=tuple(LakeObject(one.key, one.size) for one in objects.objects), cursor=objects.cursor
            )
        devices = self._stores[request.source].devices(request.cursor)
        return Listing(devices=devices.devices, cursor=devices.cursor)

    def copy(self, request: CopyRequest) -> Copied:
        """Raises RequestError, and AdapterError where a service failed: then the slice is to be copied again."""
        self._check(request)
        target = self._stores[request.target]
        source = (
            LakeSource(self._lake, self._models, self._clock)
            if request.source == LAKE
            else StoreSource(self._stores[request.source], self._clock)
        )
        read = source.read(request)
        points = read.points
        repeats = _repeats(target, points.values()) if request.source == LAKE else set()
        points = {identity: point for identity, point in points.items() if identity not in repeats}
        refused = self._write(target, [*points.values()])
        return Copied(
            next=read.next,
            points=len(points),
            days=self._verify(target, points, refused),
            lines=read.lines,
            outside=read.outside,
            bad_lines=read.bad_lines,
            damage=tuple(read.damage),
            messages=read.messages,
            duplicates=read.duplicates,
            repeats=len(repeats),
            faults=dict(read.faults),
        )

    def _check(self, request: PlanRequest | CopyRequest) -> None:
        if request.since >= request.until:
            raise RequestError("since", f"a time before until, {request.until}", str(request.since))
        if request.source == request.target:
            raise RequestError("to", "another store than the one to move from", repr(request.target))
        if request.source != LAKE:
            self._check_store("from", request.source, (LAKE, *self._known))
        self._check_store("to", request.target, self._known)

    def _check_store(self, field: str, name: str, known: tuple[str, ...]) -> None:
        if name not in known:
            raise RequestError(field, f"one of {', '.join(known)}", repr(name))
        if name not in self._stores:
            deployed = " and ".join(self._stores)
            raise RequestError(field, f"a store that is deployed, which is {deployed}", repr(name))

    def _write(self, target: TelemetryStore, points: list[Point]) -> dict[Identity, str]:
        """Why the target will never take some of them."""
        refused: dict[Identity, str] = {}
        until = self._clock.now_ms() + WRITE_MS
        problem: PartialWriteError | None = None
        for _ in self._attempts:
            if not points or (problem is not None and self._clock.now_ms() >= until):
                break
            try:
                rejected = target.write(points)
                points = []
            except PartialWriteError as exc:
                problem = exc
                rejected = [*exc.rejected]
                points = [points[position] for position in sorted(exc.failed)]
            refused.update({_identity(one.point): one.reason for one in rejected})
        if points and problem is not None:
            raise problem
        return refused

    def _verify(
        self, target: TelemetryStore, points: Mapping[Identity, Point], refused: Mapping[Identity, str]
    ) -> tuple[DeviceDay, ...]:
        days = _by_device_day(points.values())
        breaks_ties = target.capabilities().breaks_ties
        until = self._clock.now_ms() + VERIFY_MS

        def compare(day: _DeviceDay) -> DeviceDay:
            some = {(point.metric, point.ts): point for point in days[day]}
            why = {one: refused[day[0], *one] for one in some if (day[0], *one) in refused}
            compared = Reconciliation(some, why, breaks_ties=breaks_ties)
            for page in _pages(target, day[0], days[day]):
                compared.see(page)
            return compared.device_day

        def settled(day: _DeviceDay) -> DeviceDay:
            # A store may not yet show what it has just taken.
            for _ in self._attempts:
                outcome = compare(day)
                if outcome.verified or self._clock.now_ms() >= until:
                    return outcome
            return compare(day)

        return tuple(_side_by_side(settled, sorted(days)))


def _repeats(target: TelemetryStore, points: Iterable[Point]) -> set[Identity]:
    """Late points that the target has already, from a message that was received on time.

    A device that lost its connection sends again what was not acknowledged, perhaps hours later. Ingest knew such a
    message by its number; here the first may lie in another object of the lake.
    """
    late = _by_device_day(point for point in points if point.late)

    def known(day: _DeviceDay) -> set[Identity]:
        wanted = {_identity(point): point for point in late[day]}
        return {
            _identity(found)
            for page in _pages(target, day[0], late[day])
            for found in page
            if (point := wanted.get(_identity(found))) is not None and _repeated(found, point)
        }

    return set().union(*_side_by_side(known, sorted(late)))


def _repeated(found: Point, point: Point) -> bool:
    return (
        not found.late
        and found.received_at < point.received_at
        and (type(found.value), found.value, found.quality) == (type(point.value), point.value, point.quality)
    )


def _pages(target: TelemetryStore, device: str, points: Iterable[Point]) -> Iterable[tuple[Point, ...]]:
    """What the target holds from the first to the last of these points."""
    moments = [point.ts for point in points]
    cursor = None
    while True:
        page = target.export(device, min(moments), max(moments) + 1, cursor)
        yield page.points
        cursor = page.cursor
        if cursor is None:
            return


def _by_device_day(points: Iterable[Point]) -> dict[_DeviceDay, list[Point]]:
    days: dict[_DeviceDay, list[Point]] = {}
    for point in points:
        days.setdefault((point.device, point.ts // DAY_MS), []).append(point)
    return days


def _identity(point: Point) -> Identity:
    return point.device, point.metric, point.ts


def _side_by_side(call: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(call, items))
