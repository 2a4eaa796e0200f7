"""What every run starts from: tables with devices, a model, rules and recipients, written by the real adapters."""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from contract import models
from contract import rules as rule_documents
from functions import adapters
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_recipients import DynamoDBRecipients
from functions.adapters.dynamodb_registry import DynamoDBRegistry
from functions.adapters.dynamodb_rules import DynamoDBRules
from functions.domain.access import By
from functions.domain.definitions import Definition
from functions.domain.devices import Device, Source
from functions.domain.recipients import Channel, Recipient
from tests.functions.registering import note
from tests.simulation.dynamodb import Database
from tests.simulation.dynamodb_client import DynamoDBClient
from tests.simulation.rules import RULES
from tests.simulation.script import START, THINGS, model
from tests.simulation.tables import Index, Table

SHARDS = 1
"""Instead of 16: a run sweeps all of them every twenty seconds, and nothing of it has to do with their number."""
BEFORE = START - 86_400_000
GROUPS = {thing: "plant/a" if thing < "probe-3" else "plant/b" for thing in THINGS}
OPS = "https://ops.example/alarms"

ENV = {
    "FIELDLINE_CORE_TABLE": "core",
    "FIELDLINE_STATE_TABLE": "state",
    "FIELDLINE_EVENTS_TABLE": "events",
    "FIELDLINE_TELEMETRY_TABLE": "telemetry",
    "FIELDLINE_LIVE_TABLE": "live",
    "FIELDLINE_TELEMETRY_STORE": "dynamodb",
    "FIELDLINE_LAKE_STREAM": "lake",
    "FIELDLINE_WEBHOOK_SECRET": "webhook-key",
    "FIELDLINE_DEAD_LETTERS": "dead-letters",
    "FIELDLINE_RETENTION_DAYS": "90",
    **{
        f"FIELDLINE_{name.upper()}_QUEUE_URL": f"https://sqs/{name}"
        for name in ("ingest", "presence", "commands", "alarms", "actions", "backtests", "live")
    },
}


@contextmanager
def few_shards() -> Iterator[None]:
    _load()
    modules = [module for name, module in sys.modules.items() if name.startswith("functions.adapters.")]
    patched = [module for module in modules if "SHARDS" in vars(module)]
    before = [module.SHARDS for module in patched]
    for module in patched:
        module.SHARDS = SHARDS
    try:
        yield
    finally:
        for module, shards in zip(patched, before, strict=True):
            module.SHARDS = shards


@cache
def _load() -> None:
    """All adapters, before anything of them is changed: what is loaded meanwhile would keep the change."""
    for found in pkgutil.iter_modules(adapters.__path__):
        if found.name.startswith("dynamodb"):
            importlib.import_module(f"functions.adapters.{found.name}")


def tables() -> dict[str, Table]:
    return {name: table.copy() for name, table in _installed().items()}


def empty_tables() -> dict[str, Table]:
    """With the indexes of docs/data-model.md."""
    return {
        "core": Table(listing=Index("lpk", "lsk"), by_model=Index("mpk", "msk"), due=Index("duepk", "duesk")),
        "state": Table(by_status=Index("spk", "ssk", ("device",))),
        "events": Table(
            by_day=Index("dpk", "dsk", ("thing", "received_at", "reasons", "bytes")), by_subject=Index("spk", "ssk")
        ),
        "telemetry": Table(),
        "live": Table(),
    }


@cache
def _installed() -> dict[str, Table]:
    made = empty_tables()
    database = Database(made, lambda: float(BEFORE))
    with few_shards():
        _install(DynamoDBClient(database))
    assert not database.complaints, database.complaints
    return made


def _install(client: Any) -> None:
    audited = AuditedWrites(client, "events")
    definitions = DynamoDBRules(client, "core", audited)
    assert models.decode(json.dumps(model()).encode(), "the simulation").name == "probe"
    assert definitions.models.save(None, _definition("probe", model()), note("probe", "model.create", "model", BEFORE))
    for rule in RULES:
        document = json.loads(json.dumps(rule_documents.to_document(rule)))
        assert definitions.rules.save(
            None, _definition(rule.id, document), note(rule.id, "rule.create", "rule", BEFORE)
        )
    recipients = DynamoDBRecipients(client, "core", audited)
    ops = Recipient(
        id="ops", name="Operations", channel=Channel.WEBHOOK, address=OPS, created_at=BEFORE, updated_at=BEFORE
    )
    assert recipients.save(None, ops, note("ops", "recipient.create", "recipient", BEFORE)) is not None
    registry = DynamoDBRegistry(client, "core", "state", audited)
    for thing in THINGS:
        device = Device(
            thing=thing,
            name=thing.title(),
            model="probe",
            group=GROUPS[thing],
            source=Source.API,
            created_at=BEFORE,
            updated_at=BEFORE,
            version=1,
        )
        assert registry.save(None, device, note(thing, "device.create", "device", BEFORE))


def _definition(name: str, document: dict[str, Any]) -> Definition:
    text = json.dumps(document, separators=(",", ":"))
    by = By("user:ann", "ann")
    return Definition(id=name, text=text, version=1, created_at=BEFORE, updated_at=BEFORE, by=by)
