"""Keeps presence by AWS IoT lifecycle events, and settles what was debounced."""

from collections.abc import Callable, Iterable

from contract import documents
from contract.documents import InternalEvent, PresenceEvent
from contract.errors import DocumentError, IdentityError
from contract.identity import parse_thing
from functions.domain.alarm_work import Wake
from functions.domain.command_work import ONLINE
from functions.domain.live import Kind, LiveEvent
from functions.domain.presence import SETTLE, Presence, Session, Status
from functions.errors import QueueMessageError, StateError
from functions.ports.alarms import AlarmsQueue
from functions.ports.commands import CommandQueue
from functions.ports.devices import PresenceStore, SettleLater
from functions.ports.live import LivePublisher

SUBSCRIBED_S = 1
"""How long after its connect a device is given to subscribe; what is sent to it before is sent again a little later."""


class KeepPresence:
    """`commands` is told of each device that connects: what waits for it is sent then. `alarms` is told of each that
    is seen to be online or offline: rules may ask for it. What they go by is the presence as it is kept, so that a
    message too many changes nothing.
    """

    def __init__(
        self,
        presences: PresenceStore,
        settle_later: SettleLater,
        attempts: Iterable[int],
        live: LivePublisher,
        commands: CommandQueue,
        alarms: AlarmsQueue,
    ) -> None:
        self._presences = presences
        self._settle_later = settle_later
        self._attempts = attempts
        self._live = live
        self._commands = commands
        self._alarms = alarms

    def take(self, body: bytes | str) -> bool:
        """One queue body: a lifecycle event, or a settle message. False for a client that is no thing.

        Raises QueueMessageError for what is neither.
        """
        raw = body.encode() if isinstance(body, str) else body
        settle = _settle_of(raw)
        if settle is not None:
            settled = self._change(settle.thing, lambda presence: presence.settled(str(settle.data.get("session"))))
            if settled.status is Status.OFFLINE:
                self._alarms.put(Wake(thing=settle.thing))
            return True
        event = _event_of(raw)
        try:
            thing = parse_thing(event.client_id)
        except IdentityError:
            return False
        after = self._change(thing, lambda presence: presence.observed(_session(event)))
        # Also when the event changed nothing: it may have been written by an attempt that failed before this line.
        if (ended := after.unsettled) is not None:
            self._settle_later.schedule(thing, ended.id)
        if event.event_type == "connected" and after.connected:
            self._commands.wake(thing, ONLINE, event.timestamp, delay_s=SUBSCRIBED_S)
            self._alarms.put(Wake(thing=thing))
        return True

    def _change(self, thing: str, change: Callable[[Presence], Presence]) -> Presence:
        for _ in self._attempts:
            before = self._presences.read(thing)
            after = change(before)
            if after == before or self._presences.save(thing, after):
                if (after.status, after.since) != (before.status, before.since):
                    self._live.publish([_told(thing, after)])
                return after
        raise StateError(f"the presence of {thing} was written by others at every attempt")


def _told(thing: str, presence: Presence) -> LiveEvent:
    data = {"status": presence.status, "since": presence.since, "reason": presence.reason}
    return LiveEvent(Kind.PRESENCE, thing, None, presence.since or 0, data)


def _settle_of(raw: bytes) -> InternalEvent | None:
    try:
        event = documents.decode(InternalEvent, raw)
    except DocumentError:
        return None
    return event if event.kind == SETTLE else None


def _event_of(raw: bytes) -> PresenceEvent:
    try:
        return documents.decode(PresenceEvent, raw)
    except DocumentError as exc:
        raise QueueMessageError(f"expected a lifecycle event: {exc}") from exc


def _session(event: PresenceEvent) -> Session:
    """One connection. A persistent session keeps its identifier when it is resumed, as our agent's is; the version is
    new with each connection, and the same in its connect and its disconnect.
    """
    connection = f"{event.session_identifier}#{event.version_number}"
    if event.event_type == "connected":
        return Session(id=connection, version=event.version_number, connected_at=event.timestamp)
    return Session(
        id=connection,
        version=event.version_number,
        disconnected_at=event.timestamp,
        reason=event.disconnect_reason,
    )
