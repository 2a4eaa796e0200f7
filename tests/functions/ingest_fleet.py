"""Ingest with its fakes over a store that a test chooses, and the queue before it."""

import json

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from contract.models import shipped
from functions.adapters.memory import MemoryLake, MemoryQuarantine, MemoryStateStore, MemoryWorld
from functions.adapters.memory_alarm_queues import MemoryActionsQueue
from functions.adapters.memory_live import MemoryLivePublisher
from functions.adapters.memory_registry import MemoryRegistry
from functions.adapters.memory_replays import MemoryReplays
from functions.adapters.memory_rules import MemoryRules
from functions.domain.devices import Source
from functions.services.engine import Engine
from functions.services.ingest import Ingest
from functions.services.replay import ReplayQuarantined
from functions.services.rulebook import Rulebook

NOW = 1_764_000_000_000
DAY = 86_400_000
MINUTE = 60_000
DEVICES = ("pump-1", "pump-2")


class Fleet:
    """What fails is delivered again. The states of devices say what counts as done."""

    def __init__(self, store, clock):
        self.clock, self.store = clock, store
        self.world = MemoryWorld()
        self.lake = MemoryLake()
        self.quarantine = MemoryQuarantine(self.world)
        self.states = MemoryStateStore(self.world)
        self.registry = MemoryRegistry()
        self.registry.register("pump-1", "Pump", "climate", "plant-1", Source.FLEET, clock.now)
        self.replays = MemoryReplays(self.quarantine)
        self.models_are(shipped())

    def models_are(self, models):
        """From now on, for every function."""
        self.rulebook = Rulebook(MemoryRules(), self.registry, self.clock, shipped=models)

    def take(self, bodies, attempts=range(3)):
        live = MemoryLivePublisher()
        engine = Engine(states=self.states, actions=MemoryActionsQueue(), live=live, clock=self.clock)
        ingest = Ingest(
            lake=self.lake,
            store=self.store,
            quarantine=self.quarantine,
            engine=engine,
            rulebook=self.rulebook,
            attempts=attempts,
            live=live,
            replays=ReplayQuarantined(
                store=self.store,
                replays=self.replays,
                engine=engine,
                rulebook=self.rulebook,
                attempts=attempts,
                live=live,
                clock=self.clock,
            ),
        )
        return ingest.take(bodies)

    def deliver(self, bodies):
        """The batch, and what failed of it, until nothing does."""
        for _ in range(100):
            failed = self.take(bodies).failed
            bodies = {id_: body for id_, body in bodies.items() if id_ in failed}
            self.clock.now += 6 * MINUTE
            if not bodies:
                return
        raise AssertionError("something is delivered for ever")

    def everything(self):
        stored = {device: points(self.store, device) for device in DEVICES}
        states = {thing: (one.latest, one.counters, one.boots) for thing, one in self.world.states.items()}
        return stored, states, self.world.quarantined


def points(store, device):
    """Every point of a device, whole."""
    found, cursor = [], None
    while True:
        page = store.export(device, NOW - DAY, NOW + DAY, cursor)
        found += page.points
        cursor = page.cursor
        if cursor is None:
            return sorted(found, key=lambda one: (one.ts, one.metric))


def body(seq, thing="pump-1", **values):
    document = {"v": 1, "boot": "b1", "seq": seq, "sent": NOW, "m": [{"ts": NOW - seq * 1000, "values": values}]}
    return wrapper.encode(IngestMessage(data=json.dumps(document).encode(), thing=thing, received_at=NOW))


BATCH = {
    **{f"id-{seq}": body(seq, temperature=float(seq), humidity=40.0) for seq in range(4)},
    "id-other": body(0, "pump-2", x=True),
    "id-wrong": body(9, temperature=5000.0, humidity=41.0),
}
