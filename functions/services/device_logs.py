"""What devices said of themselves, and what of theirs could not be kept: events and quarantine."""

from functions.domain.access import Permission, Principal, Target
from functions.domain.events import EventFilter, EventPage
from functions.domain.quarantine import NoticePage, Quarantined, QuarantinePage
from functions.errors import ForbiddenError, NotFoundError, RequestError
from functions.ports.devices import StatusReader
from functions.ports.logs import EventLog, Quarantine
from functions.services.gate import Gate, missing


class DeviceLogs:
    def __init__(self, *, gate: Gate, statuses: StatusReader, events: EventLog, quarantine: Quarantine) -> None:
        self._gate = gate
        self._statuses = statuses
        self._events = events
        self._quarantine = quarantine

    def events(self, who: Principal, wanted: EventFilter, limit: int, cursor: str | None) -> EventPage:
        """Raises NotFoundError, ForbiddenError, CursorError, RequestError."""
        if wanted.start > wanted.end:
            raise RequestError("from", "a time not after `to`", f"{wanted.start} after {wanted.end}")
        self._require(who, Permission.EVENTS_READ, wanted.thing)
        return self._events.page(wanted, limit, cursor)

    def quarantined(self, who: Principal, thing: str, limit: int, cursor: str | None) -> QuarantinePage:
        """Raises NotFoundError, ForbiddenError, CursorError."""
        self._require(who, Permission.QUARANTINE_READ, thing)
        return self._quarantine.page(thing, limit, cursor)

    def entry(self, who: Principal, thing: str, entry: str) -> Quarantined:
        """Raises NotFoundError, ForbiddenError."""
        self._require(who, Permission.QUARANTINE_READ, thing)
        found = self._quarantine.entry(thing, entry)
        if found is None:
            raise NotFoundError(f"there is no entry {entry!r} in the quarantine of {thing!r}")
        return found

    def quarantine_of(self, who: Principal, day: str, limit: int, cursor: str | None) -> NoticePage:
        """Of all devices, registered or not: so only for whoever may read the quarantine of everything.

        Raises ForbiddenError, CursorError.
        """
        if not who.may(Permission.QUARANTINE_READ, Target()):
            raise ForbiddenError(
                f"the quarantine of a day is of all devices: it needs {Permission.QUARANTINE_READ} over everything; "
                "ask for that of a device"
            )
        return self._quarantine.of_day(day, limit, cursor)

    def _require(self, who: Principal, permission: Permission, thing: str) -> None:
        device = self._gate.heard(who, permission, thing)
        if device is None and thing not in self._statuses.statuses([thing]):
            raise missing(thing)
