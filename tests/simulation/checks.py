"""Everything that must hold when a run is over."""

import json
from collections.abc import Iterator
from typing import Any

from contract.ingest import decode_line
from functions.adapters.dynamodb_rules import DynamoDBRules
from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore
from functions.adapters.memory import ManualClock
from tests.simulation import alarm_checks, history
from tests.simulation.dynamodb import Database
from tests.simulation.dynamodb_client import DynamoDBClient
from tests.simulation.installation import GROUPS
from tests.simulation.oracle import lags
from tests.simulation.rules import rules_of
from tests.simulation.script import START, STRANGER, THINGS, Message
from tests.simulation.weather import CALM
from tests.simulation.world import FINDS_MS, World

DAY_MS = 86_400_000


def problems(world: World) -> list[str]:
    """Empty where all is as it must be."""
    return list(_problems(world))


def _problems(world: World) -> Iterator[str]:
    yield from (f"DynamoDB would refuse: {complaint}" for complaint in dict.fromkeys(world.database.complaints))
    yield from (f"a function met what it does not know: {bug}" for bug in dict.fromkeys(world.lambdas.bugs))
    if world.busy:
        yield f"it does not come to an end: {world.busy}"
    unsure = {history.raw_of(body) for body in world.dead("ingest")}
    messages: dict[str, list[Message]] = {}
    for message in world.script.messages:
        messages.setdefault(message.thing, []).append(message)
    yield from history.check_store(world.script.messages, unsure, _stored(world, messages))
    for thing in (*THINGS, STRANGER):
        some = messages.get(thing, [])
        if unsure.isdisjoint(message.raw for message in some):
            yield from _device_problems(world, thing, some)
    yield from _alarm_problems(world)
    lake = {(line.thing, line.data) for line in map(decode_line, world.lake)}
    for message in world.script.messages:
        if message.raw not in unsure and (message.thing, message.raw) not in lake:
            yield f"lake: {message.key} is missing"


def _alarm_problems(world: World) -> Iterator[str]:
    yield from dict.fromkeys(world.passes.problems)
    core, events = world.tables["core"], world.tables["events"]
    until = int(world.kernel.now) - FINDS_MS
    for thing in THINGS:
        device, past = core.partition(f"DEVICE#{thing}"), events.partition(f"ALARM#{thing}")
        present = [item for item in device if item["sk"]["S"].startswith("ALARM#")]
        passes = world.passes.committed.get(thing, [])
        yield from alarm_checks.check_alarms(thing, passes, until, past, present)
        yield from alarm_checks.check_actions(thing, past, device, world.receiver.heard, world.desired.get(thing))
        if world.weather == CALM:
            learned, (lag, _) = world.passes.learned.get(thing, []), lags(thing, passes, until)
            yield from alarm_checks.check_promptness(thing, past, learned, lag)
        state = world.tables["state"].current((f"DEVICE#{thing}", "STATE")) or {}
        if passes and passes[-1].online != (actual := online_of(state)):
            yield f"{thing}: its rules were last told that it is {passes[-1].online}, which is {actual}"
        newest = {rule: version for rule, version in _rules(world).items() if rule in rules_of(thing)}
        known = next((one.rules for one in reversed(passes) if one.rules is not None), newest)
        if known != newest:
            yield f"{thing}: was last judged by the rules {known}, though they are {newest} by now"
    yield from alarm_checks.check_lists(core.everything(), GROUPS)


def _rules(world: World) -> dict[str, int]:
    """Those that are in force, with their versions."""
    client: Any = DynamoDBClient(Database(world.tables, lambda: world.kernel.now))
    found = DynamoDBRules(client, "core").everything().rules
    return {one.id: one.version for one in found if json.loads(one.text).get("enabled", True)}


def online_of(item: dict[str, Any]) -> tuple[bool | None, int | None]:
    if "presence" not in item:
        return None, None
    known = item["presence"]["M"]
    online = {"online": True, "offline": False}.get(known["status"]["S"])
    return online, int(known["since"]["N"]) if "since" in known else None


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
