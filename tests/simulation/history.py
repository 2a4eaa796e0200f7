"""What must be kept of a script's messages, whatever happened on the way: points, last values, quarantine, counts."""

import json
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tests.simulation.script import STRANGER, Link, Message, Value, lateness_ms

MODELED = frozenset({"temperature", "pressure", "door", "mode", "excess"})
Place = tuple[str, str, int]
Stored = tuple[Value, str, bool, int]
"""Value, quality, late, received at."""


def points_of(message: Message, received_at: int) -> Iterator[tuple[Place, Stored]]:
    for reading in message.readings:
        for metric, value in reading.kept.items():
            late = reading.ts < received_at - lateness_ms(message.thing)
            yield (message.thing, metric, reading.ts), (value, reading.quality, late, received_at)


def check_store(messages: Iterable[Message], unsure: set[bytes], stored: dict[Place, Stored]) -> Iterator[str]:
    """`unsure` is what is in messages of which nobody can tell: dead letters, which may have been stored in part."""
    sure: dict[Place, int] = {}
    possible: dict[Place, list[Stored]] = {}
    for message in messages:
        for received_at in message.received:
            for place, point in points_of(message, received_at):
                possible.setdefault(place, []).append(point)
        if message.raw not in unsure:
            for place, _ in points_of(message, message.received[0]):
                # Of several the one received last stands, and of each message one copy at least was written.
                sure[place] = max(sure.get(place, 0), message.received[0])
    for place in sorted(sure.keys() - stored.keys()):
        yield f"store: {place} is missing"
    for place, point in sorted(stored.items()):
        if point not in possible.get(place, ()):
            yield f"store: {place} is {point}, expected one of {possible.get(place)}"
        elif point[3] < sure.get(place, 0):
            yield f"store: {place} is {point}, though another was received at {sure[place]}"


def check_state(thing: str, messages: Iterable[Message], item: dict[str, Any]) -> Iterator[str]:
    """Of a device of which nothing is unsure."""
    readable = [message for message in messages if message.boot is not None]
    if "version" not in item:
        if readable:
            yield f"{thing}: has no state"
        return
    yield from _check_latest(thing, readable, item["latest"]["M"])
    counters = {name: int(count["N"]) for name, count in item["counters"]["M"].items()}
    points = [(place, point) for message in readable for place, point in points_of(message, message.received[0])]
    expected = {
        "messages": len(readable),
        "points": len(points),
        "late": sum(point[2] for _, point in points),
        "unmodeled": sum(thing == STRANGER or place[1] not in MODELED for place, _ in points),
    }
    if {name: counters.get(name) for name in expected} != expected:
        yield f"{thing}: counts {counters}, expected {expected}"


def _check_latest(thing: str, messages: Iterable[Message], latest: dict[str, Any]) -> Iterator[str]:
    newest: dict[str, tuple[int, list[Stored]]] = {}
    for message in messages:
        for (_, metric, ts), point in points_of(message, message.received[0]):
            if not point[2]:
                known = newest.get(metric)
                if known is None or ts > known[0]:
                    newest[metric] = (ts, [point])
                elif ts == known[0]:
                    known[1].append(point)
    if latest.keys() != newest.keys():
        yield f"{thing}: last values of {sorted(latest)}, expected of {sorted(newest)}"
        return
    for metric, (ts, points) in newest.items():
        entry = latest[metric]["M"]
        found = (int(entry["ts"]["N"]), _value(entry["value"]), entry["q"]["S"], entry["unmodeled"]["BOOL"])
        unmodeled = thing == STRANGER or metric not in MODELED
        expected = [(ts, value, quality, unmodeled) for value, quality, _, _ in points]
        if found not in expected:
            yield f"{thing}: the last {metric} is {found}, expected one of {expected}"


def _value(attribute: dict[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    return float(value) if kind == "N" else value


def check_quarantine(
    thing: str, messages: Iterable[Message], items: Iterable[dict[str, Any]], counts: dict[str, int]
) -> Iterator[str]:
    """Each message with a fault once, with all its faults, and counted once for each reason."""
    expected: dict[bytes, Counter[tuple[str | None, str]]] = {
        message.raw: Counter(message.faults) for message in messages if message.faults
    }
    found: Counter[bytes] = Counter()
    reasons: Counter[str] = Counter()
    for item in items:
        if item["sk"]["S"].startswith("SEEN#"):
            continue
        raw = bytes(item["raw"]["B"])
        found[raw] += 1
        faults = msgspec.json.decode(item["faults"]["S"])
        told = Counter((fault.get("metric"), fault["reason"]) for fault in faults)
        reasons.update({fault["reason"] for fault in faults})
        if told != expected.get(raw):
            yield f"{thing}: {raw[:80]!r} is quarantined for {dict(told)}, expected {expected.get(raw)}"
    for raw in expected:
        if found[raw] != 1:
            yield f"{thing}: {raw[:80]!r} is quarantined {found[raw]} times"
    if counts != reasons:
        yield f"{thing}: counts {counts} in the quarantine, where there are {dict(reasons)}"


def raw_of(body: str) -> bytes:
    """What a device sent, of a body of the queue."""
    try:
        return b64decode(json.loads(body)["data"])
    except (ValueError, KeyError, TypeError):
        return b""


def check_presence(thing: str, links: Iterable[Link], item: dict[str, Any]) -> Iterator[str]:
    """Long after the last event: the device is where its newest connection is, whatever came in which order."""
    some = list(links)
    connects = [link.at for link in some if link.kind == "connected"]
    found = (
        (item["presence"]["M"]["status"]["S"], int(item["presence"]["M"]["since"]["N"])) if "presence" in item else None
    )
    expected = None
    if connects:
        newest = max(connects)
        # A connection ends before the next one of its session begins.
        (session,) = {(link.session, link.version) for link in some if link.kind == "connected" and link.at == newest}
        ends = [
            link.at
            for link in some
            if link.kind == "disconnected" and (link.session, link.version) == session and link.at >= newest
        ]
        expected = ("offline", ends[0]) if ends else ("online", newest)
    if found != expected:
        yield f"{thing}: is {found}, expected {expected}"
