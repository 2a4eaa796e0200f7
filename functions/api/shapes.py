"""The answers about devices, and how they are made. A field once there stays: apps read it."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Final

import msgspec

from contract.models import Severity
from contract.telemetry import Quality, Value
from functions.domain.devices import Device, Source
from functions.domain.fleet import Reason, Troubled
from functions.domain.ingest import Fault, Origin
from functions.domain.presence import Status
from functions.domain.quarantine import Outcome, Quarantined
from functions.services.queries import DeviceDetail, DeviceSummary, FleetSummary

_MAX_LATEST_BYTES: Final = 500_000
"""Of a page's last values: an answer of the API holds 6 MB, where names and tags may take most."""


class LatestView(msgspec.Struct, frozen=True):
    """`unit` is a UCUM code, `precision` the decimals worth showing. `unmodeled`: the device's model does not know it.

    `derived`: it was computed from others of the device's metrics.
    """

    ts: int
    value: Value
    q: Quality
    unit: str | None
    title: str | None
    unmodeled: bool
    age_ms: int
    derived: bool
    precision: int | None


class DeviceItem(msgspec.Struct, frozen=True):
    """A device on a list.

    It has its `status` since `since`. `seen_at` is when something of it was last received, `read_at` the time of its
    newest reading by the device, `interval_ms` how often its model expects one. `stale`: it is online, and three of
    these intervals have passed without a reading. `latest` are its last values where they were asked for; at the end of
    a page of very many it is null too.
    """

    id: str
    name: str
    model: str
    group: str
    status: Status
    tags: dict[str, str]
    created_at: int
    since: int | None
    seen_at: int | None
    read_at: int | None
    interval_ms: int | None
    stale: bool
    latest: dict[str, LatestView] | None


class DevicesView(msgspec.Struct, frozen=True):
    """A page may be short, even empty, and have a cursor: what is looked at for it is bounded."""

    items: tuple[DeviceItem, ...]
    cursor: str | None


class DeviceEntry(msgspec.Struct, frozen=True):
    """What is registered. `source` fleet: the deployment's fleet file says model and group."""

    id: str
    name: str
    model: str
    group: str
    source: Source
    tags: dict[str, str]
    created_at: int
    updated_at: int
    version: int
    decommissioned: bool


class PresenceView(msgspec.Struct, frozen=True):
    """`since` when it has this status, and why it went offline."""

    status: Status
    since: int | None
    reason: str | None


class LatestsView(msgspec.Struct, frozen=True):
    """Last values by metric, as of `now`."""

    device: str
    now: int
    latest: dict[str, LatestView]


class CountersView(msgspec.Struct, frozen=True):
    """Since the device was first heard. `points` were stored; `late` and `unmodeled` are among them."""

    messages: int
    points: int
    duplicates: int
    late: int
    unmodeled: int


class DeviceView(msgspec.Struct, frozen=True):
    """A device as it is. One that was heard but is not registered has neither model, group nor version.

    `quarantined` counts messages by the reason for which they, or parts of them, were not kept. `seen_at` is when
    something of it was last received, `read_at` the time of its newest reading by the device, `interval_ms` how often
    its model expects one. `stale`: it is online, and three of these intervals have passed without a reading.
    `agent_version` is what its agent said when it last started. `open_alarms` counts by severity, and is null for who
    may not read alarms.
    """

    id: str
    name: str
    model: str | None
    group: str | None
    source: Source | None
    tags: dict[str, str]
    created_at: int | None
    updated_at: int | None
    version: int | None
    decommissioned: bool
    presence: PresenceView
    latest: dict[str, LatestView]
    counters: CountersView
    quarantined: dict[str, int]
    seen_at: int | None
    read_at: int | None
    interval_ms: int | None
    stale: bool
    agent_version: str | None
    open_alarms: dict[Severity, int] | None


class TroubleView(msgspec.Struct, frozen=True):
    """`since`: when it went offline or became stale, the first hour with a loss, the newest quarantined message.

    `count` is of lossy devices how many messages were lost since `window_from`, of quarantined ones how many ever were.
    """

    reason: Reason
    since: int | None
    count: int | None


class TroubledDevice(msgspec.Struct, frozen=True):
    """A device that is not well, and why, the worst first."""

    id: str
    name: str
    model: str
    group: str
    status: Status
    stale: bool
    troubles: tuple[TroubleView, ...]


class FleetSummaryView(msgspec.Struct, frozen=True):
    """Sums over a page of the caller's devices; the sum of all pages is that of his fleet.

    `unknown` devices were never connected. `stale` ones are among those `online`. `received` and `lost` are messages
    since `window_from`, the beginning of the last full hour. `worst` are at most ten devices of the page: those offline
    first, then those that are stale, that lose more than 1 % of their messages, and that had a message quarantined
    within a day; of each kind those that came into it last.
    """

    devices: int
    online: int
    messages: int
    points: int
    duplicates: int
    late: int
    unmodeled: int
    quarantined: dict[str, int]
    cursor: str | None
    offline: int
    unknown: int
    stale: int
    window_from: int
    received: int
    lost: int
    worst: tuple[TroubledDevice, ...]


class FaultView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why it was not kept: a value of `metric` at `ts` where these are named, else the whole message."""

    reason: str
    detail: str
    metric: str | None = None
    ts: int | None = None


class ReplayView(msgspec.Struct, frozen=True):
    """The last replay of an entry: `at` when it was asked for and `by` whom; `points` were stored by all its replays.

    `outcome` stored: nothing is left of it; partly: some more was stored; refused: nothing more was.
    """

    at: int
    by: str
    name: str
    outcome: Outcome
    settled_at: int | None
    points: int


class QuarantinedView(msgspec.Struct, frozen=True):
    """`raw` is base64 of what came, or of its beginning where `truncated`; `bytes` is the size of all of it.

    `origin` is what it was meant to be; only telemetry can be replayed. `faults` are those that were found last.
    """

    id: str
    received_at: int
    reasons: tuple[str, ...]
    faults: tuple[FaultView, ...]
    bytes: int
    truncated: bool
    raw: str
    origin: Origin
    replay: ReplayView | None


def device_items(found: Iterable[DeviceSummary], now: int, *, latest: bool) -> tuple[DeviceItem, ...]:
    items, room = [], _MAX_LATEST_BYTES
    for one in found:
        values = latest_views(one, now) if latest else None
        if values is not None:
            room -= len(msgspec.json.encode(values))
        items.append(_device_item(one, now, values if room >= 0 else None))
    return tuple(items)


def _device_item(summary: DeviceSummary, now: int, latest: dict[str, LatestView] | None) -> DeviceItem:
    device, status = summary.device, summary.status
    return DeviceItem(
        device.thing,
        device.name,
        device.model,
        device.group,
        status.presence.status,
        dict(device.tags),
        device.created_at,
        status.presence.since,
        status.seen_at,
        status.read_at,
        summary.interval_ms,
        status.is_stale(summary.interval_ms, now),
        latest,
    )


def device_entry(device: Device) -> DeviceEntry:
    return DeviceEntry(
        device.thing,
        device.name,
        device.model,
        device.group,
        device.source,
        dict(device.tags),
        device.created_at,
        device.updated_at,
        device.version,
        device.decommissioned,
    )


def device_view(detail: DeviceDetail, now: int) -> DeviceView:
    known, status = detail.device, detail.status
    counters = status.state.counters
    return DeviceView(
        id=detail.thing,
        name=known.name if known else detail.thing,
        model=known.model if known else None,
        group=known.group if known else None,
        source=known.source if known else None,
        tags=dict(known.tags) if known else {},
        created_at=known.created_at if known else None,
        updated_at=known.updated_at if known else None,
        version=known.version if known else None,
        decommissioned=known.decommissioned if known else False,
        presence=PresenceView(status.presence.status, status.presence.since, status.presence.reason),
        latest=latest_views(detail, now),
        counters=CountersView(**msgspec.structs.asdict(counters)),
        quarantined=dict(status.quarantined),
        seen_at=status.seen_at,
        read_at=status.read_at,
        interval_ms=detail.interval_ms,
        stale=status.is_stale(detail.interval_ms, now),
        agent_version=status.agent_version,
        open_alarms=None if detail.open_alarms is None else dict(detail.open_alarms),
    )


def latest_views(detail: DeviceDetail | DeviceSummary, now: int) -> dict[str, LatestView]:
    metrics = detail.model.metrics if detail.model else {}
    return {
        metric: LatestView(
            ts=latest.ts,
            value=latest.value,
            q=latest.q,
            unit=metrics[metric].unit if metric in metrics else None,
            title=metrics[metric].title if metric in metrics else None,
            unmodeled=latest.unmodeled,
            age_ms=max(0, now - latest.ts),
            derived=metric in metrics and metrics[metric].derived is not None,
            precision=metrics[metric].precision if metric in metrics else None,
        )
        for metric, latest in sorted(detail.status.state.latest.items())
    }


def fleet_summary(summary: FleetSummary, cursor: str | None) -> FleetSummaryView:
    sums = summary.sums
    return FleetSummaryView(
        devices=sums.devices,
        online=sums.statuses.get(Status.ONLINE, 0),
        **msgspec.structs.asdict(sums.counters),
        quarantined=dict(sums.quarantined),
        cursor=cursor,
        offline=sums.statuses.get(Status.OFFLINE, 0),
        unknown=sums.statuses.get(Status.UNKNOWN, 0),
        stale=sums.stale,
        window_from=summary.window_from,
        received=sums.received,
        lost=sums.lost,
        worst=tuple(map(_troubled, sums.worst)),
    )


def _troubled(one: Troubled) -> TroubledDevice:
    device = one.member.device
    return TroubledDevice(
        device.thing,
        device.name,
        device.model,
        device.group,
        one.member.status.presence.status,
        one.stale,
        tuple(TroubleView(trouble.reason, trouble.since, trouble.count) for trouble in one.troubles),
    )


def quarantined(entry: Quarantined) -> QuarantinedView:
    return QuarantinedView(
        id=entry.id,
        received_at=entry.received_at,
        reasons=tuple(dict.fromkeys(fault.reason for fault in entry.faults)),
        faults=tuple(map(_fault, entry.faults)),
        bytes=entry.size,
        truncated=entry.truncated,
        raw=b64encode(entry.raw).decode(),
        origin=entry.origin,
        replay=None if entry.replay is None else ReplayView(**msgspec.structs.asdict(entry.replay)),
    )


def _fault(fault: Fault) -> FaultView:
    return FaultView(fault.reason, fault.detail, fault.metric, fault.ts)
