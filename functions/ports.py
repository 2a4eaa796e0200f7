"""What the use cases need of the world. Each port has an adapter for AWS and a fake in `functions.adapters.memory`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from contract.audit import AuditHead, Record
from contract.audit_export import Part
from contract.documents import CommandRequest
from contract.ingest import IngestMessage, LakeLine
from functions.domain.audit import AuditFilter, AuditPage, ChainsPage, Note
from functions.domain.bulk_commands import Bulk, BulkPage, BulkRow
from functions.domain.command_work import Work
from functions.domain.commands import Behind, Command, CommandPage, DuePage
from functions.domain.devices import Device, DeviceFilter, DevicePage
from functions.domain.events import DeviceEvent, EventFilter, EventPage
from functions.domain.grants import HeldPage, Holder
from functions.domain.groups import Group, GroupPage
from functions.domain.idempotency import Begun, KeptAnswer, KeyedRequest
from functions.domain.ingest import QuarantineEntry
from functions.domain.keys import Key, KeyPage
from functions.domain.lake import ObjectsPage
from functions.domain.live import Connection, LiveEvent, Outcome, Watcher
from functions.domain.people import PeoplePage, Person
from functions.domain.presence import Presence
from functions.domain.quarantine import NoticePage, Quarantined, QuarantinePage
from functions.domain.rates import Limit, Taken
from functions.domain.series import (
    Capabilities,
    DevicesPage,
    Point,
    PointsPage,
    Rejected,
    SeriesPage,
    SeriesQuery,
)
from functions.domain.shadows import Shadow, ShadowName, Wish, WishPage
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


class DeviceFinder(Protocol):
    """The part of the registry that tells which devices there are."""

    def find(self, things: Iterable[str]) -> dict[str, Device]:
        """The registered ones among `things`, decommissioned ones too."""
        ...


class DeviceRegistry(DeviceFinder, Protocol):
    def page(self, wanted: DeviceFilter, limit: int, cursor: str | None) -> DevicePage:
        """Devices in the filter's reach and no other. Costs the same however many there are.

        A page may be short, even empty, and have a cursor: what it reads is bounded. Raises CursorError, and
        RequestError for a filter that no list serves.
        """
        ...

    def save(self, before: Device | None, after: Device, note: Note) -> bool:
        """Make the entry say `after` where it says `before` (None: where there is none), on every list at once.

        The groups that it is in exist from then on. False, and nothing is changed, where it says something else by now.
        """
        ...


class GroupStore(Protocol):
    def find(self, paths: Iterable[str]) -> dict[str, Group]:
        """The groups that exist among `paths`."""
        ...

    def children(self, parent: str | None, limit: int, cursor: str | None) -> GroupPage:
        """Those directly in a group, or at the root, by name. Raises CursorError."""
        ...

    def save(self, before: Group | None, after: Group, note: Note) -> bool:
        """Make title and description those of `after`; groups above it are made where there are none.

        False, and nothing is changed, where its version is not that of `before` (None: where there is one).
        """
        ...

    def delete(self, group: Group, note: Note) -> bool:
        """False, and nothing is changed, where its version is another or something is in it by now."""
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

    def entry(self, thing: str, entry: str) -> Quarantined | None:
        """The one with this id, if it is still kept."""
        ...

    def of_day(self, day: str, limit: int, cursor: str | None) -> NoticePage:
        """Entries of all devices that were received on a day (UTC, `2025-11-24`). Raises CursorError."""
        ...


class Journal(Protocol):
    """For changes outside our tables; a repository keeps its own notes, each together with what it changes."""

    def record(self, note: Note) -> None:
        """Raises AuditError, and then nothing is kept."""
        ...


class AuditLog(Protocol):
    """The audit as it is read."""

    def page(self, wanted: AuditFilter, limit: int, cursor: str | None) -> AuditPage:
        """Newest first. Raises CursorError, AuditError."""
        ...

    def chains_of(self, day: str, limit: int, cursor: str | None) -> ChainsPage:
        """Everything of a day, as it stands and unchecked. Raises CursorError, AuditError."""
        ...

    def heads_of(self, days: Sequence[str]) -> dict[tuple[str, str], AuditHead]:
        """The head of each chain of these days, by day and shard. Raises AuditError."""
        ...

    def records(self, day: str, shard: str, after: str = "") -> Iterator[Record]:
        """A chain in order, behind the key `after`. Raises AuditError."""
        ...


class AuditArchive(Protocol):
    """Where the audit is exported to: what is there is never written again. Every method raises ArchiveError."""

    def newest_closed(self) -> str | None:
        """The last day that has a manifest."""
        ...

    def parts(self, day: str) -> list[Part]: ...

    def keep(self, key: str, data: bytes) -> None:
        """Idempotent: what is there under this name stays as it is."""
        ...


class RateBuckets(Protocol):
    def take(self, principal: str, wanted: int, limit: Limit, now_ms: int) -> Taken:
        """Up to `wanted` tokens of the principal's bucket, at once for everybody who takes. Raises RatesError."""
        ...


class RequestMemory(Protocol):
    """What was asked with an idempotency key, and what was answered. Every method raises IdempotencyError."""

    def begin(self, request: KeyedRequest, owner: str, now: int) -> Begun:
        """Claims the key for `owner` until `now + LEASE_MS`, or says what became of it.

        A claim whose time is over may be taken by the same request again: whoever held it is dead.
        """
        ...

    def finish(self, request: KeyedRequest, owner: str, answer: KeptAnswer | None, now: int) -> None:
        """Keeps the answer for KEPT_MS; None for one that must not be kept. Nothing where the claim is lost."""
        ...

    def abandon(self, request: KeyedRequest, owner: str) -> None:
        """Gives the claim back: nothing was done. Nothing where the claim is lost."""
        ...


class EventLog(Protocol):
    def append(self, event: DeviceEvent) -> None:
        """Keep a device's event, once for the same bytes. Idempotent."""
        ...

    def page(self, wanted: EventFilter, limit: int, cursor: str | None) -> EventPage:
        """Raises CursorError."""
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


class CommandStore(Protocol):
    """The ledger of commands. Raises CommandsError where it cannot be read or written now."""

    def create(self, command: Command, *, once: str | None = None, notes: Sequence[Note] = ()) -> Command | Behind:
        """Keep a new command with its notes; `Behind` when the device has one with a greater id.

        With `once` there is one command of the device by that name: if there is one already, it is answered and
        nothing is written. A command of a bulk also gets its row there.
        """
        ...

    def read(self, thing: str, id: str) -> Command | None:  # noqa: A002 - its name everywhere
        """As it stands now."""
        ...

    def once(self, thing: str, once: str) -> Command | None:
        """The command of that name, if there is one."""
        ...

    def open(self, thing: str) -> list[Command]:
        """Those that are not closed, by id, as they stand now."""
        ...

    def save(self, was: Command, becomes: Command, notes: Sequence[Note] = ()) -> Command | None:
        """Write it, with its place among what is open and due, if it still is as it was read; None when it is not."""
        ...

    def page(self, thing: str, limit: int, before: str | None) -> CommandPage: ...

    def due(self, shard: str, until: int, after: str | None, limit: int) -> DuePage:
        """What is due by `until`, the longest due first; may be some moments old."""
        ...

    def shards(self) -> Sequence[str]:
        """Those that `due` is spread over."""
        ...


class BulkStore(Protocol):
    """Commands for many devices. Raises CommandsError where it cannot be read or written now."""

    def create_bulk(self, bulk: Bulk, notes: Sequence[Note]) -> Bulk:
        """Keep it; if there is one of that id, it is answered and nothing is written."""
        ...

    def read_bulk(self, id: str) -> Bulk | None: ...  # noqa: A002 - its name everywhere

    def save_bulk(self, becomes: Bulk, notes: Sequence[Note] = ()) -> Bulk | None:
        """Write it if its version is still what was read; None when it is not."""
        ...

    def put_row(self, bulk: str, row: BulkRow) -> None:
        """Keep the row of a device that gets no command, if it has none."""
        ...

    def rows(self, bulk: str, limit: int, after: str | None) -> BulkPage: ...

    def all_rows(self, bulk: str, *, consistent: bool = False) -> Iterator[BulkRow]:
        """In any order; may be some moments old unless it is to be `consistent`, which costs twice as much."""
        ...


class CommandBroker(Protocol):
    def publish(self, thing: str, request: CommandRequest) -> None:
        """Hand it to the broker, which says nothing of the device. Raises CommandsError."""
        ...


class CommandQueue(Protocol):
    """Messages to the commands function. Raises CommandsError."""

    def wake(self, thing: str, kind: str, at: int, *, delay_s: int = 0) -> None:
        """Have it see what can be sent to a device; `kind` is ONLINE or WAITING."""
        ...

    def put(self, work: Work, *, delay_s: int = 0) -> None: ...


class Shadows(Protocol):
    """The named shadows in AWS IoT. Every method raises ShadowError where it does not answer."""

    def read(self, thing: str, name: ShadowName) -> Shadow | None:
        """None where neither side has written it."""
        ...

    def update(self, thing: str, name: ShadowName, patch: Mapping[str, Any], version: int) -> Shadow | None:
        """Merge into what is desired; None where the shadow is no longer of this `version`.

        With 0 it is made where there is none, and merged into whatever there is by now.
        """
        ...


class Wishes(Protocol):
    """What people set devices to, each version of it. Every method raises ShadowError where it does not answer."""

    def current(self, thing: str, name: ShadowName) -> Wish | None:
        """As it is now."""
        ...

    def save(self, thing: str, name: ShadowName, wish: Wish, note: Note) -> bool:
        """Keep a wish as the current one, with its audit; False where it does not follow the current version."""
        ...

    def mark_sent(self, thing: str, name: ShadowName, version: int) -> None:
        """If this is still the current version. Idempotent."""
        ...

    def page(self, thing: str, name: ShadowName, limit: int, cursor: str | None) -> WishPage:
        """Newest first. Raises CursorError."""
        ...


class TelemetryQueue(Protocol):
    def send(self, message: IngestMessage) -> None:
        """Into the queue that the topic rule sends to. Raises TelemetryQueueError."""
        ...
