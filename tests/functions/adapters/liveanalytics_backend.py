"""The adapter of LiveAnalytics on the look-alike: a database for each test, which holds a table without columns yet."""

import itertools

import pytest

from functions.adapters.liveanalytics_telemetry import LiveAnalyticsTelemetryStore
from tests.timestream import Lookalike

RETENTION = 30 * 86_400_000
PARALLEL_CALLS = 8
_numbers = itertools.count()


@pytest.fixture(scope="session")
def lookalike(tmp_path_factory):
    """One server for all tests of this process."""
    with Lookalike(tmp_path_factory.mktemp("timestream")) as server:
        yield server


@pytest.fixture(scope="session")
def timestream_clients(lookalike):
    return [lookalike.client(f"timestream-{half}", max_pool_connections=PARALLEL_CALLS) for half in ("write", "query")]


@pytest.fixture
def timestream_database(timestream_clients):
    writing, _ = timestream_clients
    name = f"test-{next(_numbers)}"
    writing.create_database(DatabaseName=name)
    writing.create_table(
        DatabaseName=name,
        TableName="telemetry",
        # Wide enough for the time at which the tests' clock stands.
        RetentionProperties={"MemoryStoreRetentionPeriodInHours": 24, "MagneticStoreRetentionPeriodInDays": 73_000},
        MagneticStoreWriteProperties={"EnableMagneticStoreWrites": True},
        Schema={"CompositePartitionKey": [{"Type": "DIMENSION", "Name": "device", "EnforcementInRecord": "REQUIRED"}]},
    )
    yield name
    writing.delete_table(DatabaseName=name, TableName="telemetry")
    writing.delete_database(DatabaseName=name)


def on_lookalike(request, clock):
    clients, name = request.getfixturevalue("timestream_clients"), request.getfixturevalue("timestream_database")
    return LiveAnalyticsTelemetryStore(*clients, name, "telemetry", clock=clock, retention_ms=RETENTION)
