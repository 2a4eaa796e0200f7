"""The fleet's status, as a line for people and as a file for programs."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from simulator.fleet import DeviceStatus


def line(devices: Mapping[str, DeviceStatus]) -> str:
    connected = sum(device.connected for device in devices.values())
    sent = sum(device.sent for device in devices.values())
    queued = sum(device.queued for device in devices.values())
    refused = sum(device.refused for device in devices.values())
    return f"{connected} of {len(devices)} connected, {sent} messages sent, {queued} queued, {refused} refused"


def write(file: Path, devices: Mapping[str, DeviceStatus], now_ms: int) -> None:
    """Replace the file in one step: a reader sees the old status or the new one."""
    document = {
        "updated_at": now_ms,
        "total": len(devices),
        "connected": sum(device.connected for device in devices.values()),
        "devices": {name: asdict(device) for name, device in devices.items()},
    }
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(json.dumps(document, indent=1), encoding="utf-8")
    draft.replace(file)
