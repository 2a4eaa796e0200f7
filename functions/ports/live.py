"""Those who watch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from functions.domain.live import Connection, LiveEvent, Outcome, Watcher


class LiveTickets(Protocol):
    """Every method raises LiveError where the table does not answer."""

    def put(self, digest: str, principal: str, expires_at: int) -> None: ...

    def take(self, digest: str, now: int) -> str | None:
        """Whose ticket it is, once: whoever takes it afterwards, or as it expires, gets None."""
        ...


class WatchedTopics(Protocol):
    def marks(self) -> frozenset[bytes]:
        """`live.mark_of` each topic that somebody watches, and maybe of some that nobody does any more.

        Small and cheap however many watch. Raises LiveError.
        """
        ...


class LiveConnections(WatchedTopics, Protocol):
    """Who is connected and what he watches. Every method raises LiveError where the table does not answer."""

    def open(self, connection: Connection) -> None: ...

    def of(self, principal: str) -> list[str]:
        """His connections, the oldest first."""
        ...

    def heard(self, connection: str, now: int) -> Connection | None:
        """The connection, with this message counted among those of the minute; None for one that is not open."""
        ...

    def watch(self, connection: Connection, topics: frozenset[str], limit: int) -> bool:
        """Add to what it watches; False, and nothing is added, where that would be more than `limit` in all."""
        ...

    def unwatch(self, connection: str, topics: frozenset[str]) -> None: ...

    def forget(self, connection: str) -> bool:
        """From now on it watches nothing and is not open; False where it was not open before."""
        ...

    def reassert(self, connection: Connection, now: int) -> None:
        """Enter its topics into the set of all that is watched again."""
        ...

    def watchers(self, topics: Iterable[str]) -> dict[str, list[Watcher]]:
        """Who watches each; a topic that nobody watches is left out."""
        ...

    def release(self, topics: Iterable[str]) -> None:
        """Take those that nobody watches out of the set of all that is watched."""
        ...


class LiveQueue(Protocol):
    def send(self, messages: Sequence[bytes]) -> None:
        """Raises LiveError where some may not have been sent."""
        ...


class LiveSockets(Protocol):
    """The open WebSockets. Neither method raises, waits for long, or keeps anything for later."""

    def post_all(self, frames: Mapping[str, Sequence[bytes]]) -> dict[str, Outcome]:
        """Send each connection its frames, in order, until one is not taken."""
        ...

    def close(self, connection: str) -> None: ...


class LivePublisher(Protocol):
    def publish(self, events: Sequence[LiveEvent]) -> None:
        """Tell whoever watches, after the change is stored; what nobody watches costs nothing.

        Never raises: a push that is lost is read by REST.
        """
        ...
