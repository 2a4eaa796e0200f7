"""The same loop on every store, a store that fails, and histories that move from one store to the next.

The cloud begins with `timestream-influxdb`, on which the other tests of this folder run.
"""

import json
import signal
import time
from datetime import UTC, datetime

import psutil
import pytest

from tests.e2e.replay import assert_bins, assert_every_raw_point, assert_last_value, play

OUTAGE_S = 25
"""Longer than an invocation of ingest tries."""
REDELIVERY_S = 40
"""Longer than an invocation of ingest takes, and shorter than the minutes that a failed message is hidden for."""


@pytest.fixture
def quick_redelivery(cloud):
    sqs = cloud.aws("sqs")
    url = cloud.outputs()["IngestQueueUrl"]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(REDELIVERY_S)})
    yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


def store_process(cloud):
    return psutil.Process(json.loads((cloud.root / "run.json").read_text())["children"]["timestream"]["pid"])


def test_a_store_that_hangs_and_then_dies_delays_what_devices_send_and_loses_nothing(cloud, quick_redelivery):
    def outage():
        time.sleep(3)
        store = store_process(cloud)
        store.suspend()
        time.sleep(OUTAGE_S)
        store.resume()
        time.sleep(3)
        store.send_signal(signal.SIGKILL)

    replayed = play(cloud, "outlasting", meanwhile=outage)
    assert_every_raw_point(replayed)
    assert_bins(cloud, replayed)
    assert_last_value(cloud, replayed)
    status = cloud.status()
    assert status["failed"] == {}
    assert any("timestream process ended with -9, started again" in note for note in status["notes"])


@pytest.mark.parametrize(
    ("store", "previous", "source", "device"),
    [
        ("dynamodb", "timestream-influxdb", "timestream-influxdb", "replayer-2"),
        ("timestream-liveanalytics", "dynamodb", "lake", "replayer-3"),
    ],
)
def test_a_history_that_moved_answers_as_before_and_the_loop_goes_on(cloud, replayed, store, previous, source, device):
    raw = cloud.points(replayed.device, "temperature", replayed.start, replayed.end)
    bins = replayed.bins(cloud)
    assert raw == replayed.rows
    cloud.run("local", "down", "--port", str(cloud.port))
    cloud.up("--store", store, "--previous-store", previous)
    assert cloud.points(replayed.device, "temperature", replayed.start, replayed.end) == []

    since = datetime.fromtimestamp(replayed.start / 1000, UTC).isoformat()
    where = ["--local", "--port", str(cloud.port), "--journal", str(cloud.folder / f"{store}.journal")]
    move = ["telemetry", "backfill", "--from", source, "--to", store, "--since", since, *where, "--json"]
    done = json.loads(cloud.run(*move).stdout)
    assert done["points"] >= len(raw)
    assert (done["verified"], done["refused"]) == (True, {})

    assert cloud.points(replayed.device, "temperature", replayed.start, replayed.end) == raw
    for before, after in zip(bins, replayed.bins(cloud), strict=True):
        assert after.keys() == before.keys()
        for name, value in before.items():
            assert after[name] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value)

    fresh = play(cloud, device)
    assert_every_raw_point(fresh)
    assert_bins(cloud, fresh)
    assert_last_value(cloud, fresh)
