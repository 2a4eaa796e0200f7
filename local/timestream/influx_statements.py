"""Executes InfluxQL's statements one after another, with the results as InfluxDB words them."""

from collections.abc import Callable, Sequence
from typing import Final

from local.timestream.catalog import Table
from local.timestream.engine import Engine
from local.timestream.errors import EngineError
from local.timestream.influx_accounts import (
    DEFAULT_POLICY,
    Accounts,
    Bucket,
    Mapping,
    group_seconds,
    new_id,
    without,
)
from local.timestream.influx_ast import (
    CreateDatabase,
    Delete,
    DropDatabase,
    DropMeasurement,
    Expression,
    Select,
    Show,
    Statement,
)
from local.timestream.influx_conditions import compiled
from local.timestream.influx_errors import StatementError, UnsupportedError
from local.timestream.influx_json import Result, Series
from local.timestream.influx_namespace import Asking, Namespace
from local.timestream.influx_select import Selecting
from local.timestream.influx_show import Showing
from local.timestream.influx_sources import TableSource
from local.timestream.influx_times import TimeRange, split, written

_HOUR_S: Final = 3600


class Executor:
    """`now` gives ns since the Unix epoch."""

    def __init__(self, engine: Engine, accounts: Accounts, now: Callable[[], int]) -> None:
        self._engine = engine
        self._accounts = accounts
        self._now = now

    def execute(self, statements: Sequence[Statement], asking: Asking, *, posted: bool) -> list[Result]:
        """A result each; after the first that fails the others are not executed. `posted`: as changes should be."""
        results: list[Result] = []
        for number, statement in enumerate(statements):
            result = Result(number)
            results.append(result)
            try:
                result.series = self._series(statement, asking)
            except StatementError as exc:
                result.error = str(exc)
            except EngineError as exc:
                result.error = f"engine: {exc}"
            if result.error is not None:
                # The real server tells of the statements behind a failed one from the failed one on, but the last.
                behind = [Result(other, error="not executed") for other in range(number, len(statements) - 1)]
                return results[:-1] + behind if behind else results
            if not posted and isinstance(statement, CreateDatabase | DropDatabase | Delete | DropMeasurement):
                result.messages.append(_deprecated(statement))
        return results

    def _series(self, statement: Statement, asking: Asking) -> Sequence[Series]:
        match statement:
            case Select():
                now = self._now()
                return Selecting(self._engine, self._namespace(asking, now).stored, now).answer(statement)
            case Delete():
                self._delete(statement, asking)
            case CreateDatabase():
                self._create(statement, asking)
            case DropDatabase():
                self._drop(statement, asking)
            case DropMeasurement():
                self._drop_measurement(statement, asking)
            case Show():
                now = self._now()
                return Showing(self._engine, self._namespace(asking, now), asking, now).answer(statement)
        return ()

    def _namespace(self, asking: Asking, now: int) -> Namespace:
        return Namespace(self._engine, self._accounts, asking, now)

    def _delete(self, delete: Delete, asking: Asking) -> None:
        if any(source.database or source.policy for source in delete.sources):
            raise UnsupportedError("DELETE with a database")
        now = self._now()
        namespace = self._namespace(asking, now)
        condition, span = split(delete.condition, now)
        for table in namespace.tables(namespace.bucket(action="write"), delete.sources):
            delete_rows(self._engine, table, condition, span)

    def _create(self, create: CreateDatabase, asking: Asking) -> None:
        if asking.authorization is not None:
            raise UnsupportedError("CREATE DATABASE")
        if not create.name:
            raise StatementError("invalid name")
        policy = str(create.options.get("name", DEFAULT_POLICY))
        retention_s = int(create.options.get("duration_ns", 0)) // 10**9
        if 0 < retention_s < _HOUR_S:
            raise StatementError("retention policy duration must be at least 1h0m0s")
        group_s = int(create.options.get("shard_ns", 0)) // 10**9 or group_seconds(retention_s)
        with self._accounts.changing() as state:
            for each in state.mappings.values():
                if each.database == create.name:
                    bucket = state.buckets[each.bucket]
                    if create.options and (each.policy, bucket.retention_s) != (policy, retention_s):
                        raise StatementError("retention policy conflicts with an existing policy")
                    return
            bucket = Bucket(new_id(), "", f"{create.name}/{policy}", retention_s, group_s, self._now())
            state.buckets[bucket.id] = bucket
            mapping = Mapping(new_id(), "", bucket.id, create.name, policy, default=True)
            state.mappings[mapping.id] = mapping

    def _drop(self, drop: DropDatabase, asking: Asking) -> None:
        if asking.authorization is not None:
            raise UnsupportedError("DROP DATABASE")
        with self._accounts.changing() as state:
            buckets = {each.bucket for each in state.mappings.values() if each.database == drop.name}
            without(state.mappings, lambda each: each.database == drop.name)
            for bucket in buckets:
                del state.buckets[bucket]

    def _drop_measurement(self, drop: DropMeasurement, asking: Asking) -> None:
        bucket = self._namespace(asking, self._now()).bucket(action="write")
        if drop.name in self._engine.tables(bucket.database):
            self._engine.drop_table(bucket.database, drop.name)


def delete_rows(engine: Engine, table: Table, condition: Expression | None, span: TimeRange) -> None:
    """Raises StatementError for conditions on fields."""
    chosen = compiled(condition, TableSource(engine, table))
    if chosen.rows:
        raise StatementError("fields not supported in WHERE clause during deletion")
    if not table.properties.get("deleted"):
        engine.update_table(table, {**table.properties, "deleted": True})
    sids = None if chosen.series is None else sorted(chosen.series)
    engine.delete(table, sids, span.least, span.greatest + 1)


def _deprecated(statement: CreateDatabase | DropDatabase | Delete | DropMeasurement) -> dict[str, str]:
    text = "DELETE"
    match statement:
        case CreateDatabase(name):
            text = f"CREATE DATABASE {name}"
        case DropDatabase(name):
            text = f"DROP DATABASE {name}"
        case DropMeasurement(name):
            text = f"DROP MEASUREMENT {name}"
        case Delete(sources, condition):
            if sources:
                text += f" FROM {', '.join(source.name for source in sources)}"
            if condition is not None:
                text += f" WHERE {written(condition)}"
    return {
        "level": "warning",
        "text": f"deprecated use of '{text}' in a read only context, please use a POST request instead",
    }
