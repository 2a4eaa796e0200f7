"""The adapter of InfluxDB on servers that are there: a database for each test, forgotten after it."""

import itertools

import pytest

from functions.adapters.influx_telemetry import InfluxTelemetryStore
from tests.influxd import ADMIN, Influxd

RETENTION = 30 * 86_400_000
_numbers = itertools.count()


@pytest.fixture(scope="session")
def influxd(tmp_path_factory):
    """One real server for all tests of this process; users must sign in."""
    with Influxd(tmp_path_factory.mktemp("influxd")) as server:
        yield server


@pytest.fixture
def database(influxd):
    name = influxd.database(f"test-{next(_numbers)}")
    yield name
    influxd.ask(f'DROP DATABASE "{name}"')


def on_influxd(request, clock):
    server, name = request.getfixturevalue("influxd"), request.getfixturevalue("database")
    return InfluxTelemetryStore(server.url, name, auth=ADMIN, clock=clock, retention_ms=RETENTION)
