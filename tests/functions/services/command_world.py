"""A device that takes commands as the agent does, can be killed at any step, and the cloud around it in memory."""

from collections import Counter, deque
from itertools import count

import msgspec

from contract import documents
from contract.documents import CommandResponse, PresenceEvent
from contract.ingest import ResponseMessage, encode_response
from contract.models import shipped
from functions.adapters.memory import MemoryPresenceStore, MemoryQuarantine, MemorySettleLater, MemoryWorld
from functions.adapters.memory_alarm_queues import MemoryAlarmsQueue
from functions.adapters.memory_audit import MemoryJournal
from functions.adapters.memory_commands import MemoryCommandBroker, MemoryCommandQueue, MemoryCommands
from functions.adapters.memory_live import MemoryLivePublisher
from functions.adapters.memory_registry import MemoryRegistry
from functions.domain import command_work
from functions.domain.access import Grant, Kind, Principal, Role
from functions.domain.audit import Actor
from functions.domain.command_work import Sweep
from functions.domain.devices import Source
from functions.services.bulk_commands import BulkCommands
from functions.services.command_work import CommandWork
from functions.services.commands import Asked, Commands, Creating
from functions.services.dispatch import Dispatch
from functions.services.gate import Gate
from functions.services.hear_commands import HearCommands
from functions.services.presence import KeepPresence
from functions.services.send_bulks import SendBulks

TRIES = range(5)


def actor(name="ann", *grants):
    grants = tuple(Grant(role, scope) for role, scope in grants) or (Grant(Role.ADMIN, "*"),)
    return Actor(Principal(f"user:{name}", Kind.USER, name, grants), "request-1", "127.0.0.1")


class SimulatedDevice:
    """`taken` is what survives a kill; `acted` is what it did to the world. `dies_at` names the step it dies behind."""

    def __init__(self, thing, clock, answer):
        self.thing, self._clock, self._answer = thing, clock, answer
        self.alive = True
        self.taken = {}
        self.acted = []
        self.dies_at = None
        self.received = []

    def receive(self, request):
        if not self.alive:
            return
        self.received.append(request.id)
        try:
            self._take(request)
        except SystemExit:
            self.alive = False

    def _take(self, request):
        if request.id in self.taken:
            if (status := self.taken[request.id]) is not None:
                self._say(request.id, status)
            return
        self._step("received")
        if self._clock.now_ms() >= request.expires_at:
            self._say(request.id, "EXPIRED")
            return
        self.taken[request.id] = None
        self._step("taken")
        self._say(request.id, "DELIVERED")
        self._step("delivered")
        self.acted.append(request.id)
        self._step("acted")
        self._say(request.id, "SUCCEEDED", {"on": True})
        self._step("answered")
        self.taken[request.id] = "SUCCEEDED"

    def restart(self):
        """As the agent: what it had begun it does not do again, and says so."""
        self.alive, self.dies_at = True, None
        for command, status in self.taken.items():
            if status is None:
                self.taken[command] = "FAILED"
                self._say(command, "FAILED")

    def _say(self, command, status, result=None):
        self._answer(self.thing, command, status, result)

    def _step(self, name):
        if self.dies_at == name:
            raise SystemExit


class CommandWorld:
    def __init__(self, clock, store=None):
        self.clock = clock
        self.journal = MemoryJournal()
        self.store = store or MemoryCommands(self.journal)
        self.world = MemoryWorld()
        self.presences = MemoryPresenceStore(self.world)
        self.quarantine = MemoryQuarantine(self.world)
        self.registry = MemoryRegistry()
        self.queue = MemoryCommandQueue()
        self.live = MemoryLivePublisher()
        self.devices = {}
        self.answers = deque()
        self.broker = self._broker()
        self._chances = count(1)
        self._sessions = count(1)
        self.report = Counter()
        self.at_once = []
        gate = Gate(self.registry)
        creating = Creating(
            store=self.store, models=shipped(), live=self.live, clock=clock, chance=self.chance, attempts=TRIES
        )
        self.commands = Commands(
            store=self.store, gate=gate, creating=creating, queue=self.queue, live=self.live, clock=clock
        )
        self.bulks = BulkCommands(store=self.store, models=shipped(), queue=self.queue, clock=clock, chance=self.chance)
        self.dispatch = Dispatch(
            store=self.store,
            presences=self.presences,
            broker=self.broker,
            live=self.live,
            clock=clock,
            attempts=TRIES,
        )
        self.work = CommandWork(
            store=self.store,
            hear=HearCommands(
                store=self.store, quarantine=self.quarantine, dispatch=self.dispatch, live=self.live, attempts=TRIES
            ),
            dispatch=self.dispatch,
            bulks=SendBulks(
                bulks=self.store,
                commands=self.store,
                registry=self.registry,
                creating=creating,
                dispatch=self.dispatch,
                queue=self.queue,
                live=self.live,
                clock=clock,
                side_by_side=self.side_by_side,
            ),
            queue=self.queue,
            clock=clock,
            side_by_side=self.side_by_side,
        )
        self.presence = KeepPresence(
            self.presences, MemorySettleLater(), TRIES, self.live, self.queue, MemoryAlarmsQueue()
        )

    def side_by_side(self, call, items):
        self.at_once.append(len(items))
        return [call(item) for item in items]

    def chance(self):
        return next(self._chances).to_bytes(10, "big")

    def _broker(self):
        world = self

        class Broker(MemoryCommandBroker):
            def publish(self, thing, request):
                super().publish(thing, request)
                # As the wire has it: only bytes arrive.
                arrived = documents.decode(type(request), documents.encode(request))
                if thing in world.devices:
                    world.devices[thing].receive(arrived)

        return Broker()

    def device(self, thing="pump-7", group="plant-1", model="machine"):
        self.registry.register(thing, thing.title(), model, group, Source.FLEET, self.clock.now_ms())
        self.devices[thing] = SimulatedDevice(thing, self.clock, self.say)
        return self.devices[thing]

    def connect(self, thing="pump-7"):
        """Of one persistent session, as the agent has it: each connection has a version of its own."""
        self._lifecycle(thing, "connected", f"session-of-{thing}", next(self._sessions))

    def disconnect(self, thing="pump-7"):
        newest = self.presences.read(thing).newest
        self._lifecycle(thing, "disconnected", newest.id.partition("#")[0], newest.version)

    def _lifecycle(self, thing, what, session, version):
        event = PresenceEvent(
            client_id=thing,
            timestamp=self.clock.now_ms(),
            event_type=what,
            session_identifier=session,
            version_number=version,
        )
        self.presence.take(msgspec.json.encode(event))

    def say(self, thing, command, status, result=None, *, at=None, named=None):
        now = self.clock.now_ms()
        said = CommandResponse(id=named or command, status=status, at=at or now, result=result)
        self.answers.append(self.message(thing, command, documents.encode(said)))

    def message(self, thing, command, data):
        return encode_response(ResponseMessage(data=data, thing=thing, id=command, received_at=self.clock.now_ms()))

    def send(self, thing="pump-7", *, life_s=60, key=None, parameters=None, by=None):
        asked = Asked(name="relay", parameters=parameters or {"on": True}, life_ms=life_s * 1000, timeout_ms=120_000)
        return self.commands.send(by or actor(), thing, asked, key)

    def pump(self):
        """Everything that waits in the queue, until nothing does."""
        while self.queue.wakes or self.queue.work or self.answers:
            bodies = [*self.answers]
            self.answers.clear()
            wakes, self.queue.wakes = self.queue.wakes, []
            work, self.queue.work = self.queue.work, []
            for thing, kind, at in wakes:
                bodies.append(documents.encode(documents.InternalEvent(kind=kind, thing=thing, at=at)))
            bodies += [command_work.encode(one) for one, _ in work]
            for body in bodies:
                self.report += self.work.take(body)

    def sweep(self):
        self.report += self.work.take(command_work.encode(Sweep()))
        self.pump()

    def wait(self, seconds):
        """Time passes with a sweep every 20 s."""
        while seconds > 0:
            step = min(20, seconds)
            self.clock.now += step * 1000
            seconds -= step
            self.sweep()

    def status(self, command):
        return self.commands.show(actor().principal, command.thing, command.id).status
