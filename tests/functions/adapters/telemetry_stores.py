"""The telemetry stores that the suites of this folder hold to one promise. A new one joins both by a line in STORES."""

from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore
from functions.adapters.memory import MemoryTelemetryStore
from tests.functions.adapters import influx_backends, liveanalytics_backend
from tests.functions.adapters.invoked_backend import InvokedStore

RETENTION = 30 * 86_400_000

# Each makes a store that holds nothing yet, of a test's `request` and `clock`.
STORES = {
    "memory": lambda request, clock: MemoryTelemetryStore(clock=clock, retention_ms=RETENTION),
    "dynamodb": lambda request, clock: DynamoDBTelemetryStore(
        request.getfixturevalue("dynamodb"), "telemetry", clock=clock, retention_ms=RETENTION
    ),
    "liveanalytics": liveanalytics_backend.on_lookalike,
    "influxdb-real": influx_backends.on_influxd,
    "influxdb-lookalike": influx_backends.on_lookalike,
    "invoked": lambda request, clock: InvokedStore(request, clock, RETENTION),
}


def exported(store, device, start, end):
    """Every point over all pages of an export."""
    points, cursor = [], None
    for _ in range(10_000):
        page = store.export(device, start, end, cursor)
        points += page.points
        cursor = page.cursor
        if cursor is None:
            return points
    raise AssertionError("paging does not end")
