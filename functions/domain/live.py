"""What watchers of the fleet are told, and who watches what. Pure: events in, topics, coalesced events and frames out.

Whoever changes something says so with a `LiveEvent`. A subscription is to a *topic*: a device, a group with all below
it, one command, the alarms of all devices, or everything. Events may be lost, come twice or out of order, so each says
when it was (`at`) and its reader keeps the newest; what was missed is read by REST.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final

import msgspec

from functions.domain.access import Permission, Target, lineage
from functions.domain.alarms import Alarm
from functions.domain.state import Latest

FRAME_BYTES: Final = 32 * 1024
"""Below this in all: API Gateway splits and charges by 32 KB, and closes a connection at a larger frame."""
LIFE_MS: Final = 2 * 3600 * 1000
"""When API Gateway ends a connection, however busy it is."""
WATCHED_CACHE_MS: Final = 5_000
"""How long a function that changes things goes by what it last read of what is watched."""
STALE_MS: Final = 60_000
"""What waited longer in the queue is not sent: it says what was, and its reader asks by REST what is."""
EVERYTHING: Final = "*"
ALARMS: Final = "alarms"
"""The alarms of every device, each told to whoever may see that device, and nothing else."""

_HEAD = b'{"type":"events","events":['
_TAIL = b"]}"
_ROOM = FRAME_BYTES - 1 - len(_HEAD) - len(_TAIL)


class Kind(StrEnum):
    """What an event tells of, and so which permission it takes to be told."""

    LATEST = "latest"
    PRESENCE = "presence"
    STATE = "state"
    CONFIG = "config"
    COMMAND = "command"
    DEVICE = "device"
    ALARM = "alarm"

    @property
    def permission(self) -> Permission:
        return _PERMISSIONS[self]


_PERMISSIONS: Final[Mapping[Kind, Permission]] = {
    Kind.LATEST: Permission.TELEMETRY_READ,
    Kind.PRESENCE: Permission.DEVICES_READ,
    Kind.STATE: Permission.STATE_READ,
    Kind.CONFIG: Permission.CONFIG_READ,
    Kind.COMMAND: Permission.COMMANDS_READ,
    Kind.DEVICE: Permission.DEVICES_READ,
    Kind.ALARM: Permission.ALARMS_READ,
}


class LiveEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something of a device that changed. `data` is JSON, small, and never a secret.

    `kind` is a word of `Kind`. `group` is the device's group, `""` in none, and None where the caller does not know it:
    then whoever sends finds it out, if anybody watches at all. `at` is when it changed, in ms. `command` is the id of
    the command that an event of kind `command` is a step of, `alarm` that of the alarm of one of kind `alarm`. Of kind
    `latest`, `data` is metric → `{ts, value, q}`; of kind `alarm` it has the alarm's `version`.
    """

    kind: Kind
    thing: str
    group: str | None
    at: int
    data: Mapping[str, Any]
    command: str = ""
    alarm: str = ""


class Connection(msgspec.Struct, frozen=True):
    """An open WebSocket, of who opened it. `messages` were heard in the current minute.

    `asserted_at` is when its topics were last entered into the set of all that is watched.
    """

    id: str
    principal: str
    opened_at: int
    topics: frozenset[str] = frozenset()
    messages: int = 0
    asserted_at: int = 0

    @property
    def closes_at(self) -> int:
        return self.opened_at + LIFE_MS

    @property
    def renew_at(self) -> int:
        """10 to 30 minutes before its end, spread by its id: whoever came together need not come back together."""
        spread = int.from_bytes(mark_of(self.id)[:2], "big") * 20 * 60_000 // 65_536
        return self.closes_at - 30 * 60_000 + spread


class Watcher(msgspec.Struct, frozen=True):
    connection: str
    principal: str


class Outcome(StrEnum):
    """What became of frames sent to a connection."""

    SENT = "sent"
    GONE = "gone"
    SLOW = "slow"
    FAILED = "failed"


class Watched(msgspec.Struct, frozen=True):
    """An event with the topics that somebody watches it by, and when it was queued."""

    event: LiveEvent
    topics: tuple[str, ...]
    queued_at: int


def latest_event(thing: str, before: Mapping[str, Latest], after: Mapping[str, Latest]) -> LiveEvent | None:
    """What one batch moved of a device's last values; None where it moved none."""
    if after is before:
        return None
    moved = {metric: value for metric, value in after.items() if before.get(metric) is not value}
    data = {metric: {"ts": one.ts, "value": one.value, "q": one.q} for metric, one in moved.items()}
    return LiveEvent(Kind.LATEST, thing, None, max(one.ts for one in moved.values()), data) if moved else None


def alarm_event(alarm: Alarm) -> LiveEvent:
    """An alarm as it is after whatever was done to it."""
    data = {
        "version": alarm.version,
        "rule": alarm.rule,
        "severity": alarm.severity,
        "state": "active" if alarm.active else "cleared",
        "title": alarm.title,
        "message": alarm.message,
        "raised_at": alarm.raised_at,
        "cleared_at": alarm.cleared_at,
        "flapping": alarm.flapping,
        "acknowledged": alarm.acknowledged,
        "assignee": None if alarm.assignee is None else alarm.assignee.name,
        "comments": len(alarm.comments),
    }
    return LiveEvent(Kind.ALARM, alarm.thing, alarm.group, alarm.updated_at, data, alarm=alarm.id)


def device_topic(thing: str) -> str:
    return f"device:{thing}"


def group_topic(group: str) -> str:
    return f"group:{group}"


def command_topic(thing: str, command: str) -> str:
    return f"command:{thing}/{command}"


def target_of(topic: str, group: str | None) -> Target:
    """What a subscription is about; `group` is that of the topic's device. That to alarms is about no one place."""
    kind, _, name = topic.partition(":")
    if kind == "group":
        return Target(group=name)
    return Target(thing_of(topic), group) if thing_of(topic) is not None and group is not None else Target()


def thing_of(topic: str) -> str | None:
    """The device that a topic is of."""
    kind, _, name = topic.partition(":")
    return name.partition("/")[0] if kind in {"device", "command"} else None


def topics_of(event: LiveEvent) -> tuple[str, ...]:
    """Everything that it may be watched by.

    >>> topics_of(LiveEvent(Kind.PRESENCE, "pump-7", "plant-1/line-2", 0, {}))
    ('*', 'device:pump-7', 'group:plant-1', 'group:plant-1/line-2')
    """
    above = [group_topic(path) for path in lineage(event.group or "")]
    step = [command_topic(event.thing, event.command)] if event.kind == Kind.COMMAND else []
    alarms = [ALARMS] if event.kind == Kind.ALARM else []
    return (EVERYTHING, *alarms, device_topic(event.thing), *above, *step)


def mark_of(topic: str) -> bytes:
    """A topic in six bytes, for the set of all that is watched: two that share a mark cost a message, no secret."""
    return blake2b(topic.encode(), digest_size=6).digest()


def coalesced(events: Iterable[LiveEvent]) -> list[LiveEvent]:
    """What a reader needs of these: the newest of each kind and device, metric and alarm; every step of a command.

    Oldest first. The same whatever the order they come in, and however often.
    """
    steps: set[tuple[int, str, str, bytes]] = set()
    newest: dict[tuple[str, str, str], LiveEvent] = {}
    kept: list[LiveEvent] = []
    for event in events:
        if event.kind == Kind.COMMAND:
            step = (event.at, event.thing, event.command, _content(event))
            if step not in steps:
                steps.add(step)
                kept.append(event)
            continue
        key = (event.kind, event.thing, event.alarm)
        known = newest.get(key)
        newest[key] = event if known is None else _merged(known, event)
    return sorted([*newest.values(), *kept], key=_order)


def frames(events: Sequence[LiveEvent]) -> Iterator[bytes]:
    """The events as frames of less than `FRAME_BYTES`, in their order.

    Many metrics become several events. What fits into no frame is told without its data: `truncated`, to be read by
    REST.
    """
    gathered: list[bytes] = []
    size = 0
    for event in events:
        for part in _parts(event):
            if gathered and size + len(part) + 1 > _ROOM:
                yield _HEAD + b",".join(gathered) + _TAIL
                gathered, size = [], 0
            gathered.append(part)
            size += len(part) + 1
    if gathered:
        yield _HEAD + b",".join(gathered) + _TAIL


def _merged(one: LiveEvent, other: LiveEvent) -> LiveEvent:
    older, newer = sorted((one, other), key=_age)
    if one.kind != Kind.LATEST:
        return newer
    data = dict(older.data)
    for metric, value in newer.data.items():
        known = data.get(metric)
        if known is None or _moment(value) >= _moment(known):
            data[metric] = value
    return msgspec.structs.replace(newer, data=data)


def _order(event: LiveEvent) -> tuple[int, str, str, str, str, bytes]:
    return (event.at, event.thing, event.kind, event.command, event.alarm, _content(event))


def _age(event: LiveEvent) -> tuple[int, int, str, bytes]:
    """An alarm's changes are counted; several may be of one moment, or written by clocks that differ."""
    counted = int(event.data.get("version", 0)) if event.kind == Kind.ALARM else 0
    return (counted, event.at, event.group or "", _content(event))


def _moment(value: Any) -> tuple[int, bytes]:
    """When a metric had it; of two at the same time the one stands that is greater as text, whichever came first."""
    return (value["ts"], msgspec.json.encode(value, order="deterministic"))


def _content(event: LiveEvent) -> bytes:
    return msgspec.json.encode(event.data, order="deterministic")


def _parts(event: LiveEvent) -> Iterator[bytes]:
    whole = _encoded(event, event.data)
    if len(whole) <= _ROOM:
        yield whole
    elif event.kind == Kind.LATEST and len(event.data) > 1:
        metrics = sorted(event.data)
        middle = len(metrics) // 2
        for half in (metrics[:middle], metrics[middle:]):
            yield from _parts(msgspec.structs.replace(event, data={metric: event.data[metric] for metric in half}))
    else:
        yield _encoded(event, None)


def _encoded(event: LiveEvent, data: Mapping[str, Any] | None) -> bytes:
    """`device`, as the API calls it; a group is told only where the device is in one."""
    shown: dict[str, Any] = {"kind": event.kind, "device": event.thing}
    if event.group:
        shown["group"] = event.group
    if event.command:
        shown["command"] = event.command
    if event.alarm:
        shown["alarm"] = event.alarm
    shown["at"] = event.at
    return msgspec.json.encode({**shown, "truncated": True} if data is None else {**shown, "data": data})
