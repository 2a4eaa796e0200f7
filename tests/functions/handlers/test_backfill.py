"""The backfill function as Lambda calls it, on AWS in this process."""

import gzip
import json
from types import SimpleNamespace

import boto3
import pytest

from contract.backfill import Copied, CopyRequest, Listing, Piece, PlanRequest, Refused, Unavailable, read_answer, write
from contract.ingest import LakeLine, encode_line
from functions.domain.lake import hour_prefix
from functions.errors import StoreError
from functions.handlers import backfill
from functions.settings import DYNAMODB, BackfillSettings, DynamoDBStoreSettings

CONTEXT = SimpleNamespace(
    function_name="backfill", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r", log_group_name="g"
)
LATEST = 253_402_300_799_999


def ask(request):
    """The answer, over JSON both ways as it goes through Lambda."""
    event = json.loads(json.dumps(request if isinstance(request, dict) else write(request)))
    return read_answer(json.loads(json.dumps(backfill.handler(event, CONTEXT))))


@pytest.fixture
def now():
    from functions.adapters.clock import SystemClock

    return SystemClock().now_ms()


@pytest.fixture
def lake(dynamodb, monkeypatch, now):
    """Three messages in an object, and the function's real wiring."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="fieldline-lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    key = f"{hour_prefix(now)}stream-1.jsonl.gz"
    messages = [
        {"v": 1, "boot": "b1", "seq": seq, "sent": now, "m": [{"ts": now - seq, "values": {"temperature": seq}}]}
        for seq in range(3)
    ]
    lines = [LakeLine(thing="pump-1", received_at=now, data=json.dumps(one).encode()) for one in messages]
    s3.put_object(Bucket="fieldline-lake", Key=key, Body=gzip.compress(b"".join(map(encode_line, lines))))
    settings = BackfillSettings(core_table="core", lake_bucket="fieldline-lake", telemetry_store=DYNAMODB)
    for name, value in {**settings.to_env(), **DynamoDBStoreSettings(telemetry_table="telemetry").to_env()}.items():
        monkeypatch.setenv(name, value)
    backfill._backfill.cache_clear()
    yield key
    backfill._backfill.cache_clear()


def test_what_lies_in_the_bucket_is_listed_copied_and_verified(lake, dynamodb):
    listing = ask(PlanRequest(source="lake", target=DYNAMODB, since=0, until=LATEST))
    assert isinstance(listing, Listing)
    assert ([one.key for one in listing.objects], listing.cursor) == ([lake], None)
    copied = ask(CopyRequest(source="lake", target=DYNAMODB, since=0, until=LATEST, piece=Piece(objects=(lake,))))
    assert isinstance(copied, Copied)
    assert (copied.points, copied.messages, copied.next) == (3, 3, None)
    assert [(day.device, day.verified) for day in copied.days] == [("pump-1", True)]
    assert dynamodb.scan(TableName="telemetry")["Count"] > 0


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"v": 2}, Refused(field="v", expected="1", got="2")),
        ({"action": "destroy"}, Refused(field="action", expected="one of plan, copy", got="'destroy'")),
        ({"since": -1}, Refused(field="since", expected="an integer >= 0", got="-1")),
        (
            {"to": "timestream-influxdb"},
            Refused(field="to", expected="a store that is deployed, which is dynamodb", got="'timestream-influxdb'"),
        ),
    ],
    ids=["version", "action", "number", "store"],
)
def test_what_cannot_be_is_refused_by_name(lake, change, refusal):
    request = write(PlanRequest(source="lake", target=DYNAMODB, since=0, until=LATEST))
    answer = ask({**request, **change})
    assert answer == refusal


@pytest.mark.parametrize("event", [None, [], "x", 5, {}])
def test_an_event_that_is_no_request_is_refused(lake, event):
    answer = read_answer(backfill.handler(event, CONTEXT))
    assert isinstance(answer, Refused)


def test_a_service_that_fails_is_to_be_asked_again(lake, monkeypatch):
    def fail(_):
        raise StoreError("down")

    monkeypatch.setattr(backfill._backfill(), "plan", fail)
    answer = ask(PlanRequest(source="lake", target=DYNAMODB, since=0, until=LATEST))
    assert answer == Unavailable(message="down")
