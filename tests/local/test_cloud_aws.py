"""The deployed stacks on the local AWS, and what the launcher adds to it."""

import gzip
import http.client
import json
import time
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from contract import ingest
from contract.ingest import IngestMessage
from contract.telemetry import Envelope, Measurement, encode

pytestmark = pytest.mark.cloud


def function(laptop, service):
    functions = laptop.client("lambda").list_functions()["Functions"]
    return next(f for f in functions if f["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == service)


def test_a_function_is_held_to_its_role(laptop):
    """The role that ingest runs under, in our own hands: what it may do works, what it may not is denied."""
    import boto3

    outputs = laptop.details()["outputs"]
    role = function(laptop, "ingest")["Role"]
    iam = laptop.client("iam")
    name = role.rsplit("/", 1)[1]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    own = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    changed = {**trust, "Statement": [*trust["Statement"], own]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(changed))
    try:
        lent = laptop.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    dynamodb = boto3.client(
        "dynamodb",
        endpoint_url=laptop.instance.ports.aws_url,
        region_name="eu-west-1",
        aws_access_key_id=lent["AccessKeyId"],
        aws_secret_access_key=lent["SecretAccessKey"],
        aws_session_token=lent["SessionToken"],
    )
    keys = [{"pk": {"S": "DEVICE#tester"}, "sk": {"S": "STATE"}}]
    dynamodb.batch_get_item(RequestItems={outputs["StateTableName"]: {"Keys": keys}})
    with pytest.raises(ClientError, match="AccessDenied"):
        dynamodb.scan(TableName=outputs["StateTableName"])


def test_the_lake_holds_gzipped_lines_of_what_was_sent(laptop):
    lake = Path(laptop.status()["lake"])
    deadline = time.monotonic() + 20
    while not (objects := sorted(lake.glob("raw/*/*/*.jsonl.gz"))):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    lines = gzip.decompress(objects[0].read_bytes()).decode().splitlines()
    assert {"thing", "received_at", "data"} <= json.loads(lines[0]).keys()
    assert len(lines) > 1


def test_a_failed_invocation_counts_as_an_error_and_an_answered_one_does_not(laptop):
    lambda_, name = laptop.client("lambda"), function(laptop, "ingest")["FunctionName"]
    before = laptop.status()["function_errors"].get("ingest", 0)
    assert "FunctionError" not in lambda_.invoke(FunctionName=name, Payload=b'{"Records": []}')
    assert "FunctionError" in lambda_.invoke(FunctionName=name, Payload=b'{"unexpected": true}')
    assert laptop.status()["function_errors"]["ingest"] == before + 1


def test_messages_that_wait_together_are_handled_together(laptop):
    """MiniStack alone hands over at most 10. A window that ends amid the burst splits it in two, never in three."""
    group = function(laptop, "ingest")["LoggingConfig"]["LogGroup"]
    queue = laptop.details()["outputs"]["IngestQueueUrl"]
    now = time.time_ns() // 1_000_000
    entries = []
    for seq in range(30):
        envelope = Envelope(
            boot=f"burst-{now}", seq=seq, sent=now, m=(Measurement(ts=now + seq, values={"burst": 1.0}),)
        )
        body = ingest.encode(IngestMessage(data=encode(envelope), thing="tester", received_at=now))
        entries.append({"Id": str(seq), "MessageBody": body.decode()})
    for start in range(0, 30, 10):
        laptop.client("sqs").send_message_batch(QueueUrl=queue, Entries=entries[start : start + 10])

    def largest():
        pages = laptop.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group, startTime=now)
        said = [json.loads(e["message"]) for page in pages for e in page["events"] if e["message"].startswith("{")]
        return max((line["messages"][0] for line in said if "messages" in line), default=0)

    deadline = time.monotonic() + 15
    while largest() <= 10:
        assert time.monotonic() < deadline, f"the largest batch had {largest():.0f} messages"
        time.sleep(0.5)


def ask(laptop, host=None, **headers):
    """The status with which the local AWS answers a request with these headers."""
    port = laptop.instance.ports.aws
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", "/_ministack/health", headers={"Host": host or f"127.0.0.1:{port}", **named})
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.getheader("Access-Control-Allow-Origin")


def test_a_program_may_call_the_local_aws_and_the_instances_own_page_too(laptop):
    own = laptop.instance.ports.gateway_url
    assert ask(laptop) == (200, None)
    assert ask(laptop, host="bucket.localhost") == (200, None)
    assert ask(laptop, Origin=own)[0] == 200
    assert ask(laptop, Origin=own)[1] in {own, None}


def test_a_web_page_may_not_call_the_local_aws(laptop):
    assert ask(laptop, host="evil.example")[0] == 421
    assert ask(laptop, Origin="https://evil.example")[0] == 403
    assert ask(laptop, Sec_Fetch_Site="cross-site")[0] == 403


def test_the_dashboards_files_are_in_their_bucket_with_their_types(laptop):
    s3, bucket = laptop.client("s3"), laptop.details()["outputs"]["DashboardBucketName"]
    assert {one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]} == {"config.json", "index.html"}
    page = s3.get_object(Bucket=bucket, Key="index.html")
    assert (page["ContentType"], page["CacheControl"]) == ("text/html; charset=utf-8", "no-cache")
    assert b"make dashboard" in page["Body"].read()


def test_the_dashboard_stands_where_the_instance_says(laptop):
    address = laptop.details()["dashboard"]
    assert laptop.status()["dashboard"] == address == f"{laptop.instance.ports.gateway_url}/"
    with urllib.request.urlopen(f"{address}devices/any", timeout=10) as answer:
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert answer.headers.get_content_type() == "text/html"


def test_logs_show_what_a_function_said(laptop):
    assert '"service":"ingest"' in laptop.run("logs", "ingest").stdout

    def said_by(function):
        return any(line.startswith(f"{function} ") for line in laptop.run("logs").stdout.splitlines())

    # Both handle the devices that came up. What they write reaches the log when an invocation has ended; a first one
    # that a busy machine lets run out of time is repeated when its messages are visible again, three minutes later.
    deadline = time.monotonic() + 240
    while not (said_by("ingest") and said_by("presence")):
        assert time.monotonic() < deadline, "the logs of all functions lack one of ingest and presence"
        time.sleep(0.5)


def test_logs_of_an_unknown_function_name_the_known_ones(laptop):
    done = laptop.run("logs", "nothing", check=False)
    assert done.returncode == 1
    assert "ingest" in done.stderr


def test_logs_of_a_process_of_the_instance_come_from_its_file(laptop):
    assert "connected" in laptop.run("logs", "simulator").stdout
