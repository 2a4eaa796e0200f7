"""A run: a script's messages through real queues' semantics into the real functions, until all is quiet."""

import random
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from contract import documents, ingest
from contract.documents import PresenceEvent
from contract.ingest import IngestMessage
from functions import bootstrap
from functions.handlers import ingest as ingest_handler
from functions.handlers import presence as presence_handler
from tests.simulation.dynamodb import Database, DynamoDBClient
from tests.simulation.installation import ENV, few_shards, tables
from tests.simulation.kernel import Kernel
from tests.simulation.lambdas import Lambda, Spec, installed
from tests.simulation.script import START, Link, Message, Script, write
from tests.simulation.sqs import Delivery, EventSource, Queue, SqsClient
from tests.simulation.weather import CALM, Air, any_weather

SPECS = (
    Spec("ingest", ingest_handler, "_ingest", bootstrap.ingest, ENV, 60),
    Spec("presence", presence_handler, "_keep", bootstrap.presence, ENV, 30),
)
ROUGH_MS = 60_000
"""How long after the last message the weather stays as it was."""
QUIET_MS = 900_000


class World:
    """`story` is what happened, in order."""

    def __init__(self, seed: int, script: Script | None = None) -> None:
        self.seed = seed
        chance = random.Random(seed)
        self.script = write(chance) if script is None else script
        self.story: list[tuple[Any, ...]] = []
        self.kernel = Kernel(float(START - 60_000))
        self.weather = any_weather(chance)
        self.air = Air(self.kernel, chance, self.weather, self.tell)
        self.tables = tables()
        self.database = Database(self.tables, lambda: self.kernel.now, self.air)
        self.lambdas = Lambda(self.kernel, self.air, chance, self.tell)
        self.queues: dict[str, Queue] = {}
        self.sources: list[EventSource] = []
        self.lake: list[bytes] = []
        self._chance = chance
        visibility = chance.choice((8_000.0, 30_000.0, 90_000.0))
        delivery = Delivery(
            twice=chance.choice((0.0, 0.05, 0.2)),
            undeleted=chance.choice((0.0, 0.05)),
            split=chance.choice((0.0, 0.5, 1.0)),
        )
        self._queue("ingest", visibility, 40, SPECS[0], delivery, window_ms=chance.choice((0.0, 1_000.0, 5_000.0)))
        self._queue("presence", visibility, 40, SPECS[1], delivery)
        for name in ("alarms", "actions", "commands", "live"):
            self._queue(name, visibility, 40, None, delivery)

    def tell(self, *what: Any) -> None:
        self.story.append((round(self.kernel.now - START, 3), *what))

    def client(self, service: str, **_: Any) -> Any:
        match service:
            case "dynamodb":
                return DynamoDBClient(self.database, self.lambdas)
            case "sqs":
                return SqsClient({queue.url: queue for queue in self.queues.values()}, self.lambdas)
            case "firehose":
                return _Firehose(self.lake, self.lambdas)
        raise AssertionError(f"nothing of the simulation calls {service}")

    def run(self) -> None:
        with few_shards(), installed(self.lambdas, self.kernel, self._chance, SPECS, self.client):
            self._schedule()
            try:
                self.kernel.run(self.script.end + ROUGH_MS)
                self.tell("calm")
                self.air.weather = CALM
                for source in self.sources:
                    source.delivery = Delivery()
                self.kernel.run(self.script.end + ROUGH_MS + QUIET_MS)
            finally:
                self.kernel.close()

    @property
    def drained(self) -> list[str]:
        """The queues that somebody empties."""
        return [source.queue.name for source in self.sources]

    def dead(self, name: str) -> list[str]:
        return [message.body for message in self.queues[f"{name}-dead"].messages.values()]

    def _schedule(self) -> None:
        for message in self.script.messages:
            for received_at in message.received:
                self._at(received_at, "ingest", _wrapped(message, received_at), message)
        for link in self.script.links:
            for received_at in link.received:
                self._at(received_at, "presence", _lifecycle(link), link)

    def _at(self, received_at: int, queue: str, body: str, what: Message | Link) -> None:
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


class _Firehose:
    """Of boto3's shape."""

    def __init__(self, lake: list[bytes], lambdas: Lambda) -> None:
        self._lake = lake
        self._lambdas = lambdas

    def put_record_batch(self, **request: Any) -> Any:
        def effect() -> Any:
            data = [record["Data"] for record in request["Records"]]
            self._lake.extend(chain.from_iterable(one.splitlines() for one in data))
            return {"FailedPutCount": 0, "RequestResponses": [{"RecordId": "r"} for _ in data]}

        return self._lambdas.call("firehose", "put_record_batch", request, effect)


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


def _short(what: Message | Link) -> str:
    if isinstance(what, Link):
        return f"{what.thing} {what.kind} {what.session}#{what.version} at {what.at - START}"
    return f"{what.thing} {what.boot} {what.seq}" if what.boot else f"{what.thing} {what.raw[:20]!r}"


def told(world: World) -> Iterator[str]:
    """The story as lines."""
    yield f"seed {world.seed}: weather {world.weather}"
    for at, *what in world.story:
        yield f"{at / 1000:10.3f}  " + " ".join(map(str, what))
