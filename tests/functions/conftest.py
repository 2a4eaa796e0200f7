"""A clock that stands still, and AWS in this process by moto: the tables as docs/data-model.md has them."""

import threading

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler

from functions.adapters.backoff import Backoff
from functions.adapters.memory import ManualClock
from tests.functions.adapters.influx_admin_server import InfluxAdminServer
from tests.functions.lambda_endpoint import LambdaEndpoint

NOW = 1_764_000_000_000  # 2025-11-24T16:00:00Z


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(DynamoHandler, "call_action", one_at_a_time(DynamoHandler.call_action))
    with mock_aws():
        yield


def one_at_a_time(call_action):
    """moto copies whole tables for a transaction, and a copy breaks if another thread writes meanwhile."""
    turn = threading.RLock()

    def called(handler):
        with turn:
            return call_action(handler)

    return called


def make_table(client, name, *indexes):
    keys = {"pk", "sk", *(key for _, *pair in indexes for key in pair)}
    request = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in sorted(keys)],
    }
    if indexes:
        request["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index,
                "KeySchema": [{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, pk, sk in indexes
        ]
    client.create_table(**request)


@pytest.fixture
def dynamodb(aws):
    client = boto3.client("dynamodb")
    make_table(client, "telemetry")
    make_table(client, "state", ("by_status", "spk", "ssk"))
    make_table(client, "core", ("listing", "lpk", "lsk"), ("by_model", "mpk", "msk"), ("due", "duepk", "duesk"))
    make_table(client, "events", ("by_day", "dpk", "dsk"), ("by_subject", "spk", "ssk"))
    return client


@pytest.fixture
def waits():
    return []


@pytest.fixture
def backoff(waits):
    return Backoff(attempts=4, sleep=waits.append, chance=lambda: 1.0)


@pytest.fixture
def lambda_endpoint():
    endpoint = LambdaEndpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture
def influx_admin_server():
    server = InfluxAdminServer()
    yield server
    server.close()
