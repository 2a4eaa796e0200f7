"""Messages that no agent of ours would send: each ends where the design says, with its bytes, and is counted."""

import base64
import gzip
import json
import time

import pytest

from contract import ingest, topics
from tests.e2e.cloud import wait_for
from tests.e2e.probe import Probe, RefusedError

HOUR_MS = 3_600_000
YEAR_2099_MS = 4_070_908_800_000


def now_ms():
    return int(time.time() * 1000)


def message(seq, *measurements, boot="b00t", metric="temperature"):
    m = [{"ts": ts, "values": {metric: value}} for ts, value in measurements]
    return json.dumps({"v": 1, "boot": boot, "seq": seq, "sent": now_ms(), "m": m}).encode()


@pytest.fixture(scope="module")
def probe(cloud):
    """One connection for the module: whoever connects as the same thing ends it."""
    with Probe(cloud, "probe") as connected:
        yield connected


@pytest.fixture
def send(probe):
    return lambda payload: probe.publish(topics.telemetry("probe"), payload)


@pytest.fixture
def boot(request):
    return request.node.name.replace("_", "-")[:64]


def entry_of(cloud, payload, thing="probe"):
    """The quarantine entry that holds exactly these bytes."""
    return next((e for e in cloud.quarantine(thing) if base64.b64decode(e["raw"]) == payload), None)


def lake_payloads(cloud, thing):
    """Every raw message of a thing that the lake holds."""
    s3 = cloud.aws("s3")
    bucket = cloud.outputs()["LakeBucketName"]
    found = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            content = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
            lines = [ingest.decode_line(line) for line in content.splitlines() if line]
            found += [bytes(line.data) for line in lines if line.thing == thing]
    return found


def test_a_message_sent_twice_is_stored_once_and_counted_as_a_duplicate(cloud, send, boot):
    ts, duplicates = now_ms(), cloud.counter("probe", "duplicates")
    payload = message(1, (ts, 20.0), boot=boot)
    send(payload)
    wait_for("the point", lambda: cloud.points("probe", "temperature", ts, ts + 1))
    send(payload)
    wait_for("the duplicate to be counted", lambda: cloud.counter("probe", "duplicates") == duplicates + 1)
    assert [row["value"] for row in cloud.points("probe", "temperature", ts, ts + 1)] == [20.0]


def test_messages_out_of_order_are_history_in_order_and_latest_never_goes_back(cloud, send, boot):
    ts = now_ms()
    for seq, (offset, value) in enumerate([(-1000, 3.0), (-3000, 1.0), (-2000, 2.0)]):
        send(message(seq, (ts + offset, value), boot=boot, metric="humidity"))
    rows = wait_for("three points", lambda: len(r := cloud.points("probe", "humidity", ts - 3000, ts)) == 3 and r)
    assert [row["value"] for row in rows] == [1.0, 2.0, 3.0]
    wait_for("latest", lambda: cloud.device("probe")["latest"]["humidity"]["value"] == 3.0)


def test_a_late_point_is_history_marked_late_and_never_latest(cloud, send, boot):
    ts, late = now_ms() - 3 * HOUR_MS, cloud.counter("probe", "late")
    before = cloud.device("probe").get("latest", {}).get("temperature")
    send(message(0, (ts, -5.0), boot=boot))
    rows = wait_for("the late point", lambda: cloud.points("probe", "temperature", ts, ts + 1))
    assert [(row["value"], row["late"]) for row in rows] == [(-5.0, True)]
    wait_for("it to be counted", lambda: cloud.counter("probe", "late") == late + 1)
    after = cloud.device("probe")["latest"].get("temperature")
    assert (after or {}).get("ts") == (before or {}).get("ts")


def test_a_point_from_2099_is_quarantined_and_the_rest_of_its_message_kept(cloud, send, boot):
    ts = now_ms()
    payload = message(0, (ts, 21.0), (YEAR_2099_MS, 99.0), boot=boot)
    send(payload)
    assert wait_for("the entry", lambda: entry_of(cloud, payload))["reasons"] == ["future"]
    wait_for("its good point", lambda: cloud.points("probe", "temperature", ts, ts + 1))
    assert cloud.device("probe")["latest"]["temperature"]["ts"] < YEAR_2099_MS
    assert cloud.device("probe")["quarantined"]["future"] >= 1


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"v": 1, "boot": "b", "seq": 0', "malformed"),
        (b"not JSON at all", "malformed"),
        (b"\xff\xfe\x00 bytes", "malformed"),
        (b"", "malformed"),
        (b'{"v":99,"boot":"b","seq":0,"sent":0,"m":[]}', "unsupported_version"),
        (b"[" * 50_000, "malformed"),
    ],
    ids=["cut short", "no JSON", "no UTF-8", "empty", "from the future", "deeply nested"],
)
def test_what_cannot_be_read_is_quarantined_whole(cloud, send, payload, reason):
    before = cloud.device("probe").get("quarantined", {}).get(reason, 0)
    send(payload)
    entry = wait_for("the entry", lambda: entry_of(cloud, payload))
    assert entry["reasons"] == [reason]
    assert entry["bytes"] == len(payload)
    assert cloud.device("probe")["quarantined"][reason] == before + 1
    assert cloud.status()["errors"] == 0


def test_a_message_that_is_too_large_is_refused_by_mqtt_and_quarantined_if_it_comes_by_https(cloud):
    payload = b'{"v":1,"boot":"' + b"x" * 131_072 + b'"}'
    with Probe(cloud, "other") as device, pytest.raises(RefusedError):
        device.publish(topics.telemetry("other"), payload)
    # AWS refuses it here as well; the laptop lets it through, which shows where one would end that a broker let pass.
    cloud.aws("iot-data").publish(topic=topics.telemetry("other"), qos=1, payload=payload)
    entry = wait_for("the entry", lambda: entry_of(cloud, payload, "other"))
    assert (entry["reasons"], entry["bytes"]) == (["too_large"], len(payload))


def test_a_value_out_of_the_model_s_range_is_quarantined_and_an_unknown_metric_kept(cloud, send, boot):
    ts = now_ms()
    values = {"temperature": 5000, "humidity": "wet", "pressure": 1013.2, "mood": "fine"}
    payload = json.dumps({"v": 1, "boot": boot, "seq": 0, "sent": ts, "m": [{"ts": ts, "values": values}]}).encode()
    send(payload)
    entry = wait_for("the entry", lambda: entry_of(cloud, payload))
    assert sorted(entry["reasons"]) == ["out_of_range", "wrong_type"]
    latest = wait_for("mood", lambda: (d := cloud.device("probe")["latest"]).get("mood") and d)
    assert latest["mood"]["unmodeled"]
    assert latest["pressure"]["value"] == 1013.2
    assert cloud.points("probe", "temperature", ts, ts + 1) == []


def test_basic_ingest_takes_the_same_way(cloud, probe, boot):
    ts = now_ms()
    probe.publish(topics.telemetry_basic_ingest("probe"), message(0, (ts, 22.5), boot=boot))
    assert wait_for("the point", lambda: cloud.points("probe", "temperature", ts, ts + 1))[0]["value"] == 22.5


def test_the_lake_holds_every_raw_message_whatever_became_of_it(cloud, send, boot):
    ts = now_ms()
    payloads = [message(0, (ts, 1.0), boot=boot), b"rubbish for the lake", message(1, (YEAR_2099_MS, 2.0), boot=boot)]
    for payload in payloads:
        send(payload)
    wait_for("the lake", lambda: set(payloads) <= set(lake_payloads(cloud, "probe")), within_s=60)


@pytest.mark.parametrize(
    "topic",
    [
        topics.telemetry("other"),
        topics.telemetry_basic_ingest("other"),
        topics.event("other"),
        topics.command_response("other", "c1"),
        topics.shadow("other", "state", "update"),
        "dt/probe/telemetry/more",
        "free/for/all",
        "$aws/rules/another_rule/dt/probe/telemetry",
    ],
)
def test_a_device_cannot_publish_as_another_thing_or_outside_its_policy(cloud, topic):
    before = cloud.device("other").get("counters", {}).get("messages", 0)
    with Probe(cloud, "probe") as device:
        device.publish(topics.telemetry("probe"), message(0, (now_ms(), 20.5), boot=f"twin-{now_ms()}"))
        with pytest.raises(RefusedError):
            device.publish(topic, message(0, (now_ms(), 66.6), boot="impostor"))
    assert cloud.device("other").get("counters", {}).get("messages", 0) == before


def test_a_device_can_subscribe_to_its_own_commands_and_to_nobody_else_s(cloud):
    with Probe(cloud, "probe") as device:
        device.subscribe(topics.filter_command_requests("probe"))
    for foreign in (topics.filter_command_requests("other"), "cmd/#", "dt/+/telemetry"):
        with Probe(cloud, "probe") as device, pytest.raises(RefusedError):
            device.subscribe(foreign)


def test_a_device_cannot_connect_under_another_name(cloud):
    with pytest.raises(RefusedError):
        Probe(cloud, "probe", client_id="other").__enter__()
