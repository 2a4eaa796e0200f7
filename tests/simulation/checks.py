"""Everything that must hold when a run is over."""

from collections.abc import Iterator
from typing import Any

from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore
from functions.adapters.memory import ManualClock
from tests.simulation import history
from tests.simulation.dynamodb import Database, DynamoDBClient
from tests.simulation.script import START, STRANGER, THINGS, Message
from tests.simulation.world import World

DAY_MS = 86_400_000


def problems(world: World) -> list[str]:
    """Empty where all is as it must be."""
    return list(_problems(world))


def _problems(world: World) -> Iterator[str]:
    yield from (f"DynamoDB would refuse: {complaint}" for complaint in dict.fromkeys(world.database.complaints))
    yield from (f"a function met what it does not know: {bug}" for bug in dict.fromkeys(world.lambdas.bugs))
    for name, queue in world.queues.items():
        if name in world.drained and queue.messages:
            yield f"queue {name}: {len(queue.messages)} messages are left"
    unsure = {history.raw_of(body) for body in world.dead("ingest")}
    messages: dict[str, list[Message]] = {}
    for message in world.script.messages:
        messages.setdefault(message.thing, []).append(message)
    yield from history.check_store(world.script.messages, unsure, _stored(world, messages))
    for thing in (*THINGS, STRANGER):
        some = messages.get(thing, [])
        if unsure.isdisjoint(message.raw for message in some):
            yield from _device_problems(world, thing, some)
    lines = set(world.lake)
    for message in world.script.messages:
        if message.raw not in unsure and not any(history.base64_of(message.raw) in line for line in lines):
            yield f"lake: {message.key} is missing"


def _device_problems(world: World, thing: str, messages: list[Message]) -> Iterator[str]:
    item: dict[str, Any] = world.tables["state"].current((f"DEVICE#{thing}", "STATE")) or {}
    yield from history.check_state(thing, messages, item)
    counts = {reason: int(count["N"]) for reason, count in item.get("quarantined", {}).get("M", {}).items()}
    entries = world.tables["events"].partition(f"QUARANTINE#{thing}")
    yield from history.check_quarantine(thing, messages, entries, counts)
    yield from history.check_presence(thing, [link for link in world.script.links if link.thing == thing], item)


def _stored(world: World, things: dict[str, list[Message]]) -> dict[history.Place, history.Stored]:
    """By the real adapter, which reads what it has written."""
    client: Any = DynamoDBClient(Database(world.tables, lambda: world.kernel.now))
    store = DynamoDBTelemetryStore(
        client, "telemetry", clock=ManualClock(int(world.kernel.now)), retention_ms=90 * DAY_MS
    )
    found: dict[history.Place, history.Stored] = {}
    for thing in things:
        page = store.export(thing, START - DAY_MS, START + DAY_MS)
        assert page.cursor is None
        for point in page.points:
            place = (thing, point.metric, point.ts)
            found[place] = (point.value, point.quality, point.late, point.received_at)
    return found
