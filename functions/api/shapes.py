"""The JSON of each answer. A field once there stays: apps read it."""

from base64 import b64encode
from typing import Any

import msgspec

from contract.models import DeviceModel
from functions.domain.quarantine import QuarantinePage
from functions.domain.state import Latest
from functions.services.queries import DeviceDetail, DeviceSummary, FleetSummary

Json = dict[str, Any]


def device_item(summary: DeviceSummary) -> Json:
    device = summary.device
    return {
        "id": device.thing,
        "name": device.name,
        "model": device.model,
        "group": device.group,
        "status": summary.status,
    }


def device(detail: DeviceDetail, now: int) -> Json:
    known, status = detail.device, detail.status
    return {
        "id": detail.thing,
        "name": known.name if known else detail.thing,
        "model": known.model if known else None,
        "group": known.group if known else None,
        "source": known.source if known else None,
        "created_at": known.created_at if known else None,
        "updated_at": known.updated_at if known else None,
        "version": known.version if known else None,
        "decommissioned": known.decommissioned if known else False,
        "presence": {
            "status": status.presence.status,
            "since": status.presence.since,
            "reason": status.presence.reason,
        },
        "latest": {
            metric: _latest(metric, latest, detail.model, now) for metric, latest in sorted(status.state.latest.items())
        },
        "counters": msgspec.structs.asdict(status.state.counters),
        "quarantined": status.quarantined,
    }


def _latest(metric: str, latest: Latest, model: DeviceModel | None, now: int) -> Json:
    known = model.metrics.get(metric) if model else None
    return {
        "ts": latest.ts,
        "value": latest.value,
        "q": latest.q,
        "unit": known.unit if known else None,
        "title": known.title if known else None,
        "unmodeled": latest.unmodeled,
        "age_ms": max(0, now - latest.ts),
    }


def quarantine(page: QuarantinePage) -> Json:
    return {
        "items": [
            {
                "received_at": entry.received_at,
                "reasons": tuple(dict.fromkeys(fault.reason for fault in entry.faults)),
                "faults": [
                    {key: value for key, value in msgspec.structs.asdict(fault).items() if value is not None}
                    for fault in entry.faults
                ],
                "bytes": entry.size,
                "truncated": entry.truncated,
                "raw": b64encode(entry.raw).decode(),
            }
            for entry in page.entries
        ],
        "cursor": page.cursor,
    }


def fleet_summary(summary: FleetSummary) -> Json:
    return {
        "devices": summary.devices,
        "online": summary.online,
        **msgspec.structs.asdict(summary.counters),
        "quarantined": summary.quarantined,
        "cursor": summary.cursor,
    }
