"""A run: a script's messages through real queues' semantics into the real functions, until all is quiet."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from contract import documents, ingest
from contract.documents import PresenceEvent
from contract.ingest import IngestMessage
from functions import bootstrap
from functions.adapters import dynamodb_state, guarded_http
from functions.handlers import actions as actions_handler
from functions.handlers import alarms as alarms_handler
from functions.handlers import ingest as ingest_handler
from functions.handlers import presence as presence_handler
from tests.simulation import people
from tests.simulation.dynamodb import Database
from tests.simulation.dynamodb_client import DynamoDBClient
from tests.simulation.installation import ENV, few_shards, tables
from tests.simulation.kernel import Kernel
from tests.simulation.lambdas import Lambda, Spec, installed
from tests.simulation.outside import Firehose, Receiver, Secrets, Shadows, Unused
from tests.simulation.passes import Passes
from tests.simulation.script import START, Deed, Edit, Link, Message, Script, write
from tests.simulation.sqs import Delivery, EventSource, Queue, SqsClient
from tests.simulation.weather import CALM, Air, Weather, any_weather

SPECS = {
    "ingest": Spec("ingest", ingest_handler, "_ingest", bootstrap.ingest, ENV, 60),
    "presence": Spec("presence", presence_handler, "_keep", bootstrap.presence, ENV, 30),
    "alarms": Spec("alarms", alarms_handler, "_work", bootstrap.alarms, ENV, 60),
    "actions": Spec("actions", actions_handler, "_work", bootstrap.actions, ENV, 60),
    "people": Spec("people", people, "_services", people.services, ENV, 28),
}
BEFORE_MS = 10_000
ROUGH_MS = 20_000
"""How long after the last message the weather stays as it was."""
QUIET_MS, MOST_QUIET_MS = 110_000, 3_000_000
"""How long it goes on after that at least; and at most, if something is left to do."""
FINDS_MS = 90_000
"""Whatever is due is found within this, with the hold: half a minute of it is the engine's promise."""
_TICK = '{"v":1,"kind":"tick"}'
_BEAT = ('"kind":"tick"', '"kind":"sweep')


class World:
    """`story` is what happened, in order; `receives` is how often the queues hand out a message at most."""

    def __init__(
        self, seed: int, script: Script | None = None, *, weather: Weather | None = None, receives: int = 60
    ) -> None:
        self.seed = seed
        chance = random.Random(seed)
        self.script = write(chance) if script is None else script
        self.story: list[tuple[Any, ...]] = []
        self.kernel = Kernel(float(START - BEFORE_MS))
        self.weather = any_weather(chance) if weather is None else weather
        self.air = Air(self.kernel, chance, self.weather, self.tell)
        self.tables = tables()
        self.database = Database(self.tables, lambda: self.kernel.now, self.air)
        self.lambdas = Lambda(self.kernel, self.air, chance, self.tell)
        self.queues: dict[str, Queue] = {}
        self.sources: list[EventSource] = []
        self.lake: list[bytes] = []
        self.desired: dict[str, dict[str, Any]] = {}
        self._shadow_versions: dict[str, int] = {}
        self.receiver = Receiver(self.lambdas, chance)
        self.receiver.failing = chance.choice((0.0, 0.0, 0.3))
        self.passes = Passes(self.script.messages, lambda: self.kernel.current, lambda: self.kernel.now)
        self.tables["state"].heard = self.passes.wrote
        # So few hold only a transition or two: the others have to wait in the state.
        self.transaction = chance.choice((100, 100, 12))
        self._chance = chance
        visibility = chance.choice((8_000.0, 20_000.0, 45_000.0))
        delivery = Delivery(
            twice=chance.choice((0.0, 0.05, 0.2)),
            undeleted=chance.choice((0.0, 0.05)),
            split=chance.choice((0.0, 0.5, 1.0)),
        )
        windows = {"ingest": chance.choice((0.0, 1_000.0, 5_000.0))}
        for name, spec in SPECS.items():
            # What is to be done about alarms also stands in the tables, so its queue gives up soon.
            times = {"actions": 5, "people": 1}.get(name, receives)
            self._queue(name, visibility, times, spec, delivery, window_ms=windows.get(name, 0.0))
        for name in ("commands", "live"):
            self._queue(name, visibility, 1, None, delivery)

    def tell(self, *what: Any) -> None:
        self.story.append((round(self.kernel.now - START, 3), *what))

    def client(self, service: str, **_: Any) -> Any:
        match service:
            case "dynamodb":
                return DynamoDBClient(self.database, self.lambdas)
            case "sqs":
                return SqsClient({queue.url: queue for queue in self.queues.values()}, self.lambdas)
            case "firehose":
                return Firehose(self.lake, self.lambdas)
            case "secretsmanager":
                return Secrets(self.lambdas)
            case "iot-data":
                return Shadows(self.desired, self._shadow_versions, self.lambdas)
        return Unused(service)

    def run(self) -> None:
        http = self.receiver.http(lambda: self.kernel.now)
        with (
            few_shards(),
            installed(self.lambdas, self.kernel, self._chance, SPECS.values(), self.client),
            self.passes.watching(),
            patch.object(guarded_http, "GuardedHttp", http),
            patch.object(dynamodb_state, "_MAX_ITEMS", self.transaction),
        ):
            self._schedule()
            try:
                self._go_on()
            finally:
                self.kernel.close()

    def _go_on(self) -> None:
        self.kernel.run(self.script.end + ROUGH_MS)
        self.tell("calm")
        self.air.weather = CALM
        self.receiver.failing = 0.0
        for source in self.sources:
            source.delivery = Delivery()
        calm = self.kernel.now
        self.kernel.run(calm + QUIET_MS)
        while self.busy and self.kernel.now < calm + MOST_QUIET_MS:
            self.kernel.run(self.kernel.now + 30_000)

    @property
    def busy(self) -> str:
        """What is left to do, without what only waits for its time."""
        for name in self.drained:
            for message in self.queues[name].messages.values():
                if not any(beat in message.body for beat in _BEAT):
                    return f"queue {name}: {message.body}"
        for item in self.tables["core"].everything():
            if item.get("duepk", {"S": ""})["S"].startswith(("OUTBOX#", "DELIVERY#")):
                return f"{item['pk']['S']} {item['sk']['S']}"
        return ""

    @property
    def drained(self) -> list[str]:
        """The queues that somebody empties."""
        return [source.queue.name for source in self.sources]

    def dead(self, name: str) -> list[str]:
        return [message.body for message in self.queues[f"{name}-dead"].messages.values()]

    def _schedule(self) -> None:
        self._beat()
        for message in self.script.messages:
            for received_at in message.received:
                self._at(received_at, "ingest", _wrapped(message, received_at), message)
        for deed in self.script.deeds:
            body = json.dumps({"act": deed.act, "thing": deed.thing, "most": deed.most})
            self._at(deed.at, "people", body, deed)
        for edit in self.script.edits:
            self._at(edit.at, "people", json.dumps({"act": "edit", "rule": edit.rule}), edit)
        for link in self.script.links:
            for received_at in link.received:
                self._at(received_at, "presence", _lifecycle(link), link)

    def _beat(self) -> None:
        for name in ("alarms", "actions"):
            self.queues[name].send(_TICK)
        self.kernel.after(60_000, self._beat)

    def _at(self, received_at: int, queue: str, body: str, what: Message | Link | Deed | Edit) -> None:
        def send() -> None:
            identifier = self.queues[queue].send(body)
            self.tell("sent", identifier, _short(what))

        # From the rule to the queue it takes a moment, also between two messages of one moment.
        self.kernel.at(received_at + self._chance.randrange(50), send)

    def _queue(
        self,
        name: str,
        visibility_ms: float,
        receives: int,
        spec: Spec | None,
        delivery: Delivery,
        *,
        window_ms: float = 0.0,
    ) -> None:
        dead = Queue(f"{name}-dead", self.kernel, visibility_ms=0)
        queue = Queue(name, self.kernel, visibility_ms=visibility_ms, receives=receives, dead=dead)
        self.queues |= {name: queue, dead.name: dead}
        if spec is None:
            return

        def invoke(records: list[dict[str, Any]], answered: Callable[[Any], None]) -> None:
            self.lambdas.invoke(spec, records, answered)

        self.sources.append(
            EventSource(
                queue,
                self.kernel,
                self._chance,
                invoke,
                batch_size=10_000,
                window_ms=window_ms,
                concurrency=5,
                delivery=delivery,
            )
        )


def _wrapped(message: Message, received_at: int) -> str:
    return ingest.encode(IngestMessage(data=message.raw, thing=message.thing, received_at=received_at)).decode()


def _lifecycle(link: Link) -> str:
    kind: Any = link.kind
    event = PresenceEvent(
        client_id=link.thing,
        timestamp=link.at,
        event_type=kind,
        session_identifier=link.session,
        version_number=link.version,
    )
    return documents.encode(event).decode()


def _short(what: Message | Link | Deed | Edit) -> str:
    if isinstance(what, Edit):
        return f"somebody wants to change the rule {what.rule}"
    if isinstance(what, Deed):
        return f"somebody wants to {what.act} {what.most} of {what.thing}"
    if isinstance(what, Link):
        return f"{what.thing} {what.kind} {what.session}#{what.version} at {what.at - START}"
    return f"{what.thing} {what.boot} {what.seq}" if what.boot else f"{what.thing} {what.raw[:20]!r}"


def told(world: World) -> Iterator[str]:
    """The story as lines."""
    yield f"seed {world.seed}: weather {world.weather}"
    for at, *what in world.story:
        yield f"{at / 1000:10.3f}  " + " ".join(map(str, what))
