"""Sends on what somebody watches, and nothing else.

What is watched is read at most every few seconds, in one small query; while that is nothing, publishing is a look at a
remembered empty set.
"""

import logging
from collections.abc import Iterator, Sequence
from threading import Lock

import msgspec

from functions.domain.live import (
    ALARMS,
    WATCHED_CACHE_MS,
    Kind,
    LiveEvent,
    Watched,
    coalesced,
    mark_of,
    topics_of,
)
from functions.errors import AdapterError
from functions.ports.clock import Clock
from functions.ports.devices import DeviceFinder
from functions.ports.live import LiveQueue, WatchedTopics

MESSAGE_BYTES = 48 * 1024
GROUP_MEMORY_MS = 30_000
MAX_REMEMBERED = 50_000
_ALARMS_ALONE = frozenset({mark_of(ALARMS)})

_log = logging.getLogger(__name__)


class QueuedPublisher:
    """May be called from several threads at a time."""

    def __init__(self, watched: WatchedTopics, queue: LiveQueue, devices: DeviceFinder, clock: Clock) -> None:
        self._watched = watched
        self._queue = queue
        self._devices = devices
        self._clock = clock
        self._reading = Lock()
        self._marks: frozenset[bytes] = frozenset()
        self._marks_until = 0
        self._groups: dict[str, tuple[int, str | None]] = {}

    def publish(self, events: Sequence[LiveEvent]) -> None:
        try:
            if events and (marks := self._current()):
                self._send(events, marks)
        except AdapterError as exc:
            _log.warning("live events were not sent: %s", exc)

    def _current(self) -> frozenset[bytes]:
        now = self._clock.now_ms()
        with self._reading:
            if now >= self._marks_until:
                # Also when reading fails: a table that is down is asked no more often than one that is not.
                self._marks_until = now + WATCHED_CACHE_MS
                self._marks = self._watched.marks()
            return self._marks

    def _send(self, events: Sequence[LiveEvent], marks: frozenset[bytes]) -> None:
        watched = []
        now = self._clock.now_ms()
        if marks == _ALARMS_ALONE:
            # Dashboards are open and look at no device: whose values came is not even looked up.
            events = [event for event in events if event.kind == Kind.ALARM]
        for event in coalesced(self._placed(events)):
            topics = tuple(topic for topic in topics_of(event) if mark_of(topic) in marks)
            if topics:
                watched.append(Watched(event, topics, now))
        if watched:
            self._queue.send([*_packed(watched)])

    def _placed(self, events: Sequence[LiveEvent]) -> list[LiveEvent]:
        """With the group of each device whose publisher does not know it; None stays for what nobody registered."""
        groups = self._groups_of({event.thing for event in events if event.group is None})
        return [
            msgspec.structs.replace(event, group=groups[event.thing]) if event.group is None else event
            for event in events
        ]

    def _groups_of(self, things: set[str]) -> dict[str, str | None]:
        now = self._clock.now_ms()
        remembered = {thing: self._groups.get(thing, (0, None)) for thing in things}
        groups = {thing: group for thing, (until, group) in remembered.items() if now < until}
        stale = sorted(things - groups.keys())
        if stale:
            if len(self._groups) + len(stale) > MAX_REMEMBERED:
                self._groups.clear()
            found = self._devices.find(stale)
            for thing in stale:
                groups[thing] = found[thing].group if thing in found else None
                self._groups[thing] = (now + GROUP_MEMORY_MS, groups[thing])
        return groups


def _packed(watched: Sequence[Watched]) -> Iterator[bytes]:
    """JSON lists that each fit a message; one event that is larger by itself goes alone."""
    gathered: list[bytes] = []
    size = 0
    for one in watched:
        encoded = msgspec.json.encode(one)
        if gathered and size + len(encoded) > MESSAGE_BYTES:
            yield b"[" + b",".join(gathered) + b"]"
            gathered, size = [], 0
        gathered.append(encoded)
        size += len(encoded) + 1
    if gathered:
        yield b"[" + b",".join(gathered) + b"]"
