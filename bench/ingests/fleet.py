"""What the function finds in the tables, and the events that it gets: 200 pumps of one model, under ten rules."""

import json
from collections.abc import Iterable
from time import time_ns
from typing import Any, Final

from bench.rulings.ours import MODEL, rules
from bench.rulings.workload import DEVICES, INTERVAL_MS, START_MS, messages
from contract import ingest
from contract import models as model_documents
from contract.rules import to_document
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_registry import DynamoDBRegistry
from functions.adapters.dynamodb_rules import DynamoDBRules
from functions.domain.access import By, Kind, Principal
from functions.domain.audit import Actor, Note
from functions.domain.definitions import Definition
from functions.domain.devices import Device, Source
from tests.simulation.dynamodb import Database
from tests.simulation.dynamodb_client import DynamoDBClient
from tests.simulation.installation import empty_tables

RULES: Final = 10
SENT: Final = 1_000
"""Messages of an event, five of each device: what the queue hands over at once."""
MAX_EVENT_BYTES: Final = 6 * 1024 * 1024
"""What Lambda takes of one."""
_ACTOR: Final = Actor(Principal("user:bench", Kind.USER, "bench", ()), "request", "192.0.2.1")


def now_ms() -> int:
    return time_ns() // 1_000_000


def installed(count: int = RULES) -> Database:
    """Tables with devices, their model and so many rules, written by the adapters that people's changes go through."""
    database = Database(empty_tables(), lambda: float(now_ms()))
    client: Any = DynamoDBClient(database)
    audited = AuditedWrites(client, "events")
    definitions = DynamoDBRules(client, "core", audited)
    now = now_ms()
    _saved(definitions.models.save(None, _definition("pump", model_documents.encode(MODEL)), _note("pump", now)))
    for rule in rules(count):
        document = json.dumps(to_document(rule)).encode()
        _saved(definitions.rules.save(None, _definition(rule.id, document), _note(rule.id, now)))
    registry = DynamoDBRegistry(client, "core", "state", audited)
    for index in range(DEVICES):
        thing = f"pump-{index}"
        device = Device(
            thing=thing,
            name=thing,
            model="pump",
            group=f"plant-{index % 4}/hall-1",
            source=Source.API,
            created_at=now,
            updated_at=now,
            version=1,
        )
        _saved(registry.save(None, device, _note(thing, now)))
    return database


def _definition(name: str, document: bytes) -> Definition:
    now = now_ms()
    by = By("user:bench", "bench")
    return Definition(id=name, text=document.decode(), version=1, created_at=now, updated_at=now, by=by)


def _note(subject: str, at: int) -> Note:
    return Note(actor=_ACTOR, action="bench.make", subject_kind="bench", subject_id=subject, at=at)


def _saved(answer: object) -> None:
    if not answer:
        raise SystemExit("the tables could not be filled")


def events(count: int) -> list[dict[str, Any]]:
    """So many events of a thousand messages, each device's in order, the last of them sent now."""
    per_device = count * SENT // DEVICES
    begin = now_ms() - per_device * INTERVAL_MS
    made = []
    texts = messages(count * SENT)
    for start in range(0, len(texts), SENT):
        bodies = []
        for thing, payload in texts[start : start + SENT]:
            document = json.loads(payload)
            ago = begin - START_MS
            document["sent"] += ago
            document["m"][0]["ts"] += ago
            bodies.append((thing, document["sent"] + 50, json.dumps(document, separators=(",", ":")).encode()))
        made.append(event(bodies))
    return made


def event(bodies: Iterable[tuple[str, int, bytes]]) -> dict[str, Any]:
    """As SQS hands messages over, each in the topic rule's envelope."""
    return {"Records": [record(index, *body) for index, body in enumerate(bodies)]}


def record(index: int, thing: str, received_at: int, payload: bytes) -> dict[str, Any]:
    body = ingest.encode(ingest.IngestMessage(data=payload, thing=thing, received_at=received_at)).decode()
    return {
        "messageId": f"059f36b4-87a3-44ab-83d2-{index:012d}",
        "receiptHandle": "A" * 180,
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(received_at),
            "SenderId": "AROAAAAAAAAAAAAAAAAAA:IoT",
            "ApproximateFirstReceiveTimestamp": str(received_at + 1_000),
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:fieldline-ingest",
        "awsRegion": "eu-west-1",
    }
