"""LiveAnalytics' databases and tables, and their tags."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from local.timestream.catalog import Table
from local.timestream.engine import Engine
from local.timestream.errors import ExistsError, MissingError
from local.timestream.liveanalytics_errors import ServiceError, invalid, missing
from local.timestream.model import Policy

PREFIX = "live/"
"""Of the engine's databases that are LiveAnalytics' own."""

Request: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = dict[str, Any]

DEFAULT_RETENTION = {"MemoryStoreRetentionPeriodInHours": 6, "MagneticStoreRetentionPeriodInDays": 73_000}
_MAX_NAME_BYTES = 256
_PAGE = 20
_HOUR_NS, _DAY_NS = 3_600_000_000_000, 86_400_000_000_000
_arn = re.compile(r"arn:aws[\w-]*:timestream:[\w-]+:\d{12}:database/([^/]+)(?:/table/([^/]+))?").fullmatch


class Retention:
    """How far back a table reaches, by its properties."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        kept = {**DEFAULT_RETENTION, **properties["RetentionProperties"]}
        self.memory_ns: int = kept["MemoryStoreRetentionPeriodInHours"] * _HOUR_NS
        self.magnetic_ns: int = kept["MagneticStoreRetentionPeriodInDays"] * _DAY_NS
        self.magnetic_writes: bool = properties["MagneticStoreWriteProperties"]["EnableMagneticStoreWrites"]

    def oldest(self, now_ns: int) -> int:
        """Before it nothing is answered."""
        return max(0, now_ns - max(self.memory_ns, self.magnetic_ns))


class Tables:
    """The control plane. Raises ServiceError."""

    def __init__(self, engine: Engine, region: str, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._region = region
        self._clock = clock

    def find(self, database: str, table: str) -> Table:
        self._database(database)
        try:
            return self._engine.table(PREFIX + database, table)
        except MissingError as exc:
            raise missing(f"The table {table} does not exist.") from exc

    def all(self) -> list[Table]:
        databases = [name for name in self._engine.databases() if name.startswith(PREFIX)]
        return [self._engine.table(name, table) for name in databases for table in self._engine.tables(name)]

    def create_database(self, request: Request) -> Answer:
        name = _named(request["DatabaseName"], "databaseName")
        now = self._clock()
        kms = request.get("KmsKeyId")
        properties = {"created": now, "updated": now, "tags": _tags(request), **({"KmsKeyId": kms} if kms else {})}
        try:
            self._engine.create_database(PREFIX + name, properties)
        except ExistsError as exc:
            raise ServiceError("ConflictException", f"A database already exists with the name {name}") from exc
        return {"Database": self._describe_database(name)}

    def describe_database(self, request: Request) -> Answer:
        return {"Database": self._describe_database(request["DatabaseName"])}

    def list_databases(self, request: Request) -> Answer:
        names = [name.removeprefix(PREFIX) for name in self._engine.databases() if name.startswith(PREFIX)]
        page, token = _page(names, request)
        return {"Databases": [self._describe_database(name) for name in page], **token}

    def update_database(self, request: Request) -> Answer:
        name = request["DatabaseName"]
        properties = {**self._database(name), "KmsKeyId": request["KmsKeyId"], "updated": self._clock()}
        self._engine.update_database(PREFIX + name, properties)
        return {"Database": self._describe_database(name)}

    def delete_database(self, request: Request) -> Answer:
        name = request["DatabaseName"]
        self._database(name)
        if self._engine.tables(PREFIX + name):
            raise invalid(f"The database {name} cannot be deleted while it has tables.")
        self._engine.drop_database(PREFIX + name)
        return {}

    def create_table(self, request: Request) -> Answer:
        database, name = request["DatabaseName"], _named(request["TableName"], "tableName")
        self._database(database)
        now = self._clock()
        properties = {
            "RetentionProperties": {**DEFAULT_RETENTION, **(request.get("RetentionProperties") or {})},
            "MagneticStoreWriteProperties": request.get("MagneticStoreWriteProperties")
            or {"EnableMagneticStoreWrites": False},
            "Schema": _schema(request),
            "created": now,
            "updated": now,
            "tags": _tags(request),
        }
        try:
            table = self._engine.create_table(PREFIX + database, name, Policy.VERSIONED, properties)
        except ExistsError as exc:
            raise ServiceError("ConflictException", f"A table already exists with the name {name}") from exc
        return {"Table": self._describe_table(table)}

    def describe_table(self, request: Request) -> Answer:
        return {"Table": self._describe_table(self.find(request["DatabaseName"], request["TableName"]))}

    def list_tables(self, request: Request) -> Answer:
        wanted = request.get("DatabaseName")
        if wanted is not None:
            self._database(wanted)
        tables = [table for table in self.all() if wanted is None or table.database == PREFIX + wanted]
        page, token = _page(tables, request)
        return {"Tables": [self._describe_table(table) for table in page], **token}

    def update_table(self, request: Request) -> Answer:
        table = self.find(request["DatabaseName"], request["TableName"])
        changed = {
            name: request[name]
            for name in ("RetentionProperties", "MagneticStoreWriteProperties")
            if request.get(name) is not None
        }
        if request.get("Schema") is not None:
            changed["Schema"] = _schema(request)
        self._engine.update_table(table, {**table.properties, **changed, "updated": self._clock()})
        return {"Table": self._describe_table(table)}

    def delete_table(self, request: Request) -> Answer:
        table = self.find(request["DatabaseName"], request["TableName"])
        self._engine.drop_table(table.database, table.name)
        return {}

    def tag_resource(self, request: Request) -> Answer:
        tags, save = self._tagged(request["ResourceARN"])
        save({**tags, **{tag["Key"]: tag["Value"] for tag in request["Tags"]}})
        return {}

    def untag_resource(self, request: Request) -> Answer:
        tags, save = self._tagged(request["ResourceARN"])
        save({key: value for key, value in tags.items() if key not in request["TagKeys"]})
        return {}

    def list_tags_for_resource(self, request: Request) -> Answer:
        tags, _ = self._tagged(request["ResourceARN"])
        return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}

    def _tagged(self, arn: str) -> tuple[dict[str, str], Callable[[dict[str, str]], None]]:
        found = _arn(arn)
        if found is None:
            raise invalid(f"The resource ARN {arn} is not valid.")
        database, name = found.groups()
        properties = self._database(database)
        if name is None:
            return dict(properties["tags"]), lambda tags: self._engine.update_database(
                PREFIX + database, {**properties, "tags": tags}
            )
        table = self.find(database, name)
        return dict(table.properties["tags"]), lambda tags: self._engine.update_table(
            table, {**table.properties, "tags": tags}
        )

    def _database(self, name: str) -> Mapping[str, Any]:
        try:
            return self._engine.database_properties(PREFIX + name)
        except MissingError as exc:
            raise missing(f"The database {name} does not exist.") from exc

    def _describe_database(self, name: str) -> Answer:
        properties = self._database(name)
        described = {
            "Arn": self._arn(name),
            "DatabaseName": name,
            "TableCount": len(self._engine.tables(PREFIX + name)),
            "CreationTime": properties["created"],
            "LastUpdatedTime": properties["updated"],
        }
        return {**described, **({"KmsKeyId": properties["KmsKeyId"]} if "KmsKeyId" in properties else {})}

    def _describe_table(self, table: Table) -> Answer:
        database = table.database.removeprefix(PREFIX)
        return {
            "Arn": f"{self._arn(database)}/table/{table.name}",
            "DatabaseName": database,
            "TableName": table.name,
            "TableStatus": "ACTIVE",
            **{
                name: table.properties[name]
                for name in ("RetentionProperties", "MagneticStoreWriteProperties", "Schema")
            },
            "CreationTime": table.properties["created"],
            "LastUpdatedTime": table.properties["updated"],
        }

    def _arn(self, database: str) -> str:
        return f"arn:aws:timestream:{self._region}:000000000000:database/{database}"


def _named(name: str, member: str) -> str:
    if not 3 <= len(name.encode()) <= _MAX_NAME_BYTES:  # noqa: PLR2004 - the service's least
        raise invalid(f"Value '{name}' at '{member}' is not valid: a name has 3 to {_MAX_NAME_BYTES} bytes.")
    return name


def _schema(request: Request) -> Any:
    keys = (request.get("Schema") or {}).get("CompositePartitionKey") or [{"Type": "MEASURE"}]
    if len(keys) > 1:
        raise invalid(
            "You have specified too many partition keys to be used in your composite partition key. "
            "Only 1 partition keys can be specified."
        )
    return {"CompositePartitionKey": keys}


def _tags(request: Request) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}


def _page(items: Sequence[Any], request: Request) -> tuple[Sequence[Any], dict[str, str]]:
    token = request.get("NextToken")
    if token is not None and not (token.isascii() and token.isdigit()):
        raise invalid("Invalid pagination token")
    first = int(token or 0)
    behind = first + (request.get("MaxResults") or _PAGE)
    return items[first:behind], {"NextToken": str(behind)} if behind < len(items) else {}
