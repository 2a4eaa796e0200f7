"""The set-up of an InfluxDB instance."""

from typing import Protocol

from functions.domain.store_setup import Access, Authorization, Bucket, DatabaseMapping


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
