"""Devices with rules: ingest and the evaluation of rules over fakes, one of which a test may have race or fail."""

import json

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from contract.models import shipped
from functions.adapters.memory import (
    MemoryLake,
    MemoryPresenceStore,
    MemoryQuarantine,
    MemoryStateStore,
    MemoryTelemetryStore,
    MemoryWorld,
)
from functions.adapters.memory_alarm_queues import MemoryActionsQueue
from functions.adapters.memory_alarms import MemoryAlarms
from functions.adapters.memory_live import MemoryLivePublisher
from functions.adapters.memory_registry import MemoryRegistry
from functions.adapters.memory_replays import MemoryReplays
from functions.adapters.memory_rules import MemoryRules
from functions.domain.access import By
from functions.domain.definitions import Definition
from functions.services.engine import Engine
from functions.services.evaluate import Evaluate
from functions.services.ingest import Ingest
from functions.services.replay import ReplayQuarantined
from functions.services.rulebook import Rulebook
from tests.functions.registering import device, note

DAY = 86_400_000


class RulesWorld:
    def __init__(self, clock, *rules, tags=None):
        self.clock = clock
        self.world = MemoryWorld()
        self.states = MemoryStateStore(self.world)
        self.presences = MemoryPresenceStore(self.world)
        self.alarms = MemoryAlarms(self.world)
        self.actions = MemoryActionsQueue()
        self.live = MemoryLivePublisher()
        self.registry = MemoryRegistry()
        self.registry.put(device("pump-1", "plant-1", "machine", tags=tags or {}))
        self.rules = MemoryRules()
        self.rulebook = Rulebook(self.rules, self.registry, clock, shipped=shipped())
        self.quarantine = MemoryQuarantine(self.world)
        self.store = MemoryTelemetryStore(clock=clock, retention_ms=30 * DAY)
        self.engine = Engine(states=self.states, actions=self.actions, live=self.live, clock=clock)
        for rule in rules:
            self.install(rule)

    def install(self, document):
        document = {"scope": "*", "severity": "major", **document}
        id_, shelf = document["rule"], self.rules.rules
        version = shelf.newest(id_) + 1
        text = json.dumps(document)
        author = By("user:ann", "ann")
        after = Definition(id=id_, text=text, version=version, created_at=1, updated_at=version, by=author)
        assert shelf.save(shelf.find(id_), after, note(id_))

    def withdraw(self, id_):
        assert self.rules.rules.delete(self.rules.rules.find(id_), note(id_))

    def take(self, *bodies, attempts=range(5)):
        ingest = Ingest(
            lake=MemoryLake(),
            store=self.store,
            quarantine=self.quarantine,
            engine=self.engine,
            rulebook=self.rulebook,
            attempts=attempts,
            live=self.live,
            replays=ReplayQuarantined(
                store=self.store,
                replays=MemoryReplays(self.quarantine),
                engine=self.engine,
                rulebook=self.rulebook,
                attempts=attempts,
                live=self.live,
                clock=self.clock,
            ),
        )
        return ingest.take({f"id-{at}": body for at, body in enumerate(bodies)})

    def tick(self, at=None, *, fresh=False):
        self.clock.now = self.clock.now if at is None else at
        evaluate = Evaluate(
            engine=self.engine,
            rulebook=self.rulebook,
            alarms=self.alarms,
            clock=self.clock,
            attempts=lambda: range(5),
        )
        return evaluate.run("pump-1", fresh=fresh)

    def during_the_next_read(self, do):
        """Somebody else is at the device between its state being read and written."""
        read, waiting = self.states.read, [do]

        def race(things):
            states = read(things)
            if waiting:
                waiting.pop()()
            return states

        self.states.read = race

    @property
    def state(self):
        return self.states.read(["pump-1"])["pump-1"]

    @property
    def found(self):
        """Every transition that was committed, by alarm."""
        return [
            (one.rule, one.number, one.step, one.kind, one.at, one.severity, one.last, one.peak)
            for steps in self.world.alarms.history.values()
            for step in steps
            if (one := step.found) is not None
        ]


def message(seq, at, *, ts=None, boot="b1", received_at=None, **values):
    ts = at if ts is None else ts
    measurements = [{"ts": ts, "values": values}] if values else []
    document = {"v": 1, "boot": boot, "seq": seq, "sent": ts, "m": measurements}
    received_at = at if received_at is None else received_at
    return wrapper.encode(IngestMessage(data=json.dumps(document).encode(), thing="pump-1", received_at=received_at))
