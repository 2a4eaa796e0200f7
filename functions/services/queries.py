"""What people and apps ask about devices, each within what he may see."""

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from contract.models import DeviceModel, Severity
from functions.domain.access import Permission, Principal, Reach, Target
from functions.domain.devices import Device, DeviceFilter, DevicePage
from functions.domain.engine.codec import losses
from functions.domain.engine.losses import HourlyLoss
from functions.domain.fleet import FleetSums, Member, sums, window_from
from functions.domain.status import DeviceStatus
from functions.ports.alarms import AlarmStore
from functions.ports.clock import Clock
from functions.ports.devices import DeviceRegistry, StatusReader
from functions.services.gate import Gate, missing

SUMMARY_DEVICES = 1000


class DeviceSummary(msgspec.Struct, frozen=True):
    """`model` is None when it is not known here."""

    device: Device
    status: DeviceStatus
    model: DeviceModel | None

    @property
    def interval_ms(self) -> int | None:
        return None if self.model is None else self.model.interval_ms


class DeviceDetail(msgspec.Struct, frozen=True):
    """A device that is not registered but was heard has no `device`. `model` is None when it is not known here.

    `open_alarms` are its active ones by severity, None where the caller may not read them.
    """

    thing: str
    device: Device | None
    model: DeviceModel | None
    status: DeviceStatus
    open_alarms: Mapping[Severity, int] | None = None

    @property
    def interval_ms(self) -> int | None:
        return None if self.model is None else self.model.interval_ms


class FleetSummary(msgspec.Struct, frozen=True):
    """Sums over one page of devices; what was received and lost counts from `window_from`."""

    sums: FleetSums
    window_from: int
    cursor: str | None


class Queries:
    def __init__(
        self,
        *,
        registry: DeviceRegistry,
        gate: Gate,
        statuses: StatusReader,
        models: Mapping[str, DeviceModel],
        alarms: AlarmStore,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._gate = gate
        self._statuses = statuses
        self._models = models
        self._alarms = alarms
        self.clock = clock

    def devices(
        self, wanted: DeviceFilter, limit: int, cursor: str | None
    ) -> tuple[tuple[DeviceSummary, ...], str | None]:
        """Raises CursorError, and RequestError for a filter that no list serves."""
        page = self._registry.page(wanted, limit, cursor)
        return tuple(self._summaries(page, self._statuses.statuses(one.thing for one in page.devices))), page.cursor

    def _summaries(self, page: DevicePage, statuses: Mapping[str, DeviceStatus]) -> Iterator[DeviceSummary]:
        models = {name: self._models.get(name) for name in {device.model for device in page.devices}}
        for device in page.devices:
            yield DeviceSummary(device, statuses.get(device.thing, DeviceStatus()), models[device.model])

    def shown(self, who: Principal, thing: str) -> DeviceDetail:
        """The same as `device`, with its open alarms."""
        detail = self.device(who, thing)
        target = Target(thing, detail.device.group if detail.device else "")
        if not who.may(Permission.ALARMS_READ, target):
            return detail
        open_alarms = Counter(alarm.severity for alarm in self._alarms.active(thing))
        return msgspec.structs.replace(detail, open_alarms=dict(open_alarms))

    def device(self, who: Principal, thing: str, permission: Permission = Permission.DEVICES_READ) -> DeviceDetail:
        """Raises NotFoundError for one that he may not see, or that is neither registered nor was ever heard."""
        device = self._gate.heard(who, permission, thing)
        status = self._statuses.statuses([thing]).get(thing)
        if device is None and status is None:
            raise missing(thing)
        model = None if device is None else self._models.get(device.model)
        return DeviceDetail(thing, device, model, status or DeviceStatus())

    def summary(self, reach: Reach, cursor: str | None) -> FleetSummary:
        """Raises CursorError."""
        page = self._registry.page(DeviceFilter(reach=reach), SUMMARY_DEVICES, cursor)
        now = self.clock.now_ms()
        begin = window_from(now)
        # The losses are in the items that are read anyway.
        statuses = self._statuses.statuses((device.thing for device in page.devices), engine=True)
        members = (
            Member(one.device, one.status, one.interval_ms, _losses(one.status, begin))
            for one in self._summaries(page, statuses)
        )
        return FleetSummary(sums(members, now), begin, page.cursor)


def _losses(status: DeviceStatus, begin: int) -> tuple[HourlyLoss, ...]:
    """Of a device whose rules' state is damaged none: it must not take the sums of all others with it."""
    try:
        return losses(status.state, begin)
    except ValueError:
        return ()
