"""What InfluxQL's names of databases, retention policies and measurements mean to the one who asks."""

from collections.abc import Sequence
from dataclasses import dataclass

from local.timestream.catalog import Table
from local.timestream.engine import Engine
from local.timestream.errors import MissingError
from local.timestream.influx_accounts import Accounts, Authorization, Bucket, Mapping
from local.timestream.influx_ast import Measurement
from local.timestream.influx_errors import StatementError
from local.timestream.influx_select import Stored
from local.timestream.influx_sources import TableSource


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks; `authorization` is None for a 1.x, where anybody may do anything."""

    database: str
    policy: str
    authorization: Authorization | None = None

    @property
    def organization(self) -> str:
        return self.authorization.organization if self.authorization else ""


class MissingDatabaseError(StatementError):
    pass


class Namespace:
    """As it is at `now`, in ns."""

    def __init__(self, engine: Engine, accounts: Accounts, asking: Asking, now: int) -> None:
        self._engine = engine
        self._accounts = accounts
        self._asking = asking
        self._now = now

    def stored(self, measurement: Measurement) -> Stored:
        """Raises StatementError."""
        bucket = self.bucket(measurement.database, measurement.policy)
        try:
            table = self._engine.table(bucket.database, measurement.name)
        except MissingError:
            return Stored(None)
        return Stored(TableSource(self._engine, table), bucket.oldest(self._now))

    def bucket(self, database: str | None = None, policy: str | None = None, action: str = "read") -> Bucket:
        """Without a database the one that the request names. Raises StatementError."""
        name = database or self._asking.database
        if not name:
            raise StatementError("database name required")
        if database is None:
            policy = policy or self._asking.policy
        mappings = [each for each in self.mappings() if each.database == name]
        if not mappings:
            raise MissingDatabaseError(f"database not found: {name}")
        chosen = next((each for each in mappings if (each.policy == policy if policy else each.default)), None)
        if chosen is None:
            raise StatementError(
                f"retention policy not found: {policy}" if policy else f"default retention policy not set for: {name}"
            )
        if not self.allows(action, chosen):
            raise StatementError(f"{action}:orgs/{chosen.organization}/buckets/{chosen.bucket} is unauthorized")
        return self.bucket_of(chosen)

    def bucket_of(self, mapping: Mapping) -> Bucket:
        return self._accounts.state.buckets[mapping.bucket]

    def mappings(self, *actions: str) -> list[Mapping]:
        """Those to buckets with which the asker may do one of the actions, or anything at all."""
        return [
            each
            for each in self._accounts.mappings(self._asking.organization)
            if any(self.allows(action, each) for action in actions or ("read", "write"))
        ]

    def allows(self, action: str, mapping: Mapping) -> bool:
        authorization = self._asking.authorization
        return authorization is None or authorization.allows(action, "buckets", mapping.bucket, mapping.organization)

    def tables(self, bucket: Bucket, sources: Sequence[Measurement]) -> list[Table]:
        """In order of their names; of no sources, all."""
        wanted = {source.name for source in sources}
        names = self._engine.tables(bucket.database)
        return [self._engine.table(bucket.database, name) for name in sorted(names) if not wanted or name in wanted]
