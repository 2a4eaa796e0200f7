"""What is watched as it is now, by REST: what was sent while nobody listened is in it, or older."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cli.api import Api
from cli.errors import NotAllowedError, NotFoundError

Event = dict[str, Any]

_MOST = 200
"""Devices or alarms of groups that are read: beyond that, a gap of seconds is not worth as many requests."""


@dataclass(frozen=True)
class Wanted:
    """`commands` are pairs of device and command id."""

    devices: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    commands: tuple[tuple[str, str], ...] = ()
    everything: bool = False
    alarms: bool = False
    """Of all devices; of those named they are told anyway."""

    def subscription(self) -> dict[str, Any]:
        commands = [{"device": device, "id": command} for device, command in self.commands]
        named = {"devices": [*self.devices], "groups": [*self.groups], "commands": commands}
        # Left out where it is not asked for: a deployment of an earlier release refuses a word that it does not know.
        alarms = {"alarms": True} if self.alarms else {}
        return {"type": "subscribe", "id": "watch", **named, "all": self.everything, **alarms}


def current(api: Api, wanted: Wanted) -> Iterator[Event]:
    yield from _latest(api, wanted)
    yield from _alarms(api, wanted)
    yield from _commands(api, wanted)


def _latest(api: Api, wanted: Wanted) -> Iterator[Event]:
    for device in _devices(api, wanted):
        with suppress(NotFoundError, NotAllowedError):
            latest = api.device(device).get("latest") or {}
            data = {metric: {key: one[key] for key in ("ts", "value", "q")} for metric, one in dict(latest).items()}
            if data:
                at = max(one["ts"] for one in data.values())
                yield {"kind": "latest", "device": device, "at": at, "data": data, "read": True}


def _alarms(api: Api, wanted: Wanted) -> Iterator[Event]:
    """The active ones; that another one is over is not told."""
    named = [(f"/devices/{quote(device, safe='')}/alarms", "") for device in dict.fromkeys(wanted.devices)]
    groups = [("/alarms", group) for group in wanted.groups]
    for path, group in [*named, *groups, *([("/alarms", "")] if wanted.everything or wanted.alarms else [])]:
        # A deployment of an earlier release has no alarms.
        with suppress(NotFoundError, NotAllowedError):
            query = [("state", "active"), *([("group", group)] if group else [])]
            for page in api.pages(path, query, _MOST, largest=100):
                yield from map(_alarm, page["items"])


def _commands(api: Api, wanted: Wanted) -> Iterator[Event]:
    for device, command in wanted.commands:
        with suppress(NotFoundError, NotAllowedError):
            path = f"/devices/{quote(device, safe='')}/commands/{quote(command, safe='')}"
            shown = api.get(path)
            step = {key: shown.get(key) for key in ("name", "status", "progress", "result", "reason")}
            yield {
                "kind": "command",
                "device": device,
                "command": command,
                "at": shown["updated_at"],
                "data": step,
                "read": True,
            }


def _devices(api: Api, wanted: Wanted) -> list[str]:
    devices = dict.fromkeys(wanted.devices)
    filters = [[("group", group)] for group in wanted.groups]
    for query in [*filters, *([[]] if wanted.everything else [])]:
        for page in api.pages("/devices", query, _MOST):
            devices.update(dict.fromkeys(str(item["id"]) for item in page["items"]))
    return [*devices][: max(_MOST, len(wanted.devices))]


def _alarm(item: dict[str, Any]) -> Event:
    same = ("version", "rule", "severity", "state", "title", "message", "raised_at", "cleared_at", "flapping")
    data = {name: item.get(name) for name in same}
    data["acknowledged"] = item.get("acknowledged") is not None
    data["assignee"] = (item.get("assignee") or {}).get("name")
    data["comments"] = item.get("comment_count")
    return {
        "kind": "alarm",
        "device": item["device"],
        "alarm": item["id"],
        "at": item["updated_at"],
        "data": data,
        "read": True,
    }
