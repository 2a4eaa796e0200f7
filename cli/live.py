"""Live data as one endless series of events: connects, pings, renews, and fills by REST whatever a gap has cost.

The WebSocket may lose events and repeat them; what comes out here is each metric's newer values only, and each step of
a command once.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from cli.api import Api
from cli.errors import BusyError, NotAllowedError, NotFoundError, ServerFaultError, UnreachableError
from cli.live_reading import Event, Wanted, current
from cli.session import wall_clock_ms
from cli.urls import is_loopback

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

CLOSED_COMMANDS = frozenset({"SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT", "EXPIRED", "CANCELLED"})
_MAX_FRAME = 128 * 1024
_ANSWER_S = 20.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0


class Closed(Exception):  # noqa: N818 - says what became of a socket
    """The socket ended, was refused, or does not answer."""


class Socket(Protocol):
    def send(self, text: str) -> None: ...

    def receive(self, within_s: float) -> str | None:
        """None when nothing came in time. Raises Closed."""
        ...

    def close(self) -> None: ...


@dataclass
class Seen:
    """What was shown already, so that a gap's filling repeats nothing."""

    moments: dict[tuple[str, str], int] = field(default_factory=dict)
    """Device and metric, or device and kind, to its newest time; of an alarm to its newest version."""
    steps: set[tuple[str, str, int, str]] = field(default_factory=set)
    ended: set[tuple[str, str]] = field(default_factory=set)

    def news(self, event: Event) -> Event | None:
        """The event without what was shown before; None where nothing is left."""
        device, kind, at, data = event["device"], event["kind"], event["at"], event.get("data") or {}
        if kind == "command":
            step = (device, event["command"], at, str(data.get("status")))
            if data.get("status") in CLOSED_COMMANDS:
                self.ended.add((device, event["command"]))
            if step in self.steps:
                return None
            self.steps.add(step)
            return event
        if kind == "latest":
            new = {metric: one for metric, one in data.items() if self._is_newer((device, metric), one["ts"])}
            return {**event, "data": new} if new else None
        if kind == "alarm" and "version" in data:
            return event if self._is_newer((device, f"#alarm {event['alarm']}"), int(data["version"])) else None
        return event if self._is_newer((device, f"#{kind}"), at) else None

    def _is_newer(self, what: tuple[str, str], ts: int) -> bool:
        newer = ts > self.moments.get(what, -1)
        if newer:
            self.moments[what] = ts
        return newer


class _Heartbeat:
    """Pings when it is time; a ping that is not answered ends the connection."""

    def __init__(self, every_ms: int, now: int) -> None:
        self._every_ms = every_ms
        self._ping_at = now + every_ms
        self.answer_by: int | None = None

    @property
    def next_at(self) -> int:
        return self._ping_at if self.answer_by is None else min(self._ping_at, self.answer_by)

    def keep(self, socket: Socket, now: int) -> None:
        if self.answer_by is not None and now >= self.answer_by:
            raise Closed("no answer to a ping")
        if now >= self._ping_at:
            socket.send('{"type":"ping"}')
            self._ping_at, self.answer_by = now + self._every_ms, now + int(_ANSWER_S * 1000)


class Watch:
    """`connect` opens an address; `say` tells a person of what is no event."""

    def __init__(
        self,
        api: Api,
        wanted: Wanted,
        *,
        say: Callable[[str], None],
        connect: Callable[[str], Socket] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._api = api
        self._wanted = wanted
        self._say = say
        self._connect = connect or opened
        self._sleep = sleep
        self._chance = chance
        self._clock_ms = clock_ms
        self._seen = Seen()
        self._watched_before = False

    def events(self, until_ms: int | None = None) -> Iterator[Event]:
        """Until then, or until every command ended where nothing else is watched; else for ever.

        Raises NotFoundError where none of it may be watched, and NotAllowedError when nothing may be any more.
        """
        failures = 0
        while not self._is_over(until_ms):
            socket: Socket | None = None
            try:
                socket = self._connect(str(self._api.change("POST", "/live/ticket")["url"]))
                for event in self._connection(socket, until_ms):
                    failures = 0
                    if (news := self._seen.news(event)) is not None:
                        yield news
            except (Closed, UnreachableError, BusyError, ServerFaultError) as exc:
                failures += 1
                # Full jitter: whoever was cut off together must not come back together.
                wait_s = self._chance() * min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(failures, 10))
                self._say(f"The connection ended ({exc}); connecting again.")
                self._sleep(wait_s)
            finally:
                if socket is not None:
                    socket.close()

    def _is_over(self, until_ms: int | None) -> bool:
        wanted = self._wanted
        if until_ms is not None and self._clock_ms() >= until_ms:
            return True
        more = wanted.devices or wanted.groups or wanted.everything or wanted.alarms
        only_commands = bool(wanted.commands) and not more
        return only_commands and self._seen.ended.issuperset(wanted.commands)

    def _connection(self, socket: Socket, until_ms: int | None) -> Iterator[Event]:
        """Until it is time to renew; raises Closed when it ends before."""
        welcome = self._asked(socket, {"type": "hello", "v": 1})
        answer = self._asked(socket, self._wanted.subscription())
        self._tell_refused(answer)
        yield from current(self._api, self._wanted)
        beat = _Heartbeat(int(welcome["heartbeat_s"]) * 1000, self._clock_ms())
        fill_at: int | None = int(answer["complete_from"])
        while not self._is_over(until_ms):
            now = self._clock_ms()
            if now >= int(welcome["renew_at"]):
                return
            if fill_at is not None and now >= fill_at:
                fill_at = None
                yield from current(self._api, self._wanted)
            beat.keep(socket, now)
            times = [at for at in (fill_at, beat.next_at, until_ms, now + 60_000) if at is not None]
            frame = self._frame(socket, max(0.0, (min(times) - now) / 1000))
            if frame is None:
                continue
            if frame.get("type") == "renew":
                return
            yield from self._heard(frame, beat)

    def _heard(self, frame: dict[str, Any], beat: "_Heartbeat") -> list[Event]:
        match frame.get("type"):
            case "events":
                return list(frame["events"])
            case "pong":
                beat.answer_by = None
            case "revoked":
                self._tell_revoked(frame)
            case "error":
                raise Closed(str(frame.get("message")))
        return []

    def _asked(self, socket: Socket, document: dict[str, Any]) -> dict[str, Any]:
        """The answer; events that come before it are older than the gap's filling."""
        wanted = {"hello": {"welcome"}, "subscribe": {"subscribed", "refused"}}[document["type"]]
        socket.send(msgspec.json.encode(document).decode())
        end = self._clock_ms() + int(_ANSWER_S * 1000)
        while (left := end - self._clock_ms()) > 0:
            frame = self._frame(socket, left / 1000)
            kind = (frame or {}).get("type")
            if kind == "error":
                raise Closed(str((frame or {}).get("message")))
            if kind in wanted:
                return frame or {}
        raise Closed("no answer")

    def _frame(self, socket: Socket, within_s: float) -> dict[str, Any] | None:
        text = socket.receive(within_s)
        if text is None:
            return None
        with suppress(msgspec.DecodeError):
            decoded = msgspec.json.decode(text)
            if isinstance(decoded, dict):
                return decoded
        raise Closed("a frame that is no JSON object")

    def _tell_refused(self, answer: dict[str, Any]) -> None:
        refused = [str(one["topic"]) for one in answer.get("refused", ())]
        if answer["type"] == "refused":
            if self._watched_before:
                raise NotAllowedError(f"You may no longer watch {', '.join(refused)}.")
            raise NotFoundError(f"There is no {', no '.join(refused)}, or you may not see it.")
        if refused and not self._watched_before:
            self._say(f"There is no {', no '.join(refused)}, or you may not see it; watching the rest.")
        self._watched_before = True

    def _tell_revoked(self, frame: dict[str, Any]) -> None:
        topics = ", ".join(map(str, frame.get("topics", ())))
        if frame.get("everything"):
            raise NotAllowedError("You may no longer watch anything.")
        self._say(f"You may no longer watch {topics}.")


class _Opened:
    """`websockets` as a `Socket`."""

    def __init__(self, connection: "ClientConnection") -> None:
        self._connection = connection

    def send(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            self._connection.send(text)
        except ConnectionClosed as exc:
            raise Closed(_why(exc)) from exc

    def receive(self, within_s: float) -> str | None:
        from websockets.exceptions import ConnectionClosed

        try:
            frame = self._connection.recv(timeout=within_s)
        except TimeoutError:
            return None
        except ConnectionClosed as exc:
            raise Closed(_why(exc)) from exc
        return frame if isinstance(frame, str) else frame.decode(errors="replace")

    def close(self) -> None:
        self._connection.close()


def opened(url: str) -> Socket:
    """Raises Closed where it cannot be opened."""
    from urllib.parse import urlsplit

    from websockets.exceptions import InvalidHandshake, InvalidStatus
    from websockets.sync.client import connect

    host = urlsplit(url).hostname or ""
    try:
        return _Opened(
            connect(
                url,
                proxy=None if is_loopback(host) else True,
                max_size=_MAX_FRAME,
                open_timeout=_ANSWER_S,
                close_timeout=1,
                ping_interval=None,  # the protocol has its own heartbeat
                compression=None,
                legacy=True,  # the connection itself: connecting again is ours
            )
        )
    except InvalidStatus as exc:
        raise Closed(f"{host} answered {exc.response.status_code}") from exc
    except (InvalidHandshake, OSError) as exc:
        raise Closed(f"{host}: {exc}") from exc


def _why(exc: Any) -> str:
    return f"code {exc.rcvd.code}" if getattr(exc, "rcvd", None) else "cut off"
