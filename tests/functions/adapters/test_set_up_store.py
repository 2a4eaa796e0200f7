"""A store from its set-up to its points: what the set-up made is what ingest writes with and the series are read with.

The set-up, its secrets, the tokens of the functions and the adapter are the real ones; the instance is the look-alike.
"""

import json
from types import SimpleNamespace

import boto3
import pytest
import urllib3

from functions.adapters.backoff import Backoff
from functions.adapters.influx_admin import InfluxAdminApi
from functions.adapters.influx_telemetry import InfluxTelemetryStore
from functions.adapters.secrets import REREAD_MS, SecretToken, StoredCredentials, StoredToken
from functions.domain.series import Point, SeriesQuery
from functions.domain.store_setup import Access, Order
from functions.errors import StoreError
from functions.services.store_admin import StoreAdmin
from tests.functions.ingest_fleet import DAY, NOW
from tests.timestream import Lookalike

USER, PASSWORD = "admin", "generated-by-the-service"
PROPERTIES = {
    "Database": "telemetry",
    "Organization": "fieldline",
    "Bucket": "telemetry",
    "RetentionDays": "36500",
    "Version": "1",
}


@pytest.fixture
def instance(tmp_path):
    with Lookalike(tmp_path) as server:
        document = {"username": USER, "password": PASSWORD, "org": "fieldline", "bucket": "telemetry"}
        answer = urllib3.request("POST", f"{server.url}/api/v2/setup", json=document)
        assert answer.status == 201, answer.data
        yield server


@pytest.fixture
def stack(instance, aws, clock):
    client = boto3.client("secretsmanager")
    client.create_secret(Name="admin", SecretString=json.dumps({"username": USER, "password": PASSWORD}))
    for name in ("write", "read"):
        client.create_secret(Name=name)
    admin = StoreAdmin(
        InfluxAdminApi(instance.url, StoredCredentials(client, "admin")).signed_in,
        {Access.WRITE: StoredToken(client, "write"), Access.READ: StoredToken(client, "read")},
        attempts=range(3),
        parting_attempts=range(2),
    )

    def function(*secrets):
        """The store as a function has it whose role may read these secrets."""
        tokens = {f"{name}_token": SecretToken(client, name, clock=clock) for name in secrets}
        return InfluxTelemetryStore(
            instance.url,
            "telemetry",
            clock=clock,
            retention_ms=30 * DAY,
            backoff=Backoff(attempts=2, sleep=lambda _: None),
            **tokens,
        )

    return SimpleNamespace(
        secrets=client,
        order=lambda request, **more: admin.carry_out(
            Order(request=request, deployment="fieldline-prod-store", properties={**PROPERTIES, **more})
        ),
        ingest=function("write", "read"),
        series=function("read"),
        mute=function("write"),
    )


def point(ts, value):
    return Point("pump-1", "temperature", ts, value, "good", late=False, received_at=ts)


def read(store):
    query = SeriesQuery(device="pump-1", metrics=("temperature",), start=NOW - DAY, end=NOW + DAY)
    return [row.value for row in store.series(query).rows]


def test_before_the_set_up_functions_have_no_token(stack):
    with pytest.raises(StoreError, match="reading the token of the telemetry store"):
        stack.ingest.write([point(NOW, 1.0)])


def test_what_ingest_writes_the_series_function_reads(stack):
    assert len(stack.order("Create").done) == 4
    assert stack.ingest.write([point(NOW, 1.0)]) == []
    assert read(stack.series) == [1.0]
    assert stack.order("Update").done == ()
    assert read(stack.series) == [1.0]


def test_a_token_does_not_do_what_it_was_not_made_for(stack):
    stack.order("Create")
    with pytest.raises(StoreError):
        stack.series.write([point(NOW, 1.0)])
    with pytest.raises(StoreError):
        read(stack.mute)


def test_a_function_goes_on_with_the_token_that_replaced_its_own(stack):
    stack.order("Create")
    stack.ingest.write([point(NOW, 1.0)])
    assert read(stack.series) == [1.0]
    for name in ("write", "read"):
        stack.secrets.put_secret_value(SecretId=name, SecretString="broken by hand")
    assert stack.order("Update").done == ("made a token to write", "made a token to read")
    stack.ingest.write([point(NOW + 1, 2.0)])
    assert read(stack.series) == [1.0, 2.0]


def test_the_data_outlives_what_the_set_up_made(stack, clock):
    stack.order("Create")
    stack.ingest.write([point(NOW, 1.0)])
    read(stack.series)
    outcome = stack.order("Delete")
    assert (len(outcome.done), outcome.left) == (3, ())
    with pytest.raises(StoreError):
        stack.ingest.write([point(NOW + 1, 2.0)])
    with pytest.raises(StoreError):
        read(stack.series)
    stack.order("Create")
    clock.now += REREAD_MS
    assert read(stack.series) == [1.0]


def test_a_restart_of_the_instance_changes_nothing(stack, instance):
    stack.order("Create")
    stack.ingest.write([point(NOW, 1.0)])
    instance.kill()
    instance.restart()
    assert stack.order("Update").done == ()
    assert read(stack.series) == [1.0]
