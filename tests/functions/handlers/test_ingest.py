"""The ingest function as Lambda calls it, on AWS in this process."""

import base64
import json
from types import SimpleNamespace

import boto3
import pytest

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from functions.handlers import ingest
from functions.settings import DynamoDBStoreSettings, IngestSettings

CONTEXT = SimpleNamespace(
    function_name="ingest", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r", log_group_name="g"
)


def wrapped(data, received_at, thing="pump-1"):
    return wrapper.encode(IngestMessage(data=data, thing=thing, received_at=received_at)).decode()


def message(seq, ts, value=1.0):
    m = [{"ts": ts, "values": {"temperature": value}}]
    return json.dumps({"v": 1, "boot": "b1", "seq": seq, "sent": ts, "m": m}).encode()


def sqs(*bodies):
    return {"Records": [{"messageId": f"id-{at}", "body": body} for at, body in enumerate(bodies)]}


def kinesis(*bodies):
    return {
        "Records": [
            {"kinesis": {"sequenceNumber": f"id-{at}", "data": base64.b64encode(body.encode()).decode()}}
            for at, body in enumerate(bodies)
        ]
    }


@pytest.fixture
def now():
    from functions.adapters.clock import SystemClock

    return SystemClock().now_ms()


@pytest.fixture
def cloud(dynamodb, monkeypatch):
    boto3.client("s3").create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    boto3.client("firehose").create_delivery_stream(
        DeliveryStreamName="lake",
        S3DestinationConfiguration={"RoleARN": "arn:aws:iam::123456789012:role/lake", "BucketARN": "arn:aws:s3:::lake"},
    )
    settings = IngestSettings(
        core_table="core",
        state_table="state",
        events_table="events",
        telemetry_store="dynamodb",
        lake_stream="lake",
        live_table="live",
        live_queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/live",
        actions_queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/actions",
    )
    store = DynamoDBStoreSettings(telemetry_table="telemetry")
    for name, value in {**settings.to_env(), **store.to_env()}.items():
        monkeypatch.setenv(name, value)
    ingest._ingest.cache_clear()
    yield dynamodb
    ingest._ingest.cache_clear()


def state(client, thing="pump-1"):
    return client.get_item(TableName="state", Key={"pk": {"S": f"DEVICE#{thing}"}, "sk": {"S": "STATE"}})["Item"]


@pytest.mark.parametrize("source", [sqs, kinesis])
def test_a_batch_ends_in_history_state_quarantine_and_lake(cloud, now, source):
    answer = ingest.handler(source(wrapped(message(0, now), now), wrapped(b"rubbish", now)), CONTEXT)
    assert answer == {"batchItemFailures": []}
    assert len(cloud.scan(TableName="telemetry")["Items"]) == 1
    item = state(cloud)
    assert item["latest"]["M"]["temperature"]["M"]["value"] == {"N": "1.0"}
    assert item["counters"]["M"]["messages"] == {"N": "1"}
    assert item["quarantined"]["M"] == {"malformed": {"N": "1"}}
    kept = next(item for item in cloud.scan(TableName="events")["Items"] if "raw" in item)
    assert bytes(kept["raw"]["B"]) == b"rubbish"
    s3 = boto3.client("s3")
    lines = b"".join(
        s3.get_object(Bucket="lake", Key=one["Key"])["Body"].read()
        for one in s3.list_objects_v2(Bucket="lake")["Contents"]
    ).splitlines()
    assert [bytes(wrapper.decode_line(line).data) for line in lines] == [message(0, now), b"rubbish"]


def test_a_batch_delivered_again_changes_nothing_but_the_duplicates(cloud, now):
    batch = sqs(wrapped(message(0, now), now), wrapped(b"rubbish", now), wrapped(message(1, now + 1), now + 1))
    ingest.handler(batch, CONTEXT)
    before, chunks, entries = state(cloud), cloud.scan(TableName="telemetry"), cloud.scan(TableName="events")
    ingest.handler(batch, CONTEXT)
    after = state(cloud)
    assert after["latest"] == before["latest"]
    assert after["quarantined"] == before["quarantined"]
    assert after["counters"]["M"] == {**before["counters"]["M"], "duplicates": {"N": "2"}}
    assert cloud.scan(TableName="telemetry")["Items"] == chunks["Items"]
    assert cloud.scan(TableName="events")["Items"] == entries["Items"]


def test_a_body_that_no_rule_wrote_fails_alone(cloud, now):
    answer = ingest.handler(sqs(wrapped(message(0, now), now), "not ours", "{}"), CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "id-1"}, {"itemIdentifier": "id-2"}]}
    assert state(cloud)["counters"]["M"]["messages"] == {"N": "1"}


def test_without_the_lake_every_message_is_delivered_again_and_nothing_counts_as_done(cloud, now):
    boto3.client("firehose").delete_delivery_stream(DeliveryStreamName="lake")
    answer = ingest.handler(sqs(wrapped(message(0, now), now)), CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "id-0"}]}
    assert cloud.scan(TableName="state")["Items"] == []
