"""What devices do in a run, as data: which messages they send, when each is received and how often, and what of each
should be kept. Made from the seed alone, before anything runs.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

START = 1_764_000_000_000  # 2025-11-24T16:00:00Z
LATENESS_MS = 600_000
DEFAULT_LATENESS_MS = 3_600_000
"""Of a device without a model."""
FUTURE_MS = 900_000
THINGS = ("probe-1", "probe-2", "probe-3", "probe-4")
STRANGER = "stranger-1"
"""A device that is not registered: stored without a model, and without rules."""

Value = float | bool | str

_TEMPERATURES = (50.0, 62.0, 77.0, 79.0, 82.0, 92.0, 97.0, 99.5)
_LIMITS = (60.0, 75.0, 80.0, 90.0, 91.0, 95.0)
"""Where the rules draw their lines."""
_PRESSURES = (40.0, 90.0, 100.0, 150.0, 300.0, 350.0, 480.0, 520.0, 650.0, 720.0)

# A value that is not kept, with the reason by which it is quarantined; None is what JSON has no better word for.
_WRONG: tuple[tuple[str, Any, str], ...] = (
    ("temperature", "warm", "wrong_type"),
    ("temperature", None, "wrong_type"),
    ("temperature", 300.0, "out_of_range"),
    ("temperature", [1], "wrong_type"),
    ("pressure", True, "wrong_type"),
    ("pressure", -1.0, "out_of_range"),
    ("pressure", 2**60, "bad_value"),
    ("door", 1.0, "wrong_type"),
    ("mode", "melting", "not_in_enum"),
    ("mode", "x" * 300, "bad_value"),
    ("Bad Name", 1.0, "bad_value"),
    ("excess", 1.0, "derived"),
)
_GARBAGE: tuple[tuple[bytes, str], ...] = (
    (b"", "malformed"),
    (b"\xff\xfe\x00", "malformed"),
    (b'{"v":1}', "malformed"),
    (b"[" * 5_000, "malformed"),
    (b'{"v":1,"boot":"b","seq":0,"sent":1,"m":[{"ts":1,"values":{"a":NaN}}]}', "malformed"),
    (b'{"v":2,"boot":"b","seq":0,"sent":1,"m":[]}', "unsupported_version"),
    (b" " * 140_000, "too_large"),
)


@dataclass(frozen=True)
class Reading:
    """`kept` are the values that a model takes, `faults` the reasons why others are not, by metric."""

    ts: int
    quality: str
    kept: dict[str, Value]
    faults: tuple[tuple[str | None, str], ...] = ()


@dataclass(frozen=True)
class Message:
    """`received` are the times of its copies, the first one first. Without a boot it cannot be read at all."""

    thing: str
    raw: bytes
    received: tuple[int, ...]
    boot: str | None = None
    seq: int = 0
    sent: int = 0
    readings: tuple[Reading, ...] = ()
    faults: tuple[tuple[str | None, str], ...] = ()

    @property
    def key(self) -> tuple[str, str | None, int]:
        return self.thing, self.boot, self.seq


@dataclass(frozen=True)
class Link:
    """A lifecycle event of a device's connection."""

    thing: str
    kind: str
    session: str
    version: int
    at: int
    received: tuple[int, ...]


@dataclass(frozen=True)
class Deed:
    """What somebody does with the newest `most` active alarms of a device."""

    act: str
    thing: str
    most: int
    at: int


@dataclass(frozen=True)
class Edit:
    """Somebody changes a rule, or deletes it."""

    rule: str
    at: int


@dataclass
class Script:
    messages: list[Message] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    end: int = START
    """When the last of it is received."""


@dataclass(frozen=True)
class Roughness:
    """Chances of each message."""

    lost: float = 0.04
    delayed: float = 0.08
    resent: float = 0.08
    reboot: float = 0.03
    backlog: float = 0.03
    silence: float = 0.08
    wrong: float = 0.06
    garbage: float = 0.03
    unsure: float = 0.03
    unknown: float = 0.1
    future: float = 0.01
    collision: float = 0.03


def lateness_ms(thing: str) -> int:
    return DEFAULT_LATENESS_MS if thing == STRANGER else LATENESS_MS


def write(chance: random.Random) -> Script:
    script = Script()
    rough = chance.choice((Roughness(), Roughness(), Roughness(lost=0, backlog=0, wrong=0, garbage=0, reboot=0)))
    things = [*chance.sample(THINGS, chance.choice((1, 1, 2, 2, 3))), *([STRANGER] if chance.random() < 0.1 else [])]
    for thing in things:
        device = _Device(thing, chance, rough)
        script.messages += device.messages(chance.randint(5, 11))
        if thing != STRANGER and chance.random() < 0.5:
            script.links += _links(thing, chance, device.now)
        if thing != STRANGER and chance.random() < 0.4:
            script.deeds += [
                Deed(
                    chance.choice(("clear", "acknowledge")),
                    thing,
                    chance.randint(1, 3),
                    chance.randint(START, device.now),
                )
                for _ in range(chance.randint(1, 4))
            ]
    if chance.random() < 0.25:
        last = max((at for one in script.messages for at in one.received), default=START)
        rules = chance.sample(("hot", "silent", "jumpy", "ajar", "leak"), chance.randint(1, 3))
        script.edits = [Edit(rule, chance.randint(START, last)) for rule in rules]
    received = [at for one in (*script.messages, *script.links) for at in one.received]
    script.end = max(received, default=START)
    return script


def model() -> dict[str, Any]:
    """Of all devices here, as a Thing Model."""

    def number(title: str, low: float, high: float, **more: Any) -> dict[str, Any]:
        bounds = {"unit": "1", "minimum": low, "maximum": high}
        return {"title": title, "type": "number", "readOnly": True, **bounds, **more}

    return {
        "@context": ["https://www.w3.org/2022/wot/td/v1.1", {"fieldline": "urn:fieldline:model:1#"}],
        "@type": "tm:ThingModel",
        "fieldline:name": "probe",
        "title": "Probe",
        "version": {"model": "1.0.0"},
        "fieldline:intervalMs": 10_000,
        "fieldline:latenessMs": LATENESS_MS,
        "fieldline:reorderHoldMs": 10_000,
        "properties": {
            "temperature": number("Temperature", -40, 120),
            "pressure": number("Pressure", 0, 1000),
            "door": {"title": "Door", "type": "boolean", "readOnly": True},
            "mode": {"title": "Mode", "type": "string", "enum": ["idle", "run"], "readOnly": True},
            "excess": number("Excess", -100, 200, **{"fieldline:derived": "temperature - 20"}),
        },
        "actions": {
            "fan": {
                "title": "Fan",
                "input": {
                    "type": "object",
                    "properties": {"on": {"type": "boolean"}},
                    "required": ["on"],
                    "additionalProperties": False,
                },
                "fieldline:safeState": {"on": False},
            }
        },
    }


class _Device:
    def __init__(self, thing: str, chance: random.Random, rough: Roughness) -> None:
        self.now = START + chance.randrange(10_000)
        self._thing = thing
        self._chance = chance
        self._rough = rough
        self._boots = 0
        self._boot, self._seq = self._booted(), 0
        self._temperature, self._pressure, self._door = 70.0, 300.0, False
        self._before: Reading | None = None

    def messages(self, count: int) -> Iterator[Message]:
        for _ in range(count):
            if self._happens("reboot"):
                self._boot, self._seq = self._booted(), 0
                self.now += self._chance.randint(1_000, 20_000)
            self.now += self._chance.randint(70_000, 130_000) if self._happens("silence") else self._step()
            if self._happens("garbage"):
                raw, reason = self._chance.choice(_GARBAGE)
                yield Message(self._thing, raw, self._received(), faults=((None, reason),))
            message = self._message()
            if not self._happens("lost"):
                yield message

    def _booted(self) -> str:
        self._boots += 1
        return f"b{self._boots}"

    def _step(self) -> int:
        return self._chance.randint(3_000, 13_000)

    def _happens(self, what: str) -> bool:
        chance: float = getattr(self._rough, what)
        return self._chance.random() < chance

    def _received(self) -> tuple[int, ...]:
        first = self.now + self._chance.randint(20, 300)
        if self._happens("delayed"):
            first += self._chance.randint(1_000, 25_000)
        if not self._happens("resent"):
            return (first,)
        return first, first + self._chance.choice((1, 3_000, 20_000)) + self._chance.randrange(1_000)

    def _message(self) -> Message:
        seq, sent = self._seq, self.now
        self._seq += 1
        ts = self.now - self._chance.randint(10, 900)
        if self._happens("backlog"):
            ts -= lateness_ms(self._thing) + self._chance.randint(60_000, 600_000)
        elif self._before is not None and self._happens("collision"):
            ts = self._before.ts
        entries: list[dict[str, Any]] = []
        readings: list[Reading] = []
        for at in (ts,) if self._chance.random() < 0.8 else (ts - 2_000, ts):
            entry, reading = self._reading(at)
            entries.append(entry)
            readings.append(reading)
        if self._happens("future"):
            ahead = self.now + FUTURE_MS + 120_000
            entries.append({"ts": ahead, "values": {"temperature": 1.0}})
            readings.append(Reading(ahead, "good", {}, ((None, "future"),)))
        document = {"v": 1, "boot": self._boot, "seq": seq, "sent": sent, "m": entries}
        raw = json.dumps(document, separators=(",", ":")).encode()
        faults = tuple(fault for reading in readings for fault in reading.faults)
        return Message(self._thing, raw, self._received(), self._boot, seq, sent, tuple(readings), faults)

    def _reading(self, ts: int) -> tuple[dict[str, Any], Reading]:
        kept = self._good()
        values: dict[str, Any] = dict(kept)
        faults: list[tuple[str | None, str]] = []
        known = self._thing != STRANGER
        if known and self._happens("wrong"):
            metric, value, reason = self._chance.choice(_WRONG)
            values[metric] = value
            kept.pop(metric, None)
            faults.append((metric, reason))
        entry: dict[str, Any] = {"ts": ts, "values": values}
        quality = "good"
        if self._happens("unsure"):
            quality = entry["q"] = self._chance.choice(("estimated", "stale", "bad"))
        if known and "temperature" in kept and quality in {"good", "estimated"}:
            kept["excess"] = float(kept["temperature"]) - 20
        self._before = Reading(ts, quality, kept, tuple(faults))
        return entry, self._before

    def _good(self) -> dict[str, Value]:
        chance = self._chance
        if chance.random() < 0.4:
            self._temperature = chance.choice(_TEMPERATURES)
        if chance.random() < 0.3:
            self._pressure = chance.choice(_PRESSURES)
        if chance.random() < 0.2:
            self._door = not self._door
        kept: dict[str, Value] = {"temperature": self._temperature + chance.randrange(8) / 8}
        if chance.random() < 0.2:
            kept["temperature"] = chance.choice(_LIMITS)
        if chance.random() < 0.7:
            kept["pressure"] = self._pressure + chance.randrange(8)
        if chance.random() < 0.7:
            kept["door"] = self._door
        if chance.random() < 0.2:
            kept["mode"] = chance.choice(("idle", "run"))
        if self._happens("unknown"):
            kept["vibration"] = chance.randrange(100) / 4
        return kept


def _deed(thing: str, chance: random.Random, until: int) -> Deed:
    return Deed(chance.choice(("clear", "acknowledge")), thing, chance.randint(1, 3), chance.randint(START, until))


def _links(thing: str, chance: random.Random, until: int) -> list[Link]:
    """Connections one after the other, of which some overlap, told in any order and perhaps twice."""
    links: list[Link] = []
    at, version, away = START - 5_000, chance.randrange(5), True
    for number in range(chance.randint(1, 4)):
        session = f"s{number}" if chance.random() < 0.5 else "s"
        # The counter of AWS starts again after a while offline, so never while the connection before still lasts.
        version = 0 if away and chance.random() < 0.3 else version + 1
        start = at + chance.randint(100, 5_000)
        end = start + chance.choice((3_000, 30_000, 90_000))
        links.append(_link(thing, "connected", session, version, start, chance))
        if end < until and chance.random() < 0.85:
            links.append(_link(thing, "disconnected", session, version, end, chance))
        gap = chance.choice((-1_000, -1_000, 200, 8_000, 70_000))
        at, away = end + gap, gap > 0
    return links


def _link(thing: str, kind: str, session: str, version: int, at: int, chance: random.Random) -> Link:
    first = at + chance.choice((50, 400, 4_000))
    received = (first,) if chance.random() < 0.85 else (first, first + 900)
    return Link(thing, kind, session, version, at, received)
