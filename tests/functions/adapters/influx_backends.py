"""The adapter of InfluxDB on servers that are there: a real 1.6, and the look-alike as a 2.x. A database a test."""

import itertools
from typing import NamedTuple

import msgspec
import pytest
import urllib3

from functions.adapters.influx_admin import InfluxAdminApi
from functions.adapters.influx_telemetry import InfluxTelemetryStore
from functions.domain.store_setup import RETENTION_POLICY, Access, Credentials
from tests.influxd import ADMIN, Influxd

RETENTION = 30 * 86_400_000
ORGANIZATION = "fieldline"
# The tests' clock stands a year ago, the server's does not.
_BUCKET_S = 36_500 * 86_400
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


@pytest.fixture(scope="session")
def influx_admin(lookalike):
    """Of a look-alike that has been set up as AWS sets up an instance."""
    credentials = Credentials("admin", "a password of nobody")
    first = {"username": credentials.username, "password": credentials.password, "org": ORGANIZATION, "bucket": "first"}
    answer = urllib3.request("POST", f"{lookalike.url}/api/v2/setup", body=msgspec.json.encode(first))
    assert answer.status == 201, answer.data
    return InfluxAdminApi(lookalike.url, lambda: credentials)


class Mapped(NamedTuple):
    """A bucket under a name that InfluxQL knows it by, and the tokens for it."""

    name: str
    write_token: str
    read_token: str


@pytest.fixture
def mapped(influx_admin):
    name = f"test-{next(_numbers)}"
    with influx_admin.signed_in() as admin:
        organization = admin.organization(ORGANIZATION)
        bucket = admin.make_bucket(organization, name, _BUCKET_S)
        admin.map_database(organization, name, RETENTION_POLICY, bucket)
        return Mapped(name, *(admin.authorize(organization, bucket, access, name) for access in Access))


def on_lookalike(request, clock):
    server, mapped = request.getfixturevalue("lookalike"), request.getfixturevalue("mapped")
    return InfluxTelemetryStore(
        server.url,
        mapped.name,
        write_token=lambda refused=None: mapped.write_token,
        read_token=lambda refused=None: mapped.read_token,
        organization=ORGANIZATION,
        clock=clock,
        retention_ms=RETENTION,
    )


BACKENDS = {"real": on_influxd, "lookalike": on_lookalike}
