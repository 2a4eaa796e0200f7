"""Alarms, what is told of them and what is done about them, beside what the oracle expects."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from contract.rules import Command, Notify
from tests.simulation.oracle import HOLD_MS, Handled, Step, lags, steps, steps_in_order
from tests.simulation.outside import Heard
from tests.simulation.rules import actions_of, may_be_of_none
from tests.simulation.tables import Item

Place = tuple[str, int, int]
"""Device, number of the alarm, step."""
_LATE_MS = 900_000
_PROMPT_MS = 30_000


def check_alarms(thing: str, passes: list[Handled], until: int, past: list[Item], present: list[Item]) -> Iterator[str]:
    """`past` and `present` are what the tables have of its alarms; what was due `until` then must have been found."""
    history = [_body(item) | {"number": _number(item)} for item in past if item["sk"]["S"].startswith("HISTORY#")]
    found = [one["found"] for one in history if one.get("found")]
    for one in history:
        if not one.get("found") and one.get("did") != "acknowledged":
            yield f"{thing}: a step that nobody took: {one}"
    expected = steps(thing, [*passes, Handled((), until, passes[-1].online)] if passes else [])
    actual: dict[str, list[Step]] = {rule: [] for rule in expected}
    for one in found:
        actual.setdefault(one["rule"], []).append(Step(one["kind"], one["at"], one["severity"]))
    for rule, some in actual.items():
        if some != expected.get(rule):
            yield f"{thing}: {rule}: is {_told(some)}, expected {_told(expected.get(rule, []))}"
    _, lag = lags(thing, passes, until)
    for rule, some in (steps_in_order(thing, passes, until) or {}).items():
        # What came after `until` may have been found already.
        due = [one for one in actual.get(rule, []) if one.at < until - HOLD_MS - lag or one in some]
        if due != some:
            yield f"{thing}: {rule}: is {_told(due)}, in one ordered pass it is {_told(some)}"
    yield from _check_numbers(thing, found)
    yield from _check_standing(thing, found, past, present)


def check_promptness(thing: str, past: list[Item], learned: list[tuple[int, float]], lag: int) -> Iterator[str]:
    """Where nothing fails, what is due is found within half a minute, the hold and the lag of the device's clock.

    `learned` says from when on each pass told of something, and when it was committed.
    """
    for item in past:
        if not item["sk"]["S"].startswith("HISTORY#"):
            continue
        step = _body(item)
        if not step.get("found"):
            continue
        at = step["found"]["at"]
        known = max((committed for since, committed in learned if since <= at), default=at)
        if step["at"] > max(at, known) + HOLD_MS + lag + _PROMPT_MS:
            found = step["found"]
            yield f"{thing}: {found['rule']} was {found['kind']} at {at}, which was found at {step['at']} only"


def _check_numbers(thing: str, found: list[dict[str, Any]]) -> Iterator[str]:
    """Alarms are counted from 1, their steps from 0, and each begins and ends once."""
    alarms: dict[int, list[dict[str, Any]]] = {}
    for one in found:
        alarms.setdefault(one["number"], []).append(one)
    if sorted(alarms) != list(range(1, len(alarms) + 1)):
        yield f"{thing}: alarms {sorted(alarms)}, expected them to be counted from 1"
    for number, some in alarms.items():
        kinds = [one["kind"] for one in some]
        if [one["step"] for one in some] != list(range(len(some))) or len({one["rule"] for one in some}) != 1:
            yield f"{thing}.{number}: steps {[(one['rule'], one['step']) for one in some]}"
        if kinds[0] != "raised" or kinds.count("raised") != 1 or "cleared" in kinds[:-1]:
            yield f"{thing}.{number}: was {', '.join(kinds)}"


def _check_standing(thing: str, found: list[dict[str, Any]], past: list[Item], present: list[Item]) -> Iterator[str]:
    """What is kept of each alarm is its last step, in the place of the active ones or of the cleared."""
    last = {one["number"]: one for one in found}
    active = {number: one for number, one in last.items() if one["kind"] != "cleared"}
    kept = {(item["sk"]["S"], _body(item)["number"]): _body(item) for item in present}
    if set(kept) != {(f"ALARM#{one['rule']}", number) for number, one in active.items()}:
        yield f"{thing}: {sorted(kept)} are active, expected {sorted((one['rule'], n) for n, one in active.items())}"
    cleared = {int(item["sk"]["S"]): _body(item) for item in past if not item["sk"]["S"].startswith("HISTORY#")}
    if cleared.keys() != last.keys() - active.keys():
        yield f"{thing}: {sorted(cleared)} are cleared, expected {sorted(last.keys() - active.keys())}"
    for alarm in (*kept.values(), *cleared.values()):
        told = last.get(alarm["number"])
        if told and (alarm["severity"], alarm["step"]) != (told["severity"], told["step"]):
            yield f"{thing}.{alarm['number']}: is {alarm['severity']} at step {alarm['step']}, expected {told}"


def check_lists(core: Iterable[Item], groups: dict[str, str]) -> Iterator[str]:
    """Each active alarm is once on the list of everything and of each group above it, and no other is on any."""
    items = list(core)
    rows = Counter(
        (item["pk"]["S"].split("#")[1], *item["sk"]["S"].split("#")[2:])
        for item in items
        if item["pk"]["S"].startswith("OPEN#")
    )
    expected: Counter[tuple[str, ...]] = Counter()
    for item in items:
        if item["pk"]["S"].startswith("DEVICE#") and item["sk"]["S"].startswith("ALARM#"):
            alarm = _body(item)
            group = groups[alarm["thing"]]
            for scope in ("*", *(group[:end] for end, at in enumerate(f"{group}/") if at == "/")):
                expected[scope, alarm["thing"], alarm["rule"]] += 1
    if rows != expected:
        yield f"lists: {sorted((rows - expected).elements())} too many, {sorted((expected - rows).elements())} missing"


def check_actions(
    thing: str, past: list[Item], device: list[Item], heard: list[Heard], desired: dict[str, Any] | None
) -> Iterator[str]:
    """No alarm without its action, no action without its alarm, each of them once."""
    wanted: Counter[tuple[str, Place]] = Counter()
    perhaps: Counter[tuple[str, Place]] = Counter()
    for item in past:
        if item["sk"]["S"].startswith("HISTORY#") and (found := _body(item).get("found")):
            (perhaps if may_be_of_none(found) else wanted).update(_tasks(thing, found))
            # Whoever was told of it by then is told that it ended with its rule, which says no more who that is.
            if found["kind"] == "cleared" and found["clearing"] != "condition":
                perhaps["notice", (thing, found["number"], found["step"])] += 1
    deliveries = [{"state": "PENDING", **_body(item)} for item in device if item["sk"]["S"].startswith("DELIVERY#")]
    planned = Counter((one["task"]["do"], _place(thing, one)) for one in deliveries)
    more, less = planned - wanted - perhaps, wanted - planned
    if more or less:
        yield f"{thing}: deliveries {sorted(more.elements())} too many, {sorted(less.elements())} missing"
    yield from _check_notices(thing, deliveries, heard)
    commands = [_body(item) for item in device if item["sk"]["S"].startswith("COMMAND#")]
    yield from _check_commands(thing, [one for one in deliveries if one["task"]["do"] == "command"], commands)
    yield from _check_desired(thing, [one for one in deliveries if one["task"]["do"] == "desire"], device, desired)


def _tasks(thing: str, found: dict[str, Any]) -> Iterator[tuple[str, Place]]:
    place = (thing, found["number"], found["step"])
    for action in actions_of(found):
        if isinstance(action, Notify):
            yield from (("notice", place) for _ in action.recipients)
        else:
            yield "command" if isinstance(action, Command) else "desire", place


def _check_notices(thing: str, deliveries: list[dict[str, Any]], heard: list[Heard]) -> Iterator[str]:
    told: dict[Place, set[str]] = {}
    bodies: dict[str, set[bytes]] = {}
    for one in heard:
        data = msgspec.json.decode(one.body)["data"]
        if data["device"] == thing:
            told.setdefault((thing, int(data["alarm"].rpartition(".")[2]), data["step"]), set()).add(one.id)
            bodies.setdefault(one.id, set()).add(one.body)
    for one in deliveries:
        if one["task"]["do"] == "notice" and one["state"] != "DELIVERED":
            yield f"{thing}: {one['id']} is {one['state']}: {one.get('reason')} {one.get('note')}"
    places = {_place(thing, one) for one in deliveries if one["task"]["do"] == "notice"}
    if places != told.keys():
        yield f"{thing}: told of {sorted(told.keys() - places)} too many, {sorted(places - told.keys())} not"
    for place, ids in told.items():
        if len(ids) != 1:
            yield f"{thing}: {place} was told under {len(ids)} ids"
    for identifier, some in bodies.items():
        if len(some) != 1:
            yield f"{thing}: {identifier} told {len(some)} different things"


def _check_commands(thing: str, deliveries: list[dict[str, Any]], commands: list[dict[str, Any]]) -> Iterator[str]:
    done = {one["note"].removeprefix("command "): one for one in deliveries if one["state"] == "DELIVERED"}
    made = {one["id"]: one for one in commands}
    # An attempt that died with its command made may come back too late to say so.
    unsaid = [one for one in deliveries if one.get("reason") == "late" and one["attempts"]]
    if not done.keys() <= made.keys() or len(made) > len(done) + len(unsaid):
        yield f"{thing}: commands {sorted(made)}, expected {sorted(done)}"
    for identifier, one in done.items():
        task, command = one["task"], made.get(identifier, {})
        if command and (task["actuator"], task["parameters"]) != (command["name"], command["parameters"]):
            yield f"{thing}: the command {identifier} is {command['name']} {command['parameters']}, expected {task}"
    yield from _check_muted(thing, deliveries, {(one["about"]["rule"], _order(one)) for one in done.values()})


def _check_desired(
    thing: str, deliveries: list[dict[str, Any]], device: list[Item], desired: dict[str, Any] | None
) -> Iterator[str]:
    """As the last step wants it, in whatever order they were done."""
    fence = next((item["order"]["S"] for item in device if item["sk"]["S"].startswith("FENCE#hot#state#")), None)
    last = next((one for one in deliveries if _order(one) == fence), None)
    expected = last["task"]["desired"] if last else None
    if desired != expected and (last is None or last.get("reason") != "late"):
        yield f"{thing}: {desired} is desired, expected {expected}"
    done = max((_order(one) for one in deliveries if one["state"] == "DELIVERED"), default=fence)
    # An attempt that died behind the fence may come back too late to say so.
    unsaid = last is not None and last.get("reason") == "late" and last["attempts"]
    if fence != done and not (unsaid and fence and done and fence > done):
        yield f"{thing}: the fence is at {fence}, though a later step has passed it"
    yield from _check_muted(thing, deliveries, {("hot", fence)} if fence else set())


def _check_muted(thing: str, deliveries: list[dict[str, Any]], done: set[tuple[str, str]]) -> Iterator[str]:
    """What is not done to a device is too late by time, or after a later step of its rule."""
    for one in deliveries:
        if one["state"] == "DELIVERED":
            continue
        later = [order for rule, order in done if rule == one["about"]["rule"] and order > _order(one)]
        superseded = one.get("reason") == "superseded" and later
        late = one.get("reason") == "late" and one["closed_at"] - one["since"] >= _LATE_MS
        if one["state"] != "MUTED" or not (superseded or late):
            yield f"{thing}: {one['id']} is {one['state']}: {one.get('reason')} {one.get('note')}"


def _order(delivery: dict[str, Any]) -> str:
    return f"{delivery['about']['number']:08d}#{delivery['about']['step']:04d}"


def _place(thing: str, delivery: dict[str, Any]) -> Place:
    return thing, delivery["about"]["number"], delivery["about"]["step"]


def _body(item: Item) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(item["body"]["S"])
    return body


def _number(item: Item) -> int:
    return int(item["sk"]["S"].split("#")[1])


def _told(some: list[Step]) -> str:
    return "[" + ", ".join(f"{one.kind} {one.severity} at {one.at}" for one in some) + "]"
