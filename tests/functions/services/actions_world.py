"""The actions function with everything around it in memory: a queue in virtual time, receivers that keep what they got,
and a way to end the function at any of its calls.
"""

from collections import Counter, deque
from itertools import count

import msgspec

from contract.models import shipped
from contract.rules import Command, Desire, Escalation, Notify
from functions.adapters.memory import MemoryPresenceStore, MemoryWorld
from functions.adapters.memory_alarms import MemoryAlarms, MemoryOutbox
from functions.adapters.memory_audit import MemoryJournal
from functions.adapters.memory_commands import MemoryCommandQueue, MemoryCommands
from functions.adapters.memory_deliveries import MemoryDeliveries
from functions.adapters.memory_live import MemoryLivePublisher
from functions.adapters.memory_rates import MemoryRateBuckets
from functions.adapters.memory_recipients import MemoryRecipients, MemoryWindows
from functions.adapters.memory_registry import MemoryRegistry
from functions.adapters.memory_shadows import MemoryShadows, MemoryWishes
from functions.domain import alarm_work
from functions.domain.access import By, Grant, Kind, Principal, Role
from functions.domain.alarm_work import Act, Tick
from functions.domain.audit import Actor, Note
from functions.domain.deliveries import Answer, Outcome, State
from functions.domain.devices import Device, Source
from functions.domain.maintenance import Window
from functions.domain.outbox import ACT_WITHIN_MS, OutboxEntry
from functions.domain.presence import Presence, Status
from functions.domain.recipients import Channel, Recipient
from functions.services.act import Acting
from functions.services.act_on_device import ActOnDevice
from functions.services.actions_work import ActionsWork
from functions.services.commands import Creating
from functions.services.deliver import Delivering
from functions.services.gate import Gate
from functions.services.muting import Muting
from functions.services.shadows import DeviceShadows
from functions.services.tell import Telling
from tests.functions.domain.deliveries_of import alarm

ANN = Actor(Principal("user:1", Kind.USER, "ann", (Grant(Role.ADMIN, "*"),)), "request-1", "127.0.0.1")
TELL = Notify(recipients=("on-call",), on=("raised", "escalated", "cleared"))
ON = Command(actuator="relay", parameters={"on": True}, on=("raised",))
OFF = Command(actuator="relay", parameters={"on": False}, on=("cleared",))
MINUTE_MS = 60_000
DELIVERED = Answer(outcome=Outcome.DELIVERED, status=200)


class Killed(BaseException):
    """The function has ended here; nothing that it would do next is done."""


class Deaths:
    """Ends the function at its `at`th call of anything outside it, before the call or behind it."""

    def __init__(self):
        self.calls = 0
        self.at = None
        self.behind = False

    def around(self, port):
        return _Mortal(port, self)

    def call(self, method, args, options):
        self.calls += 1
        dies = self.calls == self.at
        if dies and not self.behind:
            raise Killed
        result = method(*args, **options)
        if dies:
            raise Killed
        return result


class _Mortal:
    def __init__(self, port, deaths):
        self._port, self._deaths = port, deaths

    def __getattr__(self, name):
        found = getattr(self._port, name)
        return (lambda *args, **options: self._deaths.call(found, args, options)) if callable(found) else found


class Receivers:
    """`got` has every message as it came; `taken` what a receiver took, who knows by the id what he has."""

    def __init__(self):
        self.got = []
        self.answers = {}

    def send(self, recipient, message):
        self.got.append((recipient.id, message))
        answers = self.answers.get(recipient.id)
        answer = answers.popleft() if answers else DELIVERED
        return answer() if callable(answer) else answer

    def answer(self, recipient, *answers):
        self.answers[recipient] = deque(answers)

    def types(self, recipient="on-call"):
        return [message.type for who, message in self.got if who == recipient]

    @property
    def taken(self):
        return {(who, message.id): message.type for who, message in self.got}


class Queue:
    """As SQS: at least once, in any order that `shuffle` makes of what is ready; `lose` drops what is put."""

    def __init__(self, clock):
        self._clock = clock
        self.waiting = []
        self.lose = False
        self._numbers = count()

    def put(self, *work, delay_s=0):
        if not self.lose:
            at = self._clock.now_ms() + delay_s * 1000
            self.waiting += [(at, next(self._numbers), alarm_work.encode(one)) for one in work]


class ActionsWorld:
    def __init__(self, clock):
        self.clock = clock
        self.journal = MemoryJournal()
        self.world = MemoryWorld()
        self.alarms = MemoryAlarms(self.world, self.journal)
        self.outbox = MemoryOutbox(self.world)
        self.deliveries = MemoryDeliveries(self.outbox.entries, self.journal)
        self.recipients = MemoryRecipients(self.journal)
        self.windows = MemoryWindows(self.journal)
        self.registry = MemoryRegistry(journal=self.journal)
        self.commands = MemoryCommands(self.journal)
        self.command_queue = MemoryCommandQueue()
        self.shadows = MemoryShadows()
        self.wishes = MemoryWishes(self.journal)
        self.receivers = Receivers()
        self.queue = Queue(clock)
        self.deaths = Deaths()
        self.buckets = MemoryRateBuckets()
        self.report = Counter()
        self.chance = 0.5
        self._chances = count(1)
        self.device("pump-7")
        self.recipient("on-call")
        self.work = self._function()

    def _function(self):
        """A new execution environment."""
        around, clock = self.deaths.around, self.clock
        live, models = MemoryLivePublisher(), _models()
        registry, outbox, queue = around(self.registry), around(self.outbox), around(self.queue)
        deliveries, alarms = around(self.deliveries), around(self.alarms)
        creating = Creating(
            store=around(self.commands),
            models=models,
            live=live,
            clock=clock,
            chance=lambda: next(self._chances).to_bytes(10, "big"),
            attempts=range(5),
        )
        shadows = DeviceShadows(
            gate=Gate(registry),
            wishes=around(self.wishes),
            shadows=around(self.shadows),
            models=models,
            live=live,
            clock=clock,
            attempts=lambda: range(5),
        )
        sender = around(self.receivers)
        return ActionsWork(
            outbox=outbox,
            deliveries=deliveries,
            acting=Acting(outbox=outbox, deliveries=deliveries, registry=registry, queue=queue, clock=clock),
            delivering=Delivering(
                deliveries=deliveries,
                alarms=alarms,
                muting=Muting(
                    windows=around(self.windows),
                    registry=registry,
                    presences=around(MemoryPresenceStore(self.world)),
                    clock=clock,
                ),
                telling=Telling(
                    deliveries=deliveries,
                    recipients=around(self.recipients),
                    alarms=alarms,
                    senders=dict.fromkeys(Channel, sender),
                    buckets=around(self.buckets),
                    clock=clock,
                ),
                on_device=ActOnDevice(
                    registry=registry,
                    commands=around(self.commands),
                    creating=creating,
                    queue=around(self.command_queue),
                    shadows=shadows,
                    clock=clock,
                ),
                queue=queue,
                clock=clock,
                chance=lambda: self.chance,
            ),
            queue=queue,
            clock=clock,
            side_by_side=lambda call, items: [call(item) for item in items],
        )

    # --- what there is

    def device(self, thing, group="plant-1/line-2", model="machine", **tags):
        now = self.clock.now_ms()
        self.registry.put(
            Device(
                thing=thing,
                name=thing.title(),
                model=model,
                group=group,
                source=Source.API,
                created_at=now,
                updated_at=now,
                version=1,
                tags=tags,
            )
        )

    def recipient(self, name, **more):
        now = self.clock.now_ms()
        kept = {"channel": Channel.WEBHOOK, "address": "https://hooks.example.com/"} | more
        known = self.recipients.recipients.get(name)
        one = Recipient(id=name, name=name.title(), created_at=now, updated_at=now, **kept)
        self.recipients.save(known, one, self.note("recipient.create", name))

    def window(self, scope, *, start=0, length=3_600_000):
        now = self.clock.now_ms()
        window = Window(
            id=f"{next(self._chances):026d}",
            scope=scope,
            start=now + start,
            end=now + start + length,
            reason="Filters",
            by=By("user:1", "ann"),
            created_at=now,
        )
        return self.windows.create(window, self.note("maintenance.create", window.id))

    def end(self, window):
        self.windows.save(window, window.ended(window.by, self.clock.now_ms()), self.note("maintenance.end", window.id))

    def offline(self, thing):
        self.world.presences[thing] = Presence(status=Status.OFFLINE, since=self.clock.now_ms())

    def online(self, thing):
        self.world.presences[thing] = Presence(status=Status.ONLINE, since=self.clock.now_ms())

    def note(self, action, subject):
        return Note(actor=ANN, action=action, subject_kind="recipient", subject_id=subject, at=self.clock.now_ms())

    # --- what happens

    def happens(self, kind="raised", *, actions=(TELL,), escalation=(), send=True, ago=0, **more):
        """A transition is committed, of something so long ago, and the function is told of it."""
        at = self.clock.now_ms() - ago
        found = alarm(kind, at=at, since=at, **more)
        device = self.registry.devices.get(found.thing)
        entry = OutboxEntry(
            transition=found,
            group=device.group if device else "",
            at=self.clock.now_ms(),
            actions=tuple(actions),
            escalation=tuple(escalation),
        )
        self.world.alarms.commit(found.thing, [entry])
        if send:
            self.queue.put(Act(thing=found.thing, number=found.number, step=found.step))

    def acknowledge(self, number=42, thing="pump-7"):
        was = self.alarms.read(thing, number)
        self.world.alarms.active[thing, was.rule] = was.with_acknowledgement(By("user:2", "bob"), self.clock.now_ms())

    def take(self, body):
        """One message; False where the function died of it, and so the message comes again."""
        try:
            self.report += self.work.take(body)
        except Killed:
            self.work = self._function()
            return False
        return True

    def run(self, *, twice=False, order=None):
        """Take what is ready until nothing is."""
        for _ in range(1000):
            now = self.clock.now_ms()
            ready = [one for one in self.queue.waiting if one[0] <= now]
            if not ready:
                return
            self.queue.waiting = [one for one in self.queue.waiting if one[0] > now]
            for one in order(ready) if order else ready:
                if twice:
                    self.take(one[2])
                if not self.take(one[2]):
                    # Not deleted: it is seen again once its time of invisibility is over.
                    self.queue.waiting.append((now + 360_000, one[1], one[2]))
        raise AssertionError("the queue never becomes empty")

    def advance(self, ms):
        """To that time, over every message and every minute at which something is due."""
        end = self.clock.now_ms() + ms
        self.run()
        while True:
            due = [one.due for one in self.deliveries.deliveries.values() if one.due is not None]
            due += [entry.at + ACT_WITHIN_MS for entry in self.outbox.entries.values()]
            # The beat puts sweeps that wait until 40 s later: what falls due by then need not wait for the next one.
            beats = [max(at - 40_000, self.clock.now + 1) // MINUTE_MS * MINUTE_MS + MINUTE_MS for at in due]
            at = min([*beats, *(at for at, *_ in self.queue.waiting)], default=end)
            if at >= end:
                break
            self.clock.now = max(at, self.clock.now)
            if at in beats:
                self.take(alarm_work.encode(Tick()))
            self.run()
        self.clock.now = end
        self.take(alarm_work.encode(Tick()))
        self.run()

    # --- what came of it

    def states(self):
        return Counter(one.state for one in self.deliveries.deliveries.values())

    def of(self, what):
        """The deliveries to a recipient, or of a kind of task, oldest first."""
        found = [
            one
            for one in self.deliveries.deliveries.values()
            if one.recipient == what or type(one.task).__name__ == what
        ]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    def pending(self):
        return [one for one in self.deliveries.deliveries.values() if one.state is State.PENDING]


def _models():
    """Those that are shipped, and one with two actuators."""
    machine = shipped()["machine"]
    lamp = msgspec.structs.replace(machine.actuators["relay"], key="lamp")
    twin = msgspec.structs.replace(machine, name="twin", actuators={**machine.actuators, "lamp": lamp})
    return {**shipped(), "twin": twin}


def escalation(minutes, *recipients):
    return Escalation(after_ms=minutes * 60_000, recipients=recipients)


def desire(moment="raised", **desired):
    return Desire(desired=desired, on=(moment,))
