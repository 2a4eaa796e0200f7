"""The servers to measure on, each started for this alone and gone afterwards, with a store on it."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import psutil
import urllib3
from botocore.config import Config

from bench.stores.bare import BareInflux
from bench.stores.workload import DAY_MS
from functions.adapters.clock import SystemClock
from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore
from functions.adapters.influx_admin import InfluxAdminApi
from functions.adapters.influx_auth import Token
from functions.adapters.influx_telemetry import InfluxTelemetryStore
from functions.adapters.liveanalytics_telemetry import LiveAnalyticsTelemetryStore
from functions.domain.store_setup import RETENTION_POLICY, Access, Credentials
from functions.ports.telemetry import TelemetryStore
from local import emulator, processes
from local.instance import Instance
from local.ports import Ports, require_free
from tests.influxd import ADMIN, Influxd
from tests.timestream import Lookalike

RETENTION_MS = 400 * DAY_MS
PATIENCE_S = 120.0
"""A benchmark waits for an answer where a function would give up."""
LOCAL_AWS_PORT = 9950

Say = Callable[[str], None]


class Served(NamedTuple):
    """A store on its server; on the real InfluxDB there is a bare client beside it."""

    store: TelemetryStore
    bare: BareInflux | None = None


@contextmanager
def real_influxdb(_say: Say) -> Iterator[Served]:
    with folder() as directory, Influxd(directory) as server:
        asked, written = server.database("telemetry"), server.database("bare")
        store = InfluxTelemetryStore(
            server.url, asked, auth=ADMIN, clock=SystemClock(), retention_ms=RETENTION_MS, budget_s=PATIENCE_S
        )
        yield Served(store, BareInflux(server.url, ADMIN.user, ADMIN.password, asked=asked, written=written))


@contextmanager
def influxdb_lookalike(_say: Say) -> Iterator[Served]:
    """As the set-up leaves it: a bucket, its mapping, a token for each use."""
    with folder() as directory, Lookalike(directory) as server:
        user = Credentials("admin", "a password of nobody")
        body = {"username": user.username, "password": user.password, "org": "fieldline", "bucket": "first"}
        urllib3.request("POST", f"{server.url}/api/v2/setup", json=body)
        with InfluxAdminApi(server.url, lambda: user).signed_in() as admin:
            organization = admin.organization("fieldline")
            bucket = admin.make_bucket(organization, "telemetry", RETENTION_MS // 1000)
            admin.map_database(organization, "telemetry", RETENTION_POLICY, bucket)
            tokens = {access: admin.authorize(organization, bucket, access, "bench") for access in Access}
        store = InfluxTelemetryStore(
            server.url,
            "telemetry",
            write_token=_token(tokens[Access.WRITE]),
            read_token=_token(tokens[Access.READ]),
            clock=SystemClock(),
            retention_ms=RETENTION_MS,
            budget_s=PATIENCE_S,
        )
        yield Served(store)


def _token(text: str) -> Token:
    def token(refused: str | None = None) -> str:  # noqa: ARG001 - a token that is refused has no successor here
        return text

    return token


@contextmanager
def liveanalytics_lookalike(_say: Say) -> Iterator[Served]:
    with folder() as directory, Lookalike(directory) as server:
        patient: Any = {"max_pool_connections": 16, "read_timeout": PATIENCE_S}
        write, query = server.client("timestream-write", **patient), server.client("timestream-query", **patient)
        write.create_database(DatabaseName="fieldline")
        write.create_table(
            DatabaseName="fieldline",
            TableName="telemetry",
            RetentionProperties={
                "MemoryStoreRetentionPeriodInHours": 24,
                "MagneticStoreRetentionPeriodInDays": RETENTION_MS // DAY_MS,
            },
            MagneticStoreWriteProperties={"EnableMagneticStoreWrites": True},
        )
        store = LiveAnalyticsTelemetryStore(
            write,
            query,
            "fieldline",
            "telemetry",
            clock=SystemClock(),
            retention_ms=RETENTION_MS,
            budget_s=PATIENCE_S,
        )
        yield Served(store)


@contextmanager
def dynamodb(say: Say) -> Iterator[Served]:
    with local_aws(LOCAL_AWS_PORT, say) as endpoint:
        client = dynamodb_client(endpoint)
        with table(client, "chunks") as name:
            yield Served(DynamoDBTelemetryStore(client, name, clock=SystemClock(), retention_ms=RETENTION_MS))


def dynamodb_client(endpoint: str) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=emulator.REGION,
        config=Config(max_pool_connections=16, retries={"mode": "standard"}),
        **emulator.root_credentials(),
    )


@contextmanager
def table(client: Any, purpose: str) -> Iterator[str]:
    name = f"fieldline-bench-{purpose}-{os.getpid()}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
    )
    client.get_waiter("table_exists").wait(TableName=name)
    try:
        yield name
    finally:
        client.delete_table(TableName=name)


@contextmanager
def local_aws(port: int, say: Say) -> Iterator[str]:
    """The endpoint of a local AWS that lives as long as this and leaves nothing behind."""
    with folder() as directory:
        instance = Instance(directory, Ports(port))
        require_free(instance.ports)
        instance.make_dirs()
        child = emulator.start(instance, emulator.ensure_environment(say))
        try:
            emulator.wait_until_ready(instance, child)
            yield instance.ports.aws_url
        finally:
            processes.stop([psutil.Process(child.pid)], grace_s=1.0)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fieldline-bench-") as directory:
        yield Path(directory)


SERVERS: Mapping[str, Callable[[Say], AbstractContextManager[Served]]] = {
    "real InfluxDB": real_influxdb,
    "InfluxDB look-alike": influxdb_lookalike,
    "LiveAnalytics look-alike": liveanalytics_lookalike,
    "dynamodb": dynamodb,
}
