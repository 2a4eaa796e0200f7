"""What happens on a WebSocket: it opens with a ticket, says what it wants to watch, pings, and ends.

Each message acts on the connection that it came by, whose id API Gateway gives: no message can name one.
"""

import logging
from collections.abc import Collection

import msgspec

from functions.domain import live_frames as frames
from functions.domain.access import Permission, Principal
from functions.domain.live import (
    EVERYTHING,
    WATCHED_CACHE_MS,
    Connection,
    device_topic,
    group_topic,
)
from functions.errors import AdapterError, ForbiddenError, RequestError, UnauthorizedError
from functions.ports.clock import Clock
from functions.ports.live import LiveConnections, LiveSockets, LiveTickets
from functions.services.live_standing import Standing
from functions.services.live_tickets import redeem

ASSERT_MS = 10 * 60_000
"""How often a connection's topics are entered anew, should they have been lost from the set of all that is watched."""
SETTLED_MS = WATCHED_CACHE_MS + 1_000

_log = logging.getLogger(__name__)


class Live:
    def __init__(
        self,
        tickets: LiveTickets,
        connections: LiveConnections,
        sockets: LiveSockets,
        standing: Standing,
        clock: Clock,
        origins: Collection[str],
    ) -> None:
        """`origins` are those whose pages may connect besides the site's own; what is no page sends none."""
        self._tickets = tickets
        self._connections = connections
        self._sockets = sockets
        self._standing = standing
        self._clock = clock
        self._origins = frozenset(origins)

    def connect(self, connection: str, ticket: str | None, origin: str | None, asked_host: str | None = None) -> str:
        """Who is connected from now on. Raises ForbiddenError for a page elsewhere, UnauthorizedError for the rest.

        `asked_host` is the host that the page named, where that is another than the API's own. Whoever can send
        another one than he asked is no browser's page, and needs no origin at all: the ticket says who he is.
        """
        ours = {*self._origins, f"https://{asked_host}"} if asked_host else self._origins
        if origin and origin not in ours:
            raise ForbiddenError("pages of this origin may not connect")
        now = self._clock.now_ms()
        principal = redeem(self._tickets, ticket, now)
        if self._standing.of(principal) is None:
            raise UnauthorizedError("whose ticket it is may watch nothing any more")
        self._connections.open(Connection(connection, principal, now))
        for surplus in self._connections.of(principal)[: -frames.MAX_CONNECTIONS]:
            self._end(surplus)
        return principal

    def disconnect(self, connection: str) -> None:
        self._connections.forget(connection)

    def hear(self, connection: str, text: str) -> bytes | None:
        """The frame that answers; None where the connection was closed instead."""
        try:
            answer = self._hear(connection, text)
        except RequestError as exc:
            answer = frames.malformed(exc)
        except AdapterError as exc:
            _log.warning("a message could not be answered: %s", exc)
            answer = frames.Error("unavailable", "it cannot be done just now; try again in a few seconds")
        return None if answer is None else frames.encode(answer)

    def _hear(self, identifier: str, text: str) -> msgspec.Struct | None:
        now = self._clock.now_ms()
        connection = self._connections.heard(identifier, now)
        if connection is None or now >= connection.closes_at or connection.messages > 2 * frames.MESSAGES_A_MINUTE:
            self._end(identifier)
            return None
        if connection.messages > frames.MESSAGES_A_MINUTE:
            return frames.Error("rate", f"at most {frames.MESSAGES_A_MINUTE} messages a minute")
        who = self._standing.of(connection.principal)
        if who is None:
            farewell = frames.Revoked(tuple(sorted(connection.topics)), everything=True)
            self._sockets.post_all({identifier: [frames.encode(farewell)]})
            self._end(identifier)
            return None
        return self._answer(connection, who, frames.read(text), now)

    def _answer(self, connection: Connection, who: Principal, said: frames.Said, now: int) -> msgspec.Struct:
        match said:
            case frames.Hello():
                return frames.Welcome(frames.HEARTBEAT_S, connection.renew_at, connection.closes_at)
            case frames.Subscribe():
                return self._subscribe(connection, who, said, now)
            case frames.Unsubscribe():
                self._connections.unwatch(connection.id, frozenset(_expanded(who, said.topics)))
                return frames.Unsubscribed(said.topics, said.id)
            case frames.Ping():
                return self._ping(connection, who, said.id, now)

    def _subscribe(self, connection: Connection, who: Principal, said: frames.Subscribe, now: int) -> msgspec.Struct:
        wanted = _expanded(who, said.topics)
        allowed = self._standing.allowed(who, wanted)
        refused = tuple(frames.Refusal(topic, "not_found") for topic in wanted if topic not in allowed)
        taken = tuple(topic for topic in wanted if topic in allowed)
        if taken and not self._connections.watch(connection, frozenset(taken), frames.MAX_TOPICS):
            refused = (*refused, *(frames.Refusal(topic, "limit") for topic in taken))
            taken = ()
        if not taken:
            return frames.Refused(refused, said.id)
        return frames.Subscribed(taken, now + SETTLED_MS, refused, said.id)

    def _ping(self, connection: Connection, who: Principal, said: str | None, now: int) -> msgspec.Struct:
        lost = connection.topics - self._standing.allowed(who, sorted(connection.topics))
        if lost:
            self._connections.unwatch(connection.id, lost)
            self._sockets.post_all({connection.id: [frames.encode(frames.Revoked(tuple(sorted(lost))))]})
        elif connection.topics and now - connection.asserted_at >= ASSERT_MS:
            self._connections.reassert(connection, now)
        if now >= connection.renew_at:
            return frames.Renew(now, connection.closes_at, said)
        return frames.Pong(now, said)

    def _end(self, connection: str) -> None:
        self._connections.forget(connection)
        self._sockets.close(connection)


def _expanded(who: Principal, topics: tuple[str, ...]) -> tuple[str, ...]:
    """Everything is all that he may see: for whoever sees a part, its groups and devices."""
    reach = who.reach(Permission.LIVE_SUBSCRIBE)
    if EVERYTHING not in topics or reach.everything:
        return topics
    own = [*map(group_topic, reach.groups), *map(device_topic, reach.things)]
    return tuple(dict.fromkeys([*own, *(topic for topic in topics if topic != EVERYTHING)]))
