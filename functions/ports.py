"""What the use cases need of the world. Each port has an adapter for AWS and a fake in `functions.adapters.memory`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from contract.ingest import LakeLine
from functions.domain.audit import Note
from functions.domain.devices import Device, DeviceFilter, DevicePage, Source
from functions.domain.events import DeviceEvent
from functions.domain.grants import HeldPage, Holder
from functions.domain.ingest import QuarantineEntry
from functions.domain.keys import Key, KeyPage
from functions.domain.lake import ObjectsPage
from functions.domain.live import LiveEvent
from functions.domain.people import PeoplePage, Person
from functions.domain.presence import Presence
from functions.domain.quarantine import QuarantinePage
from functions.domain.series import (
    Capabilities,
    DevicesPage,
    Point,
    PointsPage,
    Rejected,
    SeriesPage,
    SeriesQuery,
)
from functions.domain.sign_in import Challenge, Tokens
from functions.domain.state import DeviceState, Saved
from functions.domain.status import DeviceStatus
from functions.domain.store_setup import Access, Authorization, Bucket, DatabaseMapping


class Clock(Protocol):
    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        ...


class SeriesReader(Protocol):
    """The part of a telemetry store that answers people and apps."""

    def series(self, query: SeriesQuery) -> SeriesPage:
        """A page of the answer, over every stored point and none older than the retention.

        Raises CursorError, and StoreError where the store cannot answer now.
        """
        ...


class TelemetryStore(SeriesReader, Protocol):
    """History. Every adapter passes one contract suite."""

    def write(self, points: Sequence[Point]) -> list[Rejected]:
        """Upsert by `(device, metric, ts)`; of two such points the one received last stands, on a tie the greater.

        (On a tie, where `capabilities().breaks_ties`; else one of the two.)
        Idempotent. Returns the points that it will never take; raises PartialWriteError naming those that it could not
        take now, StoreError when nothing is known to be stored.
        """
        ...

    def recount(self, points: Sequence[Point]) -> None:
        """Sees to it that each of these counts once, if it is here: who wrote it may have called it `fresh` wrongly.

        Writes none of them and changes nothing of what stands. Idempotent; raises StoreError.
        """
        ...

    def export(self, device: str, start: int, end: int, cursor: str | None = None) -> PointsPage:
        """Every point of a device in `[start, end)`, of all metrics and whole, as a move to another store needs it.

        Raises CursorError, StoreError.
        """
        ...

    def devices(self, cursor: str | None = None) -> DevicesPage:
        """Whoever has points here, registered or not. May read the whole store: for moves only. Raises StoreError."""
        ...

    def delete(self, device: str, start: int, end: int) -> None:
        """Forget a device's points in `[start, end)`. Idempotent; raises UnsupportedError where it is no capability."""
        ...

    def capabilities(self) -> Capabilities: ...


class StateStore(Protocol):
    """The state of each device, written by ingest only."""

    def read(self, things: Iterable[str]) -> dict[str, DeviceState]:
        """The state of each thing as it is now; of one that was never heard, an empty state."""
        ...

    def save(self, states: Mapping[str, DeviceState]) -> Saved:
        """Write each state if its version is still what was read, else it is a conflict."""
        ...


class PresenceStore(Protocol):
    """Presence of each device, written by the presence function only."""

    def read(self, thing: str) -> Presence: ...

    def save(self, thing: str, presence: Presence) -> bool:
        """Write it if its revision is still what was read; False when it is not."""
        ...


class SettleLater(Protocol):
    def schedule(self, thing: str, session: str) -> None:
        """Ask for `settle` of this session once the debounce time has passed."""
        ...


class DeviceRegistry(Protocol):
    def find(self, things: Iterable[str]) -> dict[str, Device]:
        """The registered ones among `things`."""
        ...

    def page(self, wanted: DeviceFilter, limit: int, cursor: str | None) -> DevicePage:
        """Costs the same however many devices there are; raises CursorError."""
        ...

    def register(self, thing: str, name: str, model: str, group: str, source: Source, now: int) -> bool:
        """Make the entry say this; False when it did already. A decommissioned device comes back."""
        ...

    def decommission(self, thing: str, source: Source, now: int) -> bool:
        """Take the device off all lists; False when it is not there, is already, or belongs to another source."""
        ...


class StatusReader(Protocol):
    def statuses(self, things: Iterable[str]) -> dict[str, DeviceStatus]:
        """What is known of each device that was ever heard of: state, presence and quarantine counts in one read."""
        ...


class Quarantine(Protocol):
    def put(self, entries: Sequence[QuarantineEntry]) -> None:
        """Keep each entry once and count each of its reasons once, however often it is put.

        The same bytes received until `quarantine.REPEAT_MS` after an entry are no other.
        Raises QuarantineError naming the positions of entries that could not be kept.
        """
        ...

    def page(self, thing: str, limit: int, cursor: str | None) -> QuarantinePage:
        """Newest first; a page ends before it grows beyond about 1 MB. Raises CursorError."""
        ...


class EventLog(Protocol):
    def append(self, event: DeviceEvent) -> None:
        """Keep a device's event, once for the same bytes. Idempotent."""
        ...


class Lake(Protocol):
    def append(self, lines: Sequence[LakeLine]) -> None:
        """Keep every raw message at least once; raises LakeError naming the positions that may be missing."""
        ...


class LakeReader(Protocol):
    def objects(self, start: int, end: int, cursor: str | None = None) -> ObjectsPage:
        """Objects that may hold what reached the lake in `[start, end)`, the oldest first. Raises LakeReadError.

        An object is found by the hour of its oldest message.
        """
        ...

    def lines(self, key: str, first: int = 0) -> Iterator[bytes]:
        """An object's lines from the line `first` on, which counts from 0, without their ends.

        A line beyond `lake.MAX_LINE_BYTES` is cut there, so that memory is bounded whatever the object holds. Raises
        LakeReadError, and DamagedObjectError after all lines that could be read.
        """
        ...


class InfluxAdmin(Protocol):
    """An InfluxDB 2.x instance in the hands of its administrator, while signed in; the identifiers are its own.

    Every method raises StoreUnreachableError where trying again may help, else StoreAdminError; both name what failed.
    """

    def organization(self, name: str) -> str | None:
        """Its identifier."""
        ...

    def bucket(self, organization: str, name: str) -> Bucket | None: ...

    def make_bucket(self, organization: str, name: str, retention_s: int) -> Bucket: ...

    def keep_for(self, bucket: Bucket, retention_s: int) -> None: ...

    def mappings(self, organization: str, database: str) -> list[DatabaseMapping]:
        """Those that somebody made, without those that the instance derives from the names of buckets."""
        ...

    def map_database(self, organization: str, database: str, policy: str, bucket: Bucket) -> None:
        """As the default of the database."""
        ...

    def make_default(self, organization: str, mapping: DatabaseMapping) -> None: ...

    def unmap(self, organization: str, mapping: DatabaseMapping) -> None: ...

    def authorizations(self, organization: str) -> list[Authorization]: ...

    def authorize(self, organization: str, bucket: Bucket, access: Access, description: str) -> str:
        """A new token that can do this with the bucket and nothing else. It is never shown again."""
        ...

    def revoke(self, authorization: Authorization) -> None: ...

    def works(self, token: str, access: Access, database: str) -> bool:
        """Whether the token can do this now, by doing it; it stores nothing."""
        ...


class TokenSecret(Protocol):
    def read(self) -> str | None:
        """None where there is none yet; raises StoreAdminError."""
        ...

    def write(self, token: str) -> None:
        """Raises StoreAdminError."""
        ...


class LivePublisher(Protocol):
    def publish(self, events: Sequence[LiveEvent]) -> None:
        """Tell whoever watches, after the change is stored; what nobody watches costs nothing.

        Never raises: a push that is lost is read by REST.
        """
        ...


class Principals(Protocol):
    """Who may do what. Every method raises PrincipalsError where the table does not answer."""

    def find(self, principal: str) -> Holder | None:
        """As it is now."""
        ...

    def save(self, before: Holder, after: Holder, note: Note, relies_on: Sequence[Holder] = ()) -> Holder:
        """Make `before` into `after`, with the note, if it and all of `relies_on` are still as they were read.

        `before` of version 0 is one that is not stored. Gives what is stored then. Raises PreconditionError when
        `before` has changed, ConflictError when another one has.
        """
        ...

    def over(self, scope: str, limit: int, cursor: str | None) -> HeldPage:
        """The grants over exactly this scope, by principal; may lag a moment. Raises CursorError."""
        ...


class Keys(Protocol):
    """The keys of apps and devices. Every method raises PrincipalsError where the table does not answer."""

    def find(self, key: str) -> Key | None:
        """As it is now."""
        ...

    def add(self, key: Key, note: Note) -> None: ...

    def revoke(self, key: Key, now: int, note: Note) -> bool:
        """From now on it is refused; False when it was revoked before."""
        ...

    def page(self, thing: str, limit: int, cursor: str | None) -> KeyPage:
        """A device's keys, or with no `thing` those of apps, newest first; may lag a moment. Raises CursorError."""
        ...

    def used(self, key: str, day: int) -> None:
        """Note that it was used on this day. Never raises: whoever calls with it does not care."""
        ...


class Directory(Protocol):
    """Who can sign in. Every method raises PrincipalsError where it does not answer, RateLimitError where it is busy.

    Those that take a person's id raise NotFoundError where there is none.
    """

    def invite(self, email: str) -> Person:
        """Raises ConflictError where somebody has this address."""
        ...

    def invite_again(self, email: str) -> None: ...

    def find(self, sub: str) -> Person | None: ...

    def page(self, beginning: str, limit: int, cursor: str | None) -> PeoplePage:
        """Those whose address begins so, at most 60 at once. Raises CursorError."""
        ...

    def enable(self, sub: str) -> None: ...

    def disable(self, sub: str) -> None:
        """His refresh tokens end too."""
        ...

    def delete(self, sub: str) -> None: ...

    def reset(self, sub: str) -> None:
        """His password is no longer good; he is sent a code. Raises ConflictError where he cannot get one."""
        ...


class SignIns(Protocol):
    """Where people prove who they are. Every method raises PrincipalsError where it does not answer, RateLimitError."""

    def log_in(self, user: str, password: str) -> Tokens | Challenge:
        """Raises UnauthorizedError, for whatever reason."""
        ...

    def answer(self, challenge: Challenge, answer: str) -> Tokens | Challenge:
        """Raises UnauthorizedError, and RequestError for a password that is not accepted."""
        ...

    def refresh(self, token: str) -> Tokens:
        """Raises UnauthorizedError."""
        ...

    def revoke(self, token: str) -> None: ...

    def forget_password(self, user: str) -> None:
        """Send a code, if there is such a user with an address; says nothing of it either way."""
        ...

    def set_password(self, user: str, code: str, password: str) -> None:
        """Raises RequestError for a code that is not his newest, or a password that is not accepted."""
        ...
