"""What people and apps ask about devices."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from contract.models import DeviceModel
from functions.domain.cursors import seal, unseal
from functions.domain.devices import Device, DeviceFilter
from functions.domain.presence import Status
from functions.domain.quarantine import QuarantinePage
from functions.domain.series import MAX_BINS, Aggregate, Row, SeriesQuery
from functions.domain.state import Counters
from functions.domain.status import DeviceStatus
from functions.errors import NotFoundError, RequestError
from functions.ports import Clock, DeviceRegistry, Quarantine, SeriesReader, StatusReader

SUMMARY_DEVICES = 1000


class DeviceSummary(msgspec.Struct, frozen=True):
    device: Device
    status: Status


class DeviceDetail(msgspec.Struct, frozen=True):
    """A device that is not registered but was heard has no `device`. `model` is None when it is not known here."""

    thing: str
    device: Device | None
    model: DeviceModel | None
    status: DeviceStatus


class SeriesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A series as it was asked for. `asked` spells the range as the caller did: the cursor belongs to that."""

    device: str
    metrics: tuple[str, ...]
    start: int
    end: int
    asked: tuple[str, str]
    bin_ms: int | None = None
    aggregates: tuple[Aggregate, ...] = (Aggregate.AVG,)
    cursor: str | None = None
    limit: int


class SeriesAnswer(msgspec.Struct, frozen=True):
    """`start` and `end` are those of the first page, so that a relative range does not slide between pages."""

    start: int
    end: int
    rows: tuple[Row, ...]
    cursor: str | None


class FleetSummary(msgspec.Struct, frozen=True):
    """Sums over one page of devices."""

    devices: int
    online: int
    counters: Counters
    quarantined: Mapping[str, int]
    cursor: str | None


class Queries:
    def __init__(
        self,
        *,
        registry: DeviceRegistry,
        statuses: StatusReader,
        store: SeriesReader,
        quarantine: Quarantine,
        models: Mapping[str, DeviceModel],
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._statuses = statuses
        self._store = store
        self._quarantine = quarantine
        self._models = models
        self.clock = clock

    def devices(
        self, wanted: DeviceFilter, limit: int, cursor: str | None
    ) -> tuple[tuple[DeviceSummary, ...], str | None]:
        page = self._registry.page(wanted, limit, cursor)
        statuses = self._statuses.statuses(device.thing for device in page.devices)
        return tuple(
            DeviceSummary(device, statuses.get(device.thing, DeviceStatus()).presence.status) for device in page.devices
        ), page.cursor

    def device(self, thing: str) -> DeviceDetail:
        """Raises NotFoundError for one that is neither registered nor was ever heard."""
        device = self._registry.find([thing]).get(thing)
        status = self._statuses.statuses([thing]).get(thing)
        if device is None and status is None:
            raise NotFoundError(f"no device {thing!r} is registered or was ever heard")
        model = None if device is None else self._models.get(device.model)
        return DeviceDetail(thing, device, model, status or DeviceStatus())

    def series(self, request: SeriesRequest) -> SeriesAnswer:
        """Raises NotFoundError, CursorError, and RequestError for a range that is none or has too many bins."""
        question = (
            "telemetry",
            request.device,
            request.metrics,
            request.bin_ms,
            request.aggregates,
            request.asked,
        )
        start, end, inner = request.start, request.end, None
        if request.cursor is not None:
            position = unseal(request.cursor, question, (int, int, str))
            start, end, inner = int(position[0]), int(position[1]), str(position[2])
        # Only now: what was asked for in relation to the present has moved since the first page.
        _check_range(start, end, request.bin_ms)
        self._require(request.device)
        page = self._store.series(
            SeriesQuery(
                device=request.device,
                metrics=request.metrics,
                start=start,
                end=end,
                bin_ms=request.bin_ms,
                aggregates=request.aggregates,
                cursor=inner,
                limit=request.limit,
            )
        )
        cursor = None if page.cursor is None else seal(question, (start, end, page.cursor))
        return SeriesAnswer(start, end, page.rows, cursor)

    def quarantined(self, thing: str, limit: int, cursor: str | None) -> QuarantinePage:
        """Raises NotFoundError, CursorError."""
        self._require(thing)
        return self._quarantine.page(thing, limit, cursor)

    def summary(self, cursor: str | None) -> FleetSummary:
        """Raises CursorError."""
        page = self._registry.page(DeviceFilter(), SUMMARY_DEVICES, cursor)
        statuses = self._statuses.statuses(device.thing for device in page.devices)
        counters = Counters()
        quarantined: Counter[str] = Counter()
        for status in statuses.values():
            counters = counters.plus(status.state.counters)
            quarantined.update(status.quarantined)
        online = sum(status.presence.status is Status.ONLINE for status in statuses.values())
        return FleetSummary(len(page.devices), online, counters, dict(quarantined), page.cursor)

    def _require(self, thing: str) -> None:
        if thing not in self._registry.find([thing]) and thing not in self._statuses.statuses([thing]):
            raise NotFoundError(f"no device {thing!r} is registered or was ever heard")


def _check_range(start: int, end: int, bin_ms: int | None) -> None:
    if start > end:
        raise RequestError("from", "a time not after `to`", f"{start} after {end}")
    if bin_ms is not None and end - start > bin_ms * MAX_BINS:
        raise RequestError("bin", f"at most {MAX_BINS} bins from `from` to `to`", str(-(-(end - start) // bin_ms)))
