"""What the stack calls the instance's organization and bucket is what the adapter deletes by."""

from urllib.parse import parse_qs, urlsplit

from functions.adapters.influx_telemetry import InfluxTelemetryStore
from functions.adapters.memory import ManualClock
from infra.telemetry_store.influx import BUCKET, DATABASE, ORGANIZATION


class Heard:
    def __init__(self):
        self.paths = []

    def call(self, _doing, path, *_):
        self.paths.append(path)


def test_a_deletion_names_the_organization_and_bucket_that_are_deployed():
    clock = ManualClock(1_764_000_000_000)
    store = InfluxTelemetryStore(
        "https://127.0.0.1:8086",
        DATABASE,
        write_token=lambda refused=None: "token",
        clock=clock,
        retention_ms=30 * 86_400_000,
    )
    store._client = heard = Heard()
    store.delete("pump-1", clock.now_ms() - 1000, clock.now_ms())
    (path,) = heard.paths
    assert parse_qs(urlsplit(path).query) == {"org": [ORGANIZATION], "bucket": [BUCKET]}
