"""Who may do what with which bucket: organizations, users, tokens, buckets and the databases that name them.

Before onboarding this is an InfluxDB 1.x without authentication: `CREATE DATABASE` makes a bucket that belongs to
nobody. Onboarding makes it a 2.x.
"""

import base64
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from local.timestream.engine import Engine

ENGINE_DATABASE: Final = "influx"
DEFAULT_POLICY: Final = "autogen"
RESOURCES: Final = frozenset(
    {
        "authorizations",
        "buckets",
        "checks",
        "dashboards",
        "dbrp",
        "labels",
        "notificationEndpoints",
        "notificationRules",
        "orgs",
        "scrapers",
        "secrets",
        "sources",
        "tasks",
        "telegrafs",
        "users",
        "variables",
        "views",
    }
)
_ID_BYTES = 8
_TOKEN_BYTES = 64
_SALT_BYTES = 16


class Organization(msgspec.Struct, frozen=True):
    id: str
    name: str
    made: int


class User(msgspec.Struct, frozen=True):
    id: str
    name: str
    salt: bytes
    hash: bytes

    def has(self, password: str) -> bool:
        return hmac.compare_digest(self.hash, _hash(password, self.salt))


class Bucket(msgspec.Struct, frozen=True):
    """`organization` is empty for a 1.x database's; `retention_s` 0 is for ever."""

    id: str
    organization: str
    name: str
    retention_s: int
    group_s: int
    made: int
    description: str = ""

    @property
    def database(self) -> str:
        """The engine's."""
        return f"{ENGINE_DATABASE}/{self.id}"

    def oldest(self, now: int) -> int | None:
        """The first moment in ns that is kept."""
        return now - self.retention_s * 10**9 if self.retention_s else None


class Mapping(msgspec.Struct, frozen=True):
    """What InfluxQL calls a database and a retention policy is this bucket. A virtual one follows from its name."""

    id: str
    organization: str
    bucket: str
    database: str
    policy: str
    default: bool
    virtual: bool = False


class Permission(msgspec.Struct, frozen=True):
    """An empty `id` or `organization` is any."""

    action: str
    type: str
    id: str = ""
    organization: str = ""

    def allows(self, action: str, kind: str, resource: str, organization: str) -> bool:
        return (
            self.action == action
            and self.type == kind
            and self.organization in {"", organization}
            and self.id in {"", resource}
        )


class Authorization(msgspec.Struct, frozen=True):
    id: str
    token: str
    organization: str
    user: str
    description: str
    active: bool
    permissions: tuple[Permission, ...]
    made: int

    def allows(self, action: str, kind: str, resource: str, organization: str) -> bool:
        return any(each.allows(action, kind, resource, organization) for each in self.permissions)


class State(msgspec.Struct):
    organizations: dict[str, Organization] = {}
    users: dict[str, User] = {}
    buckets: dict[str, Bucket] = {}
    mappings: dict[str, Mapping] = {}
    authorizations: dict[str, Authorization] = {}


class Accounts:
    """`state` is never changed in place: a change is on the disk when its block ends, or has not happened."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.RLock()
        if ENGINE_DATABASE not in engine.databases():
            engine.create_database(ENGINE_DATABASE, msgspec.to_builtins(State()))
        self.state = msgspec.convert(dict(engine.database_properties(ENGINE_DATABASE)), State)
        self._by_token = self._tokens()
        kept = {bucket.database for bucket in self.state.buckets.values()}
        for name in engine.databases():
            # Left by a bucket that was removed, or never finished, when the process died.
            if name.startswith(f"{ENGINE_DATABASE}/") and name not in kept:
                engine.drop_database(name)

    def _tokens(self) -> dict[str, Authorization]:
        return {each.token: each for each in self.state.authorizations.values()}

    @contextmanager
    def changing(self) -> Iterator[State]:
        """Raises StorageError where the change could not be made durable; then it has not happened."""
        with self._lock:
            state = State(
                dict(self.state.organizations),
                dict(self.state.users),
                dict(self.state.buckets),
                dict(self.state.mappings),
                dict(self.state.authorizations),
            )
            yield state
            made = [bucket for bucket in state.buckets.values() if bucket.id not in self.state.buckets]
            gone = [bucket for bucket in self.state.buckets.values() if bucket.id not in state.buckets]
            for bucket in made:
                self._engine.create_database(bucket.database)
            self._engine.update_database(ENGINE_DATABASE, msgspec.to_builtins(state))
            self.state = state
            self._by_token = self._tokens()
            for bucket in gone:
                self._engine.drop_database(bucket.database)

    @property
    def is_onboarded(self) -> bool:
        return bool(self.state.users)

    def with_token(self, token: str) -> Authorization | None:
        found = self._by_token.get(token)
        return found if found is not None and found.active else None

    def with_password(self, name: str, password: str) -> User | None:
        user = next((each for each in self.state.users.values() if each.name == name), None)
        return user if user is not None and user.has(password) else None

    def mappings(self, organization: str) -> list[Mapping]:
        """Those that were made, and for buckets without any the virtual ones."""
        state = self.state
        made = [each for each in state.mappings.values() if each.organization == organization]
        mapped = {each.bucket for each in made}
        with_default = {each.database for each in made if each.default}
        taken = {(each.database, each.policy) for each in made}
        found = list(made)
        for bucket in state.buckets.values():
            if bucket.organization != organization or bucket.id in mapped or not organization:
                continue
            database, _, policy = bucket.name.partition("/")
            policy = policy or DEFAULT_POLICY
            if (database, policy) not in taken:
                is_default = database not in with_default
                with_default.add(database)
                found.append(Mapping(bucket.id, organization, bucket.id, database, policy, is_default, virtual=True))
        return found

    def mapping(self, organization: str, database: str, policy: str | None) -> Mapping | None:
        """Without a policy the default one."""
        return next(
            (
                each
                for each in self.mappings(organization)
                if each.database == database and (each.policy == policy if policy else each.default)
            ),
            None,
        )


def new_id() -> str:
    return secrets.token_hex(_ID_BYTES)


def new_token() -> str:
    return base64.b64encode(secrets.token_bytes(_TOKEN_BYTES), b"-_").decode()


def new_user(name: str, password: str) -> User:
    salt = secrets.token_bytes(_SALT_BYTES)
    return User(new_id(), name, salt, _hash(password, salt))


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1)


def group_seconds(retention_s: int) -> int:
    """How much time InfluxDB puts into one group of shards for this retention."""
    day, hour = 86_400, 3_600
    if retention_s == 0 or retention_s >= 180 * day:
        return 7 * day
    return day if retention_s >= 2 * day else hour


def all_permissions(organization: str = "") -> tuple[Permission, ...]:
    return tuple(
        Permission(action, kind, organization=organization)
        for action in ("read", "write")
        for kind in sorted(RESOURCES)
    )


def make_default(mappings: dict[str, Mapping], chosen: Mapping) -> None:
    """Of the mappings of a database one is the default."""
    for each in _of_database(mappings.values(), chosen):
        mappings[each.id] = msgspec.structs.replace(each, default=each.id == chosen.id)


def without(mappings: dict[str, Mapping], gone: Callable[[Mapping], bool]) -> None:
    """Removes mappings; where a default goes, another one of its database takes its place."""
    for each in [each for each in mappings.values() if gone(each)]:
        del mappings[each.id]
        others = list(_of_database(mappings.values(), each))
        if each.default and others and not any(other.default for other in others):
            make_default(mappings, others[0])


def _of_database(mappings: Iterable[Mapping], like: Mapping) -> Iterable[Mapping]:
    return [each for each in mappings if (each.organization, each.database) == (like.organization, like.database)]
