"""What a deployment costs in a month: idle, and by the size of its fleet. `--table` prints what docs/storage.md embeds.

US dollars, months of 730 hours, gigabytes of 10⁹ bytes. Sizes are measured; what is assumed says so.
"""

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from cli.preflight import prices
from cli.preflight.deployment import (
    DYNAMODB,
    INFLUXDB,
    INTERFACE_ENDPOINTS,
    LIVEANALYTICS,
    STORE_ZONES,
    Deployment,
    Influx,
)
from cli.preflight.prices import HOURS

GB = 1e9
MINUTES = HOURS * 60
SECRETS = 4
"""The instance's password, what the service makes of it, and two with tokens."""
WEB_ACL_RULES = 5
WEB_ACL_STAGE = "prod"
QUEUES = 9
POLLS_A_MINUTE = 15
"""Lambda keeps five long polls of 20 s on each queue, whether anything is in it or not."""
KEYS = 2
"""Secrets of our own, whatever the store: of cursors and of webhooks."""
SWEPT_A_MINUTE = 160
"""Partitions that are asked for what is due: of commands, timers and deliveries thrice, of the outbox once."""
SWEEPS_A_MINUTE = 13
"""Invocations for that, with those that hear of the minute."""
SWEEP_GB_S = 0.075
"""Assumed of each: 100 ms of a function of 0.5 to 1 GB."""

CHUNK_BYTES = 186
"""An item with one message of five metrics: at a message a minute, none shares its batch with another of its device."""
ITEM_OVERHEAD_BYTES = 100
"""What DynamoDB adds to each item that it stores."""
STATE_WRITE_UNITS = 2
"""An item of a device that has restarted some times: 1.0 to 1.4 KB."""
LAKE_LINE_BYTES = 325
LAKE_OBJECT_BYTES = 60
"""Of a line once it is compressed."""
LINES_A_RECORD = 25
INFLUX_POINT_BYTES = 10.5
"""On disk and compacted: measured on InfluxDB 1.6, rows of five values that wander, received within 1 to 7 s."""
INFLUX_HEADROOM = 1.25
"""Disk for what is not compacted yet; the instance must never be full."""
GRACE_DAYS = 7
"""Both of Timestream's stores keep that much longer than readers see."""
RECORD_BYTES = 41
"""Of a point in LiveAnalytics: time 8, device 12, number 8, type 1, quality 4, receipt 8. Names of columns are free."""
RECORDS_A_WRITE = 100
_KIB_A_WRITE = math.ceil(RECORDS_A_WRITE * RECORD_BYTES / 1024)
MEMORY_HOURS = 24
"""Of LiveAnalytics' memory store."""
QUERY_TCU_SECONDS = 4 * 30
"""Assumed of each query: 4 compute units for the least time that is billed."""
INGEST_MS_A_MESSAGE = 1.0
INGEST_MS_A_BATCH = 100.0
"""Both assumed, of a function of 1 GB."""
BATCH = 1000
WINDOW_S = 5
POLLERS = 5
DAY_QUERY_ITEMS = 1440
MOVED_POINT_BYTES = 5.6
"""In an item of many points."""
EXPORT_POINTS = 5000
"""That LiveAnalytics is asked for at a time, when a device's day is read back."""
SLICE_POINTS = 250_000
PIECE_BYTES = 2_000_000
"""Of the lake's objects. A slice of a move ends with either, and what it wrote is read back device by device."""

_UNITS: Mapping[str, int] = {"medium": 1, "large": 2, "xlarge": 4}
_SIZING = ((10_000, "medium"), (100_000, "large"), (1_000_000, "2xlarge"), (5_000_000, "4xlarge"))
_LARGEST = "8xlarge"
"""By fewer series than; up to 10 million, beyond which AWS advises against version 2."""


class Line(NamedTuple):
    """`size` is what of it, where the fleet decides."""

    what: str
    usd: float
    size: str = ""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Each device sends `metrics` values a minute; dashboards ask `queries` times a month for a day of one device."""

    devices: int
    metrics: int = 5
    retention_days: int = 90
    queries: int = 2 * 60 * 8 * 22

    @property
    def messages(self) -> float:
        """In a month."""
        return self.devices * MINUTES

    @property
    def stored_messages(self) -> float:
        return self.devices * 1440 * self.retention_days


def total(lines: Iterable[Line]) -> float:
    return sum(line.usd for line in lines)


def idle(deployment: Deployment) -> tuple[Line, ...]:
    """While no device sends and nobody looks: everything else is paid for by use."""
    polls = QUEUES * POLLS_A_MINUTE * MINUTES * prices.QUEUE_REQUEST.each
    web_acl = prices.WEB_ACL.each + WEB_ACL_RULES * prices.WEB_ACL_RULE.each
    return (
        *(_influx_idle(deployment.influx) if INFLUXDB in deployment.stores else ()),
        *([Line("web ACL", web_acl)] if deployment.stage == WEB_ACL_STAGE else []),
        Line(f"{KEYS} secrets, of cursors and webhooks", KEYS * prices.SECRET.each),
        Line(f"SQS: Lambda asks {QUEUES} empty queues", polls),
        Line("looking each minute for what is due", MINUTES * _minute()),
    )


def _minute() -> float:
    asked = SWEPT_A_MINUTE / 2 * prices.READ_UNIT.each
    return asked + SWEEPS_A_MINUTE * (prices.INVOCATION.each + SWEEP_GB_S * prices.COMPUTE.each)


def _influx_idle(influx: Influx) -> tuple[Line, ...]:
    zones = "two zones" if influx.multi_az else "one zone"
    times = prices.INFLUX_STANDBY.each if influx.multi_az else 1.0
    units = instance_units(influx.instance)
    return (
        Line(f"instance in {zones}", units * prices.INFLUX_MEDIUM.each * HOURS * times, influx.instance),
        Line(
            f"storage in {zones}",
            influx.storage_gib * prices.INFLUX_STORAGE.each * times,
            f"{influx.storage_gib:,} GiB",
        ),
        Line(
            f"{len(INTERFACE_ENDPOINTS)} VPC endpoints in {STORE_ZONES} zones",
            len(INTERFACE_ENDPOINTS) * STORE_ZONES * prices.ENDPOINT.each * HOURS,
        ),
        Line(f"{SECRETS} secrets", SECRETS * prices.SECRET.each),
    )


def instance_units(instance: str) -> int:
    """How many times the price of `db.influx.medium`: AWS prices the classes by their size."""
    size = instance.rpartition(".")[2]
    return _UNITS[size] if size in _UNITS else 4 * int(size.removesuffix("xlarge"))


def influx_for(fleet: Fleet, *, multi_az: bool = False) -> Influx:
    """The instance that AWS's sizing table gives for the number of series, and disk for the retention.

    The table begins at `large`; for some thousands of series we start below it.
    """
    series = fleet.devices * fleet.metrics
    size = next((size for most, size in _SIZING if series < most), _LARGEST)
    days = fleet.retention_days + GRACE_DAYS
    stored = fleet.devices * 1440 * days * fleet.metrics * INFLUX_POINT_BYTES * INFLUX_HEADROOM
    return Influx(f"db.influx.{size}", max(20, _round_up(stored / 2**30)), multi_az)


def dynamodb(fleet: Fleet) -> tuple[Line, ...]:
    stored = fleet.stored_messages * (CHUNK_BYTES + ITEM_OVERHEAD_BYTES) / GB
    read_units = fleet.queries * DAY_QUERY_ITEMS * CHUNK_BYTES / 8192
    return (
        Line("writes", fleet.messages * prices.WRITE_UNIT.each),
        Line("storage", stored * prices.TABLE_STORAGE.each),
        Line("queries", read_units * prices.READ_UNIT.each),
    )


def influxdb(fleet: Fleet, *, multi_az: bool = False) -> tuple[Line, ...]:
    return (
        *_influx_idle(influx_for(fleet, multi_az=multi_az)),
        Line("data through the endpoints", fleet.messages * LAKE_LINE_BYTES / GB * prices.ENDPOINT_DATA.each),
    )


def liveanalytics(fleet: Fleet) -> tuple[Line, ...]:
    points = fleet.messages * fleet.metrics
    in_memory = points / HOURS * MEMORY_HOURS * RECORD_BYTES / GB
    stored = fleet.devices * 1440 * (fleet.retention_days + GRACE_DAYS) * fleet.metrics * RECORD_BYTES / GB
    return (
        Line("writes", points / RECORDS_A_WRITE * _KIB_A_WRITE * prices.TIMESTREAM_WRITE.each),
        Line(f"memory store, {MEMORY_HOURS} h", in_memory * prices.TIMESTREAM_MEMORY.each * HOURS),
        Line("magnetic store", stored * prices.TIMESTREAM_MAGNETIC.each),
        Line("queries", fleet.queries * QUERY_TCU_SECONDS / 3600 * prices.TIMESTREAM_QUERY.each),
    )


def moving_to(store: str, fleet: Fleet, *, from_lake: bool) -> tuple[Line, ...]:
    """What the target charges for all that readers may see; the function that does it comes on top.

    From a store a day of a device is copied and read back at once; from the lake in as many parts as slices have
    messages of it, each of them read back by itself.
    """
    days = fleet.devices * fleet.retention_days
    a_day = 1440 * fleet.metrics
    parts = _parts_of_a_day(fleet) if from_lake else 1.0
    points = fleet.stored_messages * fleet.metrics
    # An item holds an hour at most, and a query is half a unit at least.
    items = max(24.0, parts)
    units = items * math.ceil(a_day / items * MOVED_POINT_BYTES / 1024)
    read_units = max(0.5 * parts, a_day * MOVED_POINT_BYTES / 8192)
    queries = parts * math.ceil(a_day / parts / EXPORT_POINTS)
    of = {
        DYNAMODB: (units * days * prices.WRITE_UNIT.each, read_units * days * prices.READ_UNIT.each),
        INFLUXDB: (0.0, 0.0),
        LIVEANALYTICS: (
            points / RECORDS_A_WRITE * _KIB_A_WRITE * prices.TIMESTREAM_WRITE.each,
            queries * days * QUERY_TCU_SECONDS / 3600 * prices.TIMESTREAM_QUERY.each,
        ),
    }
    return tuple(Line(what, usd) for what, usd in zip(("writes", "reading back"), of[store], strict=True))


def _parts_of_a_day(fleet: Fleet) -> float:
    """Over how many slices the lake spreads a device's day: at most each of its messages is in another one."""
    messages = min(SLICE_POINTS / fleet.metrics, PIECE_BYTES / LAKE_OBJECT_BYTES)
    return max(1.0, min(1440.0, 1440 * fleet.devices / messages))


def shared(fleet: Fleet) -> tuple[Line, ...]:
    """What every store stands beside: the way in, the last values, the lake."""
    messages = fleet.messages
    batches = max(messages / BATCH, min(messages, POLLERS * MINUTES * 60 / WINDOW_S))
    gb_s = (messages * INGEST_MS_A_MESSAGE + batches * INGEST_MS_A_BATCH) / 1000
    record_bytes = math.ceil(LINES_A_RECORD * LAKE_LINE_BYTES / 5120) * 5120
    return (
        Line("IoT Core: connections", fleet.devices * MINUTES * prices.CONNECTION.each),
        Line(
            "IoT Core: rule and action (Basic Ingest, no message fee)",
            messages * (prices.RULE.each + prices.ACTION.each),
        ),
        Line("SQS: send, receive, delete (tens)", messages * 1.2 * prices.QUEUE_REQUEST.each),
        Line("Lambda: ingest", batches * prices.INVOCATION.each + gb_s * prices.COMPUTE.each),
        Line(
            "DynamoDB: last values",
            messages * (STATE_WRITE_UNITS * prices.WRITE_UNIT.each + prices.READ_UNIT.each),
        ),
        Line("Firehose", messages / LINES_A_RECORD * record_bytes / GB * prices.DELIVERY.each),
        Line(
            "S3: the lake's last 90 days",
            fleet.devices * 1440 * 90 * LAKE_OBJECT_BYTES / GB * prices.OBJECT_STORAGE.each,
        ),
    )


STORE_COSTS = {DYNAMODB: dynamodb, INFLUXDB: influxdb, LIVEANALYTICS: liveanalytics}


def break_even(*, multi_az: bool = False) -> tuple[int, int]:
    """The smallest fleet, in hundreds, for which `timestream-influxdb` costs less than `dynamodb`; and the one from
    which it always does: between them lies a step to a larger instance.
    """
    cheaper = {
        devices: total(influxdb(Fleet(devices), multi_az=multi_az)) < total(dynamodb(Fleet(devices)))
        for devices in range(100, 100_001, 100)
    }
    first = next(devices for devices, is_so in cheaper.items() if is_so)
    return first, max((devices for devices, is_so in cheaper.items() if not is_so), default=0) + 100


def _round_up(gib: float) -> int:
    """To two digits: nobody allocates 1,017 GiB."""
    step: int = 10 ** max(0, len(str(int(gib))) - 2)
    return math.ceil(gib / step) * step


if __name__ == "__main__":
    from cli.preflight.cost_tables import main

    sys.exit(main(sys.argv[1:]))
