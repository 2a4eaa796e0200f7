"""An InfluxDB 2.x instance in memory, as far as its administration goes: what tokens may do, and what they cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple

from functions.domain.store_setup import Access, Authorization, Bucket, DatabaseMapping
from functions.errors import StoreAdminError


class _Token(NamedTuple):
    authorization: Authorization
    bucket: str
    access: Access


class MemoryInfluxAdmin:
    """Onboarded with one organization and one bucket that keeps data for ever, as the service leaves it."""

    def __init__(self, organization: str = "fieldline", bucket: str = "telemetry") -> None:
        self._numbers = count(1)
        self.organizations = {organization: self._id()}
        self.buckets = {bucket: Bucket(self._id(), None)}
        self.databases: dict[str, list[DatabaseMapping]] = {}
        self.tokens: dict[str, _Token] = {}

    @contextmanager
    def signed_in(self) -> Iterator["MemoryInfluxAdmin"]:
        yield self

    def organization(self, name: str) -> str | None:
        return self.organizations.get(name)

    def bucket(self, organization: str, name: str) -> Bucket | None:  # noqa: ARG002 - there is one organization
        return self.buckets.get(name)

    def make_bucket(self, organization: str, name: str, retention_s: int) -> Bucket:  # noqa: ARG002 - see `bucket`
        if name in self.buckets:
            raise StoreAdminError(f"making the bucket {name}: there is one")
        self.buckets[name] = Bucket(self._id(), retention_s)
        return self.buckets[name]

    def keep_for(self, bucket: Bucket, retention_s: int) -> None:
        name = self._name_of(bucket)
        self.buckets[name] = Bucket(bucket.id, retention_s)

    def mappings(self, organization: str, database: str) -> list[DatabaseMapping]:  # noqa: ARG002 - see `bucket`
        return [*self.databases.get(database, [])]

    def map_database(self, organization: str, database: str, policy: str, bucket: Bucket) -> None:
        self._name_of(bucket)
        known = self.mappings(organization, database)
        if any(one.policy == policy for one in known):
            raise StoreAdminError(f"making the database {database}: there is one with the policy {policy}")
        mapping = DatabaseMapping(self._id(), bucket.id, policy, default=True)
        self.databases[database] = [*known, mapping]
        self.make_default(organization, mapping)

    def make_default(self, organization: str, mapping: DatabaseMapping) -> None:  # noqa: ARG002 - see `bucket`
        for database, known in self.databases.items():
            if any(one.id == mapping.id for one in known):
                self.databases[database] = [
                    DatabaseMapping(one.id, one.bucket, one.policy, default=one.id == mapping.id) for one in known
                ]

    def unmap(self, organization: str, mapping: DatabaseMapping) -> None:
        for database, known in self.databases.items():
            left = [one for one in known if one.id != mapping.id]
            self.databases[database] = left
            if left and not any(one.default for one in left):
                self.make_default(organization, left[0])

    def authorizations(self, organization: str) -> list[Authorization]:  # noqa: ARG002 - see `bucket`
        return [token.authorization for token in self.tokens.values()]

    def authorize(self, organization: str, bucket: Bucket, access: Access, description: str) -> str:  # noqa: ARG002
        identifier = self._id()
        token = f"token-{identifier}"
        self.tokens[token] = _Token(Authorization(identifier, description), bucket.id, access)
        return token

    def revoke(self, authorization: Authorization) -> None:
        self.tokens = {text: one for text, one in self.tokens.items() if one.authorization.id != authorization.id}

    def works(self, token: str, access: Access, database: str) -> bool:
        known = self.tokens.get(token)
        mapped = next((one.bucket for one in self.databases.get(database, []) if one.default), None)
        if mapped is None and database in self.buckets:
            mapped = self.buckets[database].id  # a bucket is also found by its own name
        return known is not None and (known.bucket, known.access) == (mapped, access)

    def _name_of(self, bucket: Bucket) -> str:
        for name, known in self.buckets.items():
            if known.id == bucket.id:
                return name
        raise StoreAdminError(f"the instance has no bucket {bucket.id}")

    def _id(self) -> str:
        return f"{next(self._numbers):016x}"
