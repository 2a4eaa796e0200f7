"""A deployment to move history in: real ingest, lake and stores over fakes, and who asks as the command does."""

import gzip
import json

from contract import ingest as wrapper
from contract.backfill import LAKE, Copied, CopyRequest, Piece, PlanRequest, Position
from contract.ingest import IngestMessage, encode_line
from contract.models import shipped
from functions.adapters.memory import (
    MemoryLake,
    MemoryQuarantine,
    MemoryStateStore,
    MemoryTelemetryStore,
    MemoryWorld,
)
from functions.adapters.memory_alarm_queues import MemoryActionsQueue
from functions.adapters.memory_lake import MemoryLakeReader
from functions.adapters.memory_live import MemoryLivePublisher
from functions.adapters.memory_registry import MemoryRegistry
from functions.adapters.memory_replays import MemoryReplays
from functions.adapters.memory_rules import MemoryRules
from functions.domain.devices import Source
from functions.domain.lake import hour_prefix
from functions.services.backfill import Backfill
from functions.services.backfill_sources import DAY_MS
from functions.services.engine import Engine
from functions.services.ingest import Ingest
from functions.services.replay import ReplayQuarantined
from functions.services.rulebook import Rulebook

RETENTION = 30 * DAY_MS
LAST = 253_402_300_799_999
KNOWN = ("old", "new", "other")


class Deployment:
    """`old` is what ingest writes to, `new` what is moved into."""

    def __init__(self, clock, new=None):
        self.clock = clock
        self.old = MemoryTelemetryStore(clock=clock, retention_ms=RETENTION)
        self.new = new or MemoryTelemetryStore(clock=clock, retention_ms=RETENTION)
        self.stores = {"old": self.old, "new": self.new}
        self.arrived = MemoryLake()
        self.lake = MemoryLakeReader(page_size=3)
        self.registry = MemoryRegistry()
        self.registry.register("pump-1", "Pump", "climate", "plant-1", Source.FLEET, clock.now)
        self.rulebook = Rulebook(MemoryRules(), self.registry, clock, shipped=shipped())
        self.attempts = range(3)
        world, live = MemoryWorld(), MemoryLivePublisher()
        quarantine, states = MemoryQuarantine(world), MemoryStateStore(world)
        engine = Engine(states=states, actions=MemoryActionsQueue(), live=live, clock=clock)
        self.ingest = Ingest(
            lake=self.arrived,
            store=self.old,
            quarantine=quarantine,
            engine=engine,
            rulebook=self.rulebook,
            attempts=range(3),
            live=live,
            replays=ReplayQuarantined(
                store=self.old,
                replays=MemoryReplays(quarantine),
                engine=engine,
                rulebook=self.rulebook,
                attempts=range(3),
                live=live,
                clock=clock,
            ),
        )

    @property
    def backfill(self):
        return Backfill(
            stores=self.stores,
            known=KNOWN,
            lake=self.lake,
            rulebook=self.rulebook,
            clock=self.clock,
            retention_ms=RETENTION,
            attempts=self.attempts,
        )

    def take(self, *bodies):
        report = self.ingest.take({f"id-{at}": body for at, body in enumerate(bodies)})
        assert report.failed == set()

    def deliver(self, sizes=(), hour=0):
        """What arrived becomes objects of so many lines each, the last of the rest."""
        lines = [encode_line(line) for line in self.arrived.lines]
        self.arrived.lines.clear()
        for size in (*sizes, len(lines)):
            if lines[:size]:
                self.put(b"".join(lines[:size]), hour)
            lines = lines[size:]

    def put(self, text, hour=0):
        key = f"{hour_prefix(self.clock.now + hour * 3_600_000)}stream-{len(self.lake.stored):06d}.jsonl.gz"
        self.lake.stored[key] = gzip.compress(text)
        return key

    def pieces(self, source=LAKE, since=0, until=LAST):
        names, cursor = [], None
        while True:
            request = PlanRequest(source=source, target="new", since=since, until=until, cursor=cursor)
            page = self.backfill.plan(request)
            names += [one.key for one in page.objects] or page.devices
            cursor = page.cursor
            if cursor is None:
                break
        if source == LAKE:
            return [Piece(objects=tuple(names[at : at + 2])) for at in range(0, len(names), 2)]
        first = max(since, self.clock.now - RETENTION)
        days = range(first - first % DAY_MS, min(until, self.clock.now + DAY_MS), DAY_MS)
        return [Piece(devices=tuple(sorted(set(names))), day=day) for day in days]

    def copy(self, piece, source=LAKE, position=None, **more):
        request = CopyRequest(
            **{"source": source, "target": "new", "since": 0, "until": LAST, **more},
            piece=piece,
            position=position or Position(),
        )
        return self.backfill.copy(request)

    def copy_whole(self, piece, source=LAKE, **more):
        """Every slice of a piece."""
        slices: list[Copied] = []
        position = None
        while True:
            slices.append(self.copy(piece, source, position, **more))
            position = slices[-1].next
            if position is None:
                return slices

    def move(self, source=LAKE, pieces=None, **more):
        pieces = self.pieces(source) if pieces is None else pieces
        return [one for piece in pieces for one in self.copy_whole(piece, source, **more)]


def message(seq, received_at, *measurements, thing="pump-1", boot="b1", raw=None):
    """A queue body; a measurement is `(ts, quality, values)`."""
    document = {
        "v": 1,
        "boot": boot,
        "seq": seq,
        "sent": received_at,
        "m": [{"ts": ts, "q": quality, "values": values} for ts, quality, values in measurements],
    }
    data = json.dumps(document).encode() if raw is None else raw
    return wrapper.encode(IngestMessage(data=data, thing=thing, received_at=received_at))


def everything(store, device, now):
    """Every point of a device as it stands, by identity."""
    points, cursor = {}, None
    while True:
        page = store.export(device, 0, now + DAY_MS, cursor)
        points |= {(point.metric, point.ts): point for point in page.points}
        cursor = page.cursor
        if cursor is None:
            return points
