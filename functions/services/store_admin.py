"""Makes an InfluxDB instance ready for telemetry, or mends what is not as it should be; repeating it changes nothing.

It makes the bucket with its retention, the database by which InfluxQL finds the bucket, and two tokens: one that can
only write to the bucket and one that can only read it. Taking back removes the tokens and the database, never the
bucket: data goes with its retention or with the instance.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial

from functions.domain.store_setup import (
    RETENTION_POLICY,
    Access,
    Authorization,
    Bucket,
    Order,
    Outcome,
    Wanted,
    description,
    is_made_for,
    wanted,
)
from functions.errors import AdapterError, RequestError, StoreAdminError, StoreUnreachableError
from functions.ports.store_setup import InfluxAdmin, TokenSecret

Removal = tuple[str, Callable[[], None]]
"""What goes, and how."""
_DAY_S = 86_400
_REFUSALS = 4
"""So often a new instance may refuse what it allows a moment later: the sign-in, before its administrator is there."""


class StoreAdmin:
    def __init__(
        self,
        signed_in: Callable[[], AbstractContextManager[InfluxAdmin]],
        secrets: Mapping[Access, TokenSecret],
        *,
        attempts: Iterable[int],
        parting_attempts: Iterable[int],
    ) -> None:
        """`attempts` are those of an instance that is still starting, `parting_attempts` of one that may be gone."""
        self._signed_in = signed_in
        self._secrets = secrets
        self._attempts = attempts
        self._parting_attempts = parting_attempts

    def carry_out(self, order: Order) -> Outcome:
        """Raises RequestError, and StoreAdminError for what could not be made. What is to go never raises either."""
        done: list[str] = []
        left: list[str] = []
        match order.request:
            case "Create" | "Update":
                declared = wanted(order.properties)
                refusals = _REFUSALS if order.request == "Create" else 0
                _tried(self._attempts, lambda: self._make(declared, order.deployment, done), refusals)
                if order.previous:
                    self._forget(order, declared, done, left)
            case "Delete":
                self._take_back(order, done, left)
            case _:
                raise RequestError("RequestType", "Create, Update or Delete", repr(order.request))
        return Outcome(done=tuple(done), left=tuple(left))

    def _make(self, declared: Wanted, deployment: str, done: list[str]) -> None:
        with self._signed_in() as admin:
            organization = admin.organization(declared.organization)
            if organization is None:
                raise StoreAdminError(f"the instance has no organization {declared.organization!r}")
            bucket = _bucket(admin, organization, declared, done)
            _mapping(admin, organization, declared.database, bucket, done)
            for access, secret in self._secrets.items():
                mark = description(deployment, access, declared.version)
                known = _made_for(admin, organization, deployment, access)
                token = secret.read()
                # Only where there is no other can the token be that of the one with the mark: it does not say.
                alone = [one.description for one in known] == [mark]
                if token is not None and alone and admin.works(token, access, declared.database):
                    continue
                token = admin.authorize(organization, bucket, access, mark)
                secret.write(token)
                done.append(f"made a token to {access}")
                if not admin.works(token, access, declared.database):
                    raise StoreAdminError(f"the instance refuses the token to {access} that it has just made")
                # Not before the new one is there: until then functions work with what they have.
                for one in known:
                    admin.revoke(one)

    def _forget(self, order: Order, declared: Wanted, done: list[str], left: list[str]) -> None:
        """Removes the database of before an update; what cannot be removed is left, and said."""
        try:
            previous = wanted(order.previous)
            if previous.database != declared.database:
                _tried(self._parting_attempts, lambda: self._unmap(previous, done, left))
        except (AdapterError, RequestError) as exc:
            left.append(f"the database of before: {exc}")

    def _unmap(self, previous: Wanted, done: list[str], left: list[str]) -> None:
        with self._signed_in() as admin:
            organization = admin.organization(previous.organization)
            if organization is not None:
                _removed(_unmapping(admin, organization, previous), done, left)

    def _take_back(self, order: Order, done: list[str], left: list[str]) -> None:
        """Whatever cannot be removed is left, and said: a stack must be able to go when its instance is gone."""
        try:
            declared = wanted(order.properties)
            _tried(self._parting_attempts, lambda: self._remove(declared, order.deployment, done, left))
        except (AdapterError, RequestError) as exc:
            left.append(f"tokens and database: {exc}")

    def _remove(self, declared: Wanted, deployment: str, done: list[str], left: list[str]) -> None:
        with self._signed_in() as admin:
            organization = admin.organization(declared.organization)
            if organization is None:
                return
            tokens: list[Removal] = [
                (f"a token to {access}", partial(admin.revoke, one))
                for access in self._secrets
                for one in _made_for(admin, organization, deployment, access)
            ]
            _removed([*tokens, *_unmapping(admin, organization, declared)], done, left)


def _tried(attempts: Iterable[int], do: Callable[[], None], refusals: int = 0) -> None:
    """`do`, again while the instance does not answer, and after so many refusals: what is done already stays."""
    problem: StoreAdminError = StoreUnreachableError("there was no time to try")
    for _ in attempts:
        try:
            return do()
        except StoreUnreachableError as exc:
            problem = exc
        except StoreAdminError as exc:
            if not refusals:
                raise
            refusals -= 1
            problem = exc
    raise problem


def _made_for(admin: InfluxAdmin, organization: str, deployment: str, access: Access) -> list[Authorization]:
    return [one for one in admin.authorizations(organization) if is_made_for(deployment, access, one)]


def _unmapping(admin: InfluxAdmin, organization: str, declared: Wanted) -> list[Removal]:
    """The database, unless somebody has made it another bucket since."""
    bucket = admin.bucket(organization, declared.bucket)
    return [
        (f"the database {declared.database}", partial(admin.unmap, organization, mapping))
        for mapping in admin.mappings(organization, declared.database)
        if bucket is not None and (mapping.bucket, mapping.policy) == (bucket.id, RETENTION_POLICY)
    ]


def _removed(removals: Iterable[Removal], done: list[str], left: list[str]) -> None:
    for what, remove in removals:
        try:
            remove()
        except StoreUnreachableError:
            raise
        except StoreAdminError as exc:
            left.append(f"{what}: {exc}")
        else:
            done.append(f"removed {what}")


def _bucket(admin: InfluxAdmin, organization: str, declared: Wanted, done: list[str]) -> Bucket:
    retention_s = declared.retention_days * _DAY_S
    bucket = admin.bucket(organization, declared.bucket)
    if bucket is None:
        done.append(f"made the bucket {declared.bucket}, kept for {declared.retention_days} days")
        return admin.make_bucket(organization, declared.bucket, retention_s)
    if bucket.retention_s != retention_s:
        admin.keep_for(bucket, retention_s)
        done.append(f"the bucket {declared.bucket} is kept for {declared.retention_days} days")
    return bucket


def _mapping(admin: InfluxAdmin, organization: str, database: str, bucket: Bucket, done: list[str]) -> None:
    """A database has one bucket for each policy, so one that points elsewhere makes way."""
    right = False
    for mapping in admin.mappings(organization, database):
        if mapping.policy != RETENTION_POLICY:
            continue
        if mapping.bucket != bucket.id:
            admin.unmap(organization, mapping)
            done.append(f"the database {database} no longer is the bucket {mapping.bucket}")
            continue
        right = True
        if not mapping.default:
            admin.make_default(organization, mapping)
            done.append(f"the database {database} has {RETENTION_POLICY} as its default")
    if not right:
        admin.map_database(organization, database, RETENTION_POLICY, bucket)
        done.append(f"made the database {database}")
