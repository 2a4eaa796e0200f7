"""Live data in memory: exact semantics, no sockets."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from functions.domain.live import Connection, Kind, LiveEvent, Outcome, Watcher, mark_of

_MINUTE_MS = 60_000


class MemoryLivePublisher:
    """Keeps what was published, for tests of those who publish."""

    def __init__(self) -> None:
        self.events: list[LiveEvent] = []

    def publish(self, events: Sequence[LiveEvent]) -> None:
        self.events.extend(events)

    def of(self, kind: Kind) -> list[LiveEvent]:
        return [event for event in self.events if event.kind == kind]


class MemoryLiveTickets:
    def __init__(self) -> None:
        self._tickets: dict[str, tuple[str, int]] = {}

    def put(self, digest: str, principal: str, expires_at: int) -> None:
        self._tickets[digest] = (principal, expires_at)

    def take(self, digest: str, now: int) -> str | None:
        principal, expires_at = self._tickets.pop(digest, (None, 0))
        return principal if now < expires_at else None


class MemoryLiveConnections:
    def __init__(self) -> None:
        self._open: dict[str, Connection] = {}
        self._minutes: dict[str, int] = {}
        self._marks: set[bytes] = set()
        self.reads = 0

    def open(self, connection: Connection) -> None:
        self._open[connection.id] = connection

    def of(self, principal: str) -> list[str]:
        own = [one for one in self._open.values() if one.principal == principal]
        return [one.id for one in sorted(own, key=lambda one: (one.opened_at, one.id))]

    def heard(self, connection: str, now: int) -> Connection | None:
        known = self._open.get(connection)
        if known is None:
            return None
        minute = now // _MINUTE_MS
        messages = known.messages + 1 if self._minutes.get(connection) == minute else 1
        self._minutes[connection] = minute
        self._open[connection] = msgspec.structs.replace(known, messages=messages)
        return self._open[connection]

    def watch(self, connection: Connection, topics: frozenset[str], limit: int) -> bool:
        known = self._open.get(connection.id)
        if known is None or len(known.topics | topics) > limit:
            return False
        self._open[connection.id] = msgspec.structs.replace(known, topics=known.topics | topics)
        self._marks |= {mark_of(topic) for topic in topics}
        return True

    def unwatch(self, connection: str, topics: frozenset[str]) -> None:
        known = self._open.get(connection)
        if known is not None:
            self._open[connection] = msgspec.structs.replace(known, topics=known.topics - topics)
            self.release(topics)

    def forget(self, connection: str) -> bool:
        known = self._open.pop(connection, None)
        if known is not None:
            self.release(known.topics)
        return known is not None

    def reassert(self, connection: Connection, now: int) -> None:
        self._marks |= {mark_of(topic) for topic in connection.topics}
        if connection.id in self._open:
            self._open[connection.id] = msgspec.structs.replace(self._open[connection.id], asserted_at=now)

    def watchers(self, topics: Iterable[str]) -> dict[str, list[Watcher]]:
        found = {
            topic: [Watcher(one.id, one.principal) for one in self._open.values() if topic in one.topics]
            for topic in topics
        }
        return {topic: some for topic, some in found.items() if some}

    def release(self, topics: Iterable[str]) -> None:
        wanted = [*topics]
        watched = self.watchers(wanted)
        self._marks -= {mark_of(topic) for topic in wanted if topic not in watched}

    def marks(self) -> frozenset[bytes]:
        self.reads += 1
        return frozenset(self._marks)


class MemoryLiveQueue:
    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def send(self, messages: Sequence[bytes]) -> None:
        self.messages.extend(messages)


class MemoryLiveSockets:
    """`outcomes` says what becomes of frames to a connection; to any other they are sent."""

    def __init__(self) -> None:
        self.sent: dict[str, list[bytes]] = {}
        self.closed: list[str] = []
        self.outcomes: dict[str, Outcome] = {}

    def post_all(self, frames: Mapping[str, Sequence[bytes]]) -> dict[str, Outcome]:
        for connection, some in frames.items():
            if self.outcomes.get(connection, Outcome.SENT) is Outcome.SENT:
                self.sent.setdefault(connection, []).extend(some)
        return {connection: self.outcomes.get(connection, Outcome.SENT) for connection in frames}

    def close(self, connection: str) -> None:
        self.closed.append(connection)
