"""From the live queue to those who watch: each is told what he may see now, coalesced, in few frames, or dropped.

A watcher whose connection is gone, slow or throttled is forgotten: nothing waits for it. It comes back with a new
ticket and reads what it missed by REST.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from functions.domain import live_frames
from functions.domain.access import Permission, Principal, Target
from functions.domain.live import (
    STALE_MS,
    LiveEvent,
    Outcome,
    Watched,
    Watcher,
    coalesced,
    frames,
)
from functions.errors import AdapterError
from functions.ports.clock import Clock
from functions.ports.live import LiveConnections, LiveSockets
from functions.services.live_standing import Standing, may_watch

_messages = msgspec.json.Decoder(list[Watched])


class Pushed(msgspec.Struct):
    """What became of a batch. `failed` are ids to deliver again; `problems` says why, each once."""

    failed: set[str] = msgspec.field(default_factory=set)
    problems: list[str] = msgspec.field(default_factory=list)
    events: int = 0
    stale: int = 0
    frames: int = 0
    connections: int = 0
    gone: int = 0
    slow: int = 0
    unsent: int = 0
    revoked: int = 0
    oldest_ms: int = 0


class Push:
    def __init__(self, connections: LiveConnections, sockets: LiveSockets, standing: Standing, clock: Clock) -> None:
        self._connections = connections
        self._sockets = sockets
        self._standing = standing
        self._clock = clock

    def take(self, bodies: Mapping[str, bytes | str]) -> Pushed:
        """Queue bodies by the id that the queue gave each."""
        report = Pushed()
        watched = self._fresh(bodies, report)
        if not watched:
            return report
        try:
            self._push(watched, report)
        except AdapterError as exc:
            report.failed.update(bodies)
            report.problems.append(str(exc))
        return report

    def _fresh(self, bodies: Mapping[str, bytes | str], report: Pushed) -> list[Watched]:
        now = self._clock.now_ms()
        oldest = now - STALE_MS
        found: list[Watched] = []
        for identifier, body in bodies.items():
            try:
                some = _messages.decode(body)
            except msgspec.MsgspecError as exc:
                report.failed.add(identifier)
                report.problems.append(f"not a message of ours: {exc}")
                continue
            fresh = [one for one in some if one.queued_at >= oldest]
            report.events += len(fresh)
            report.stale += len(some) - len(fresh)
            found += fresh
        report.oldest_ms = now - min((one.queued_at for one in found), default=now)
        return found

    def _push(self, watched: list[Watched], report: Pushed) -> None:
        by_topic: dict[str, list[LiveEvent]] = defaultdict(list)
        for one in watched:
            for topic in one.topics:
                by_topic[topic].append(one.event)
        watchers = self._connections.watchers(by_topic)
        abandoned = by_topic.keys() - watchers.keys()
        if abandoned:
            self._connections.release(abandoned)
        self._tell(*self._shares(by_topic, watchers), watchers, report)

    def _shares(
        self, by_topic: Mapping[str, list[LiveEvent]], watchers: Mapping[str, Iterable[Watcher]]
    ) -> tuple[dict[str, list[LiveEvent]], dict[str, set[str]], set[str]]:
        """What each connection is told, what it may watch no longer, and which end; by the grants of now."""
        told: dict[str, list[LiveEvent]] = defaultdict(list)
        lost: dict[str, set[str]] = defaultdict(set)
        ended: set[str] = set()
        for topic, some in watchers.items():
            events = by_topic[topic]
            for watcher in some:
                who = self._standing.of(watcher.principal)
                if who is None:
                    ended.add(watcher.connection)
                if who is None or not may_watch(who, topic, events[0].group):
                    lost[watcher.connection].add(topic)
                    continue
                told[watcher.connection] += [event for event in events if may_be_told(who, event)]
        return told, lost, ended

    def _tell(
        self,
        told: Mapping[str, list[LiveEvent]],
        lost: Mapping[str, set[str]],
        ended: set[str],
        watchers: Mapping[str, Iterable[Watcher]],
        report: Pushed,
    ) -> None:
        encoded: dict[tuple[int, ...], list[bytes]] = {}  # many watch the same: their frames are made once
        posts: dict[str, list[bytes]] = {}
        for connection in told.keys() | lost.keys():
            events = told.get(connection, [])
            key = tuple(sorted({id(event) for event in events}))
            if key not in encoded:
                encoded[key] = [*frames(coalesced(events))]
            posts[connection] = list(encoded[key])
        for connection, topics in lost.items():
            self._connections.unwatch(connection, frozenset(topics))
            revoked = live_frames.Revoked(tuple(sorted(topics)), everything=connection in ended)
            posts[connection].insert(0, live_frames.encode(revoked))
            report.revoked += len(topics)
        posts = {connection: some for connection, some in posts.items() if some}
        for connection, outcome in self._sockets.post_all(posts).items():
            match outcome:
                case Outcome.SENT:
                    report.frames += len(posts[connection])
                case Outcome.GONE:
                    report.gone += 1
                    self._forget(connection, watchers)
                case Outcome.SLOW:
                    report.slow += 1
                    self._forget(connection, watchers)
                    self._sockets.close(connection)
                case Outcome.FAILED:
                    report.unsent += 1
        for connection in ended:
            self._forget(connection, watchers)
            self._sockets.close(connection)
        report.connections = len(posts)

    def _forget(self, connection: str, watchers: Mapping[str, Iterable[Watcher]]) -> None:
        if not self._connections.forget(connection):
            # It ended while it subscribed, and only the subscription is left of it.
            left = [topic for topic, some in watchers.items() if any(one.connection == connection for one in some)]
            self._connections.unwatch(connection, frozenset(left))


def may_be_told(who: Principal, event: LiveEvent) -> bool:
    """Also that he may watch there: of a topic such as all alarms only some is for him."""
    target = Target() if event.group is None else Target(event.thing, event.group)
    return who.may(Permission.LIVE_SUBSCRIBE, target) and who.may(event.kind.permission, target)
