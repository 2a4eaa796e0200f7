"""A model that was wrong is mended, and what it refused replayed; a dead letter goes back: on the laptop itself."""

import json

import httpx
import pytest

from contract import ingest
from contract.ingest import IngestMessage
from contract.models import encode, shipped
from tests.e2e.cloud import PATIENCE_S, wait_for
from tests.e2e.test_messages import now_ms

DEVICE, MODEL = "quality-1", "quality"


@pytest.fixture(scope="module")
def api(cloud):
    with httpx.Client(base_url=cloud.details["api"], timeout=PATIENCE_S) as http:
        http.headers["Authorization"] = f"Bearer {cloud.token}"
        yield http


def model(**maxima):
    document = json.loads(encode(shipped()["climate"])) | {"fieldline:name": MODEL, "fieldline:rules": {}}
    for metric, maximum in maxima.items():
        document["properties"][metric]["maximum"] = maximum
    return document


@pytest.fixture(scope="module", autouse=True)
def device(api):
    """One whose model finds 50 degrees too much."""
    api.put(f"/models/{MODEL}", json=model(temperature=50)).raise_for_status()
    new = {"id": DEVICE, "model": MODEL, "group": "quality/e2e"}
    # Each function knows of a new model within some seconds.
    wait_for("the device", lambda: api.post("/devices", json=new).status_code == httpx.codes.CREATED)


def envelope(seq, ts, **values):
    return {"v": 1, "boot": "quality", "seq": seq, "sent": ts, "m": [{"ts": ts, "values": values}]}


def send(api, document):
    api.post("/telemetry", params={"device": DEVICE}, json=document).raise_for_status()


def stored(cloud, metric, ts):
    return [row["value"] for row in cloud.points(DEVICE, metric, ts, ts + 1)]


def test_what_a_mended_model_accepts_is_stored_by_a_replay_with_what_is_derived_from_it(cloud, api):
    ts = now_ms()
    send(api, envelope(0, ts, temperature=60.0, humidity=40.0))
    entry = wait_for("the entry", lambda: cloud.quarantine(DEVICE))[0]
    assert entry["reasons"] == ["out_of_range"]
    assert wait_for("the rest of the message", lambda: stored(cloud, "humidity", ts)) == [40.0]
    assert stored(cloud, "temperature", ts) == stored(cloud, "dew_point", ts) == []
    counted = cloud.device(DEVICE)["counters"]

    tag = api.get(f"/models/{MODEL}").headers["ETag"]
    api.put(f"/models/{MODEL}", json=model(temperature=70), headers={"If-Match": tag}).raise_for_status()
    path = f"/devices/{DEVICE}/quarantine/{entry['id']}"
    assert api.post(f"{path}/replay").raise_for_status().json()["replay"]["outcome"] == "queued"

    def settled():
        replay = api.get(path).json()["replay"]
        return replay if replay["outcome"] != "queued" else None

    assert wait_for("what becomes of it", settled)["outcome"] == "stored"
    assert stored(cloud, "temperature", ts) == [60.0]
    assert len(stored(cloud, "dew_point", ts)) == 1
    latest = cloud.device(DEVICE)["latest"]
    assert (latest["temperature"]["value"], latest["dew_point"]["derived"]) == (60.0, True)
    after = cloud.device(DEVICE)["counters"]
    assert (after["messages"], after["points"]) == (counted["messages"], counted["points"] + 2)
    assert api.post(f"{path}/replay").status_code == 409


def test_a_dead_letter_is_shown_and_goes_back_to_be_stored_once(cloud, api):
    ts = now_ms()
    raw = json.dumps(envelope(1, ts, pressure=1000.5)).encode()
    body = ingest.encode(IngestMessage(data=raw, thing=DEVICE, received_at=ts)).decode()
    cloud.aws("sqs").send_message(QueueUrl=cloud.outputs()["IngestDlqUrl"], MessageBody=body)
    queues = {one["name"]: one for one in api.get("/dlq").raise_for_status().json()["items"]}
    assert {"ingest", "commands", "alarms", "actions", "live", "rule-errors", "answer-errors"} <= queues.keys()
    assert queues["ingest"]["waiting"] == 1
    (letter,) = api.get("/dlq/ingest").raise_for_status().json()["items"]
    assert letter["device"] == DEVICE
    moved = api.post("/dlq/ingest/replay", json={"messages": [letter["id"]]}).raise_for_status().json()
    assert (moved["moved"], moved["left"]) == (1, 0)
    assert wait_for("its value", lambda: stored(cloud, "pressure", ts)) == [1000.5]


def test_what_was_lost_on_the_way_is_counted(cloud, api):
    def hour():
        return api.get(f"/devices/{DEVICE}/loss").raise_for_status().json()["total"]

    before = hour()
    send(api, envelope(2, now_ms(), pressure=1001.0))
    # Two are missing, and nobody waits for them for longer than the model's ten seconds.
    send(api, envelope(5, now_ms(), pressure=1002.0))
    assert wait_for("the loss", lambda: (now := hour())["lost"] == before["lost"] + 2 and now)["received"] >= 4
