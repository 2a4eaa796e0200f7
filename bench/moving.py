"""What moving history costs: the backfill function's own work, from the lake and between stores, in one process.

    .venv/bin/python bench/moving.py [--quick] [--json]

A lake of hours of a fleet with five metrics a minute is copied into a real InfluxDB server and into Timestream's
look-alike, then from the one into the other; each slice is read, written, read back and compared, as in a deployment.
In a deployment several slices go at once, and each has a processor of its own.
"""

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cli.backfill.planning import Move, plan
from contract.backfill import CopyRequest, LakeObject, Listing, Piece, Position
from contract.ingest import LakeLine, encode_line
from contract.models import shipped
from functions.adapters.backoff import Backoff
from functions.adapters.clock import SystemClock
from functions.adapters.influx_telemetry import InfluxTelemetryStore
from functions.adapters.liveanalytics_telemetry import LiveAnalyticsTelemetryStore
from functions.adapters.memory_lake import MemoryLakeReader
from functions.adapters.memory_registry import MemoryRegistry
from functions.adapters.memory_rules import MemoryRules
from functions.domain.lake import hour_prefix
from functions.ports.telemetry import TelemetryStore
from functions.services.backfill import Backfill
from functions.services.backfill_sources import LakeSource
from functions.services.rulebook import Rulebook
from tests.influxd import ADMIN, Influxd
from tests.timestream import Lookalike

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
OBJECT_MS = 5 * MINUTE_MS
"""How long the delivery stream of stage prod gathers."""
RETENTION_MS = 30 * DAY_MS
METRICS = ("temperature", "humidity", "pressure", "vibration", "current")
CLOCK = SystemClock()


class Figure(NamedTuple):
    name: str
    points: int
    seconds: float

    def row(self) -> dict[str, Any]:
        return {**self._asdict(), "seconds": round(self.seconds, 2), "points_per_s": round(self.points / self.seconds)}


def lake(devices: int, hours: int) -> tuple[MemoryLakeReader, int, int]:
    """A lake with one message a minute and device, and the bounds of its time."""
    reader, chance = MemoryLakeReader(), Random(1)
    end = CLOCK.now_ms() // HOUR_MS * HOUR_MS
    start = end - hours * HOUR_MS
    for begins in range(start, end, OBJECT_MS):
        lines = []
        for ts in range(begins, begins + OBJECT_MS, MINUTE_MS):
            for device in range(devices):
                seq = (ts - start) // MINUTE_MS
                values = {metric: round(chance.gauss(20, 3), 2) for metric in METRICS}
                document = {
                    "v": 1,
                    "boot": f"boot-{device}",
                    "seq": seq,
                    "sent": ts,
                    "m": [{"ts": ts, "values": values}],
                }
                data = json.dumps(document, separators=(",", ":")).encode()
                lines.append(encode_line(LakeLine(thing=f"device-{device:05d}", received_at=ts + 900, data=data)))
        reader.stored[f"{hour_prefix(begins)}stream-{begins}.jsonl.gz"] = gzip.compress(b"".join(lines), 6)
    return reader, start, end


@contextmanager
def stores() -> Iterator[dict[str, TelemetryStore]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Influxd(Path(folder) / "influxd") as influxd,
        Lookalike(Path(folder) / "timestream") as lookalike,
    ):
        writing, asking = (
            lookalike.client(f"timestream-{half}", max_pool_connections=16) for half in ("write", "query")
        )
        writing.create_database(DatabaseName="fieldline")
        writing.create_table(
            DatabaseName="fieldline",
            TableName="telemetry",
            RetentionProperties={
                "MemoryStoreRetentionPeriodInHours": 24,
                "MagneticStoreRetentionPeriodInDays": 100,
            },
            MagneticStoreWriteProperties={"EnableMagneticStoreWrites": True},
        )
        common: dict[str, Any] = {"clock": CLOCK, "retention_ms": RETENTION_MS, "budget_s": 120.0}
        yield {
            "InfluxDB": InfluxTelemetryStore(influxd.url, influxd.database("telemetry"), auth=ADMIN, **common),
            "look-alike": LiveAnalyticsTelemetryStore(writing, asking, "fieldline", "telemetry", **common),
        }


def moved(backfill: Backfill, move: Move, listing: Listing) -> Figure:
    """Every slice of every piece, one after another; raises where one does not verify."""
    points = 0
    begun = time.perf_counter()
    for one in plan(move, [listing]).pieces:
        position: Position | None = Position()
        while position is not None:
            copied = backfill.copy(
                CopyRequest(
                    source=move.source,
                    target=move.target,
                    since=move.since,
                    until=move.until,
                    piece=one.piece,
                    position=position,
                )
            )
            if not all(day.verified for day in copied.days):
                raise SystemExit(f"{move.source} → {move.target}: a slice does not verify")
            points += copied.points
            position = copied.next
    return Figure(f"{move.source} → {move.target}", points, time.perf_counter() - begun)


def figures(devices: int, hours: int) -> Iterator[Figure | tuple[str, float]]:
    reader, start, end = lake(devices, hours)
    rulebook = Rulebook(MemoryRules(), MemoryRegistry(), CLOCK, shipped=shipped())
    objects = tuple(LakeObject(key, len(data)) for key, data in sorted(reader.stored.items()))
    expected = devices * hours * 60 * len(METRICS)
    yield "bytes a point in the lake", sum(one.size for one in objects) / expected
    everything = CopyRequest(
        source="lake",
        target="",
        since=start,
        until=end + DAY_MS,
        piece=Piece(objects=tuple(one.key for one in objects)),
    )
    begun = time.perf_counter()
    read, position = 0, Position()
    while True:
        some = LakeSource(reader, rulebook, CLOCK).read(
            CopyRequest(
                **{**{name: getattr(everything, name) for name in everything.__struct_fields__}, "position": position}
            )
        )
        read += some.points
        if some.next is None:
            break
        position = some.next
    yield Figure("lake, only read", read, time.perf_counter() - begun)
    with stores() as deployed:
        backfill = Backfill(
            stores=deployed,
            known=deployed,
            lake=reader,
            rulebook=rulebook,
            clock=CLOCK,
            retention_ms=RETENTION_MS,
            attempts=Backoff(attempts=8, base_s=0.1, cap_s=10),
        )
        names = Listing(devices=tuple(f"device-{device:05d}" for device in range(devices)))
        for target in deployed:
            yield moved(backfill, Move("lake", target, start, end + DAY_MS), Listing(objects=objects))
        for source, target in (("InfluxDB", "look-alike"), ("look-alike", "InfluxDB")):
            yield moved(backfill, Move(source, target, start, end), names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a short look")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for figure in figures(*((50, 2) if options.quick else (200, 6))):
        if isinstance(figure, Figure):
            found[figure.name] = figure.row()
            text = f"{figure.name:28} {figure.points:>10,} points {figure.points / figure.seconds:>10,.0f} a second"
        else:
            found[figure[0]] = round(figure[1], 2)
            text = f"{figure[0]:28} {figure[1]:.1f}"
        if not options.json:
            print(text, flush=True)
    if options.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
