"""A plant at work, for pictures: people, rules, alarms that are somebody's, a day of history, a silent machine."""

import math
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from tests.e2e.cloud import BIN, ROOT, Cloud, wait_for
from tests.e2e.people import Asking

HOURS = 26
DAY_MS = 86_400_000
EVERY_MS = 60_000
A_MESSAGE = 400
"""Instants in one message: well below what a message may weigh."""
BOOT = "00000000000000aa"

NAMES = {
    "climate-001": ("Cold store 1", {"floor": "ground", "maker": "Acme"}),
    "climate-004": ("Paint store", {"floor": "1"}),
    "climate-007": ("Server room", {"floor": "2"}),
    "machine-002": ("Press 2, north hall", {"maker": "Acme", "line": "stamping"}),
    "machine-005": ("Lathe 5", {"maker": "Boxford", "line": "turning"}),
    "machine-008": ("Mill 8", {"maker": "Boxford", "line": "milling"}),
    "tracker-003": ("Forklift 3", {"shift": "day"}),
    "tracker-006": ("Delivery van 6", {"plate": "YK24 ABC"}),
    "tracker-009": ("Delivery van 9", {"plate": "YK24 ABD"}),
}
SILENT = "compressor-7"
STORE = "cold-store-2"

RULES: tuple[dict[str, Any], ...] = (
    {
        "rule": "cold-store-warm",
        "title": "Cold store too warm",
        "scope": "device:climate-001",
        "severity": "critical",
        "when": {"metric": "temperature", "above": 8},
        "clear": {"metric": "temperature", "below": 7},
        "actions": [{"notify": ["hall-crew"], "on": ["raised", "cleared"]}],
        "message": "{name}: {temperature:.1f} °C",
    },
    {
        "rule": "bearing-vibration",
        "title": "Bearing vibrates too much",
        "scope": "model:machine",
        "severity": "major",
        "when": {"metric": "vibration", "above": 2.8},
        "clear": {"metric": "vibration", "below": 1.8, "for": "1m"},
        "actions": [{"notify": ["hall-crew"], "on": ["raised"]}],
        "message": "{name}: {vibration:.1f} mm/s",
    },
    {
        "rule": "paint-humidity",
        "title": "Air too humid for paint",
        "scope": "device:climate-004",
        "severity": "minor",
        "when": {"all": [{"metric": "humidity", "above": 40}, {"metric": "temperature", "above": 15}]},
        "message": "{name}: {humidity:.0f} % at {temperature:.1f} °C",
    },
    {
        "rule": "relay-left-closed",
        "title": "Relay left closed",
        "scope": "device:machine-008",
        "severity": "info",
        "when": {"all": [{"metric": "relay", "equals": True}, {"metric": "current", "below": 30}]},
    },
    {
        "rule": "server-room-hot",
        "title": "Server room too hot",
        "scope": "device:climate-007",
        "bands": [
            {"severity": "critical", "when": {"metric": "temperature", "above": 35}},
            {"severity": "major", "when": {"metric": "temperature", "above": 30, "for": "5m"}, "clear_after": "10m"},
            {
                "severity": "minor",
                "when": {
                    "any": [
                        {"metric": "temperature", "above": 27, "for": "10m"},
                        {"metric": "temperature", "above": 21, "rate_over": "10m"},
                    ]
                },
                "clear_after": "10m",
            },
        ],
        "flapping": {"times": 5, "within": "30m"},
        "message": "{name}: {temperature:.1f} °C",
    },
)


def fence(tracker: str, title: str, place: Mapping[str, float], radius_m: int, rule: str) -> dict[str, Any]:
    circle = {**place, "radius_m": radius_m}
    return {
        "rule": rule,
        "title": title,
        "scope": f"device:{tracker}",
        "severity": "warning",
        "when": {"geofence": {"circle": circle}, "is": "outside"},
    }


class Scene:
    """Sets the plant up in a running cloud; done twice, it finds what is there."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._asking = Asking(cloud)

    def set_up(self, say: Callable[[str], None]) -> None:
        say("people and keys")
        self._people()
        say("names, and devices that are not simulated")
        self._devices()
        say("rules, and whom they tell")
        self._rules()
        say(f"{HOURS} hours of history")
        self._history()
        say("commands, desired state, a message that could not be kept")
        self._deeds()
        say("alarms, and what was done about them")
        self._alarms()
        say("until the machine that fell silent is taken for offline")
        wait_for("it", lambda: self._ask("GET", f"/devices/{SILENT}")["status"] == "offline", within_s=300, every_s=2)

    def subjects(self) -> tuple[str, str]:
        """An alarm with something to tell, and somebody with grants of his own."""
        alarms = {one["rule"]: one["id"] for one in self._open_alarms()}
        people = {one.get("email"): one["id"] for one in self._ask("GET", "/users")["items"]}
        return alarms["paint-humidity"], people["maria.keller@example.com"]

    def close(self) -> None:
        self._asking.close()

    def _open_alarms(self) -> list[dict[str, Any]]:
        return self._ask("GET", "/alarms", query={"state": "active", "limit": 100})["items"]

    def _ask(self, method: str, path: str, *, fine: tuple[int, ...] = (), **more: Any) -> Any:
        answer = self._asking("root", method, path, **more)
        assert answer.status < 400 or answer.status in fine, answer
        return answer.document

    def _post(self, path: str, body: Mapping[str, Any], **more: Any) -> Any:
        """Makes what may be there already."""
        return self._ask("POST", path, body=body, fine=(409,), **more)

    def _people(self) -> None:
        known = {one.get("email") for one in self._ask("GET", "/users")["items"]}
        for email, role, scope in (
            ("maria.keller@example.com", "operator", "group:plant-1"),
            ("tom.hughes@example.com", "operator", "group:plant-1/line-2"),
            ("visitor@example.com", "viewer", "*"),
        ):
            if email not in known:
                self._post("/users", {"email": email, "grants": [{"role": role, "scope": scope}]})
        year = 360 * 86_400_000
        if not self._ask("GET", "/keys")["items"]:
            for name, role, days in (("Shop floor screen", "viewer", 360), ("Maintenance planner", "operator", 5)):
                expires = self._now() + year * days // 360
                self._post("/keys", {"name": name, "grants": [{"role": role, "scope": "*"}], "expires_at": expires})

    def _devices(self) -> None:
        there = {one["id"] for one in self._ask("GET", "/devices", query={"limit": 100})["items"]}
        for device, (name, tags) in NAMES.items():
            if device in there:
                self._ask("PATCH", f"/devices/{device}", body={"name": name, "tags": tags})
        store = {"id": STORE, "name": "Cold store 2", "model": "climate", "group": "plant-2/cold-stores"}
        self._post("/devices", store)
        if SILENT not in there:
            body = {"id": SILENT, "name": "Compressor 7", "model": "machine", "group": "plant-2/compressed-air"}
            self._post("/devices", body)
            self._fall_silent()

    def _fall_silent(self) -> None:
        """A real agent that was heard, and is gone without a word. Its files go with it."""
        expires = self._now() + 3_600_000
        key = self._post(f"/devices/{SILENT}/keys", {"name": "enrolment", "expires_at": expires})["key"]
        agent = str(BIN / "fieldline-agent")
        with TemporaryDirectory() as folder:
            command = ["enrol", "--api", self._cloud.details["api"], "--thing", SILENT, "--dir", folder]
            subprocess.run(
                [agent, *command, "--sensors", "simulated"],
                cwd=ROOT,
                env={**os.environ, "FIELDLINE_ENROL_KEY": key},
                check=True,
                capture_output=True,
                timeout=120,
            )
            running = subprocess.Popen(
                [agent, "run", "--config", str(Path(folder, "agent.toml"))],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                wait_for(
                    "the first reading of the compressor",
                    lambda: self._ask("GET", f"/devices/{SILENT}/latest")["latest"],
                )
            finally:
                running.kill()
                running.wait(20)

    def _rules(self) -> None:
        crew = {"id": "hall-crew", "name": "Crew of the hall", "channel": "email", "address": "hall@example.com"}
        self._post("/recipients", {**crew, "min_severity": "minor"})
        where = {}
        for tracker in ("tracker-003", "tracker-006", "tracker-009"):
            latest = wait_for(
                f"a place of {tracker}",
                lambda tracker=tracker: (
                    self._ask("GET", f"/devices/{tracker}/latest")["latest"].get("longitude")
                    and self._ask("GET", f"/devices/{tracker}/latest")["latest"]
                ),
            )
            where[tracker] = {key: round(latest[key]["value"], 4) for key in ("latitude", "longitude")}
        yard = {"latitude": where["tracker-003"]["latitude"] + 0.2, "longitude": where["tracker-003"]["longitude"]}
        fences = (
            fence("tracker-003", "Forklift has left the yard", yard, 15_000, "left-the-yard"),
            fence("tracker-006", "Van has left its district", where["tracker-006"], 60_000, "left-the-district"),
        )
        for rule in (*RULES, *fences):
            self._post("/rules", {"document": rule})

    def _history(self) -> None:
        if any(self._ask("GET", f"/devices/{STORE}/latest")["latest"]):
            return
        now = self._now()
        random = Random(7)
        for device in (*(name for name in NAMES if not name.startswith("tracker")), STORE):
            # The last part of a day is for those that speak themselves; the other was heard twenty minutes ago.
            until = now - (20 * EVERY_MS if device == STORE else 3 * EVERY_MS)
            points = list(_day(device, now - HOURS * 3_600_000, until, random))
            for seq, first in enumerate(range(0, len(points), A_MESSAGE)):
                message = {"v": 1, "boot": BOOT, "seq": seq, "sent": now, "m": points[first : first + A_MESSAGE]}
                self._ask("POST", "/telemetry", query={"device": device}, body=message)

    def _deeds(self) -> None:
        self._ask("PATCH", "/devices/machine-008/state", body={"values": {"relay": {"on": True}}})
        self._ask("PATCH", f"/devices/{SILENT}/state", body={"values": {"relay": {"on": True}}})
        if self._ask("GET", "/devices/machine-002/commands")["items"]:
            return
        for on in (True, False, True):
            body = {"name": "relay", "parameters": {"on": on}}
            made = self._post("/devices/machine-002/commands", body)
            self._over("machine-002", made["id"])
        late = {"name": "relay", "parameters": {"on": False}, "expires_in_s": 3}
        self._over(SILENT, self._post(f"/devices/{SILENT}/commands", late)["id"])
        self._post(f"/devices/{SILENT}/commands", {**late, "expires_in_s": 86_400})
        point = {"ts": self._now(), "q": "good", "values": {"temperature": 9999, "humidity": 48}}
        message = {"v": 1, "boot": "00000000000000ab", "seq": 0, "sent": point["ts"], "m": [point]}
        self._ask("POST", "/telemetry", query={"device": STORE}, body=message)

    def _over(self, device: str, command: str) -> None:
        done = {"SUCCEEDED", "FAILED", "EXPIRED", "TIMED_OUT", "REJECTED", "CANCELLED"}
        wait_for(
            f"the end of {command}",
            lambda: self._ask("GET", f"/devices/{device}/commands/{command}")["status"] in done,
        )

    def _alarms(self) -> None:
        wanted = {"cold-store-warm", "bearing-vibration", "paint-humidity", "left-the-yard"}

        def raised() -> dict[str, Any] | None:
            found = {one["rule"]: one for one in self._open_alarms()}
            return found if wanted <= found.keys() else None

        found = wait_for("the alarms of the rules", raised, within_s=180, every_s=2)
        if found["paint-humidity"]["acknowledged"]:
            return
        for rule in ("paint-humidity", "left-the-yard"):
            self._ask("POST", f"/alarms/{found[rule]['id']}/acknowledge")
        self._ask("POST", f"/alarms/{found['paint-humidity']['id']}/assign", body={"assignee": "me"})
        text = "The dehumidifier's filter is blocked. A new one comes with the van at two."
        self._ask("POST", f"/alarms/{found['paint-humidity']['id']}/comments", body={"text": text})
        text = "Door was open for a delivery; closed again, watching it."
        self._ask("POST", f"/alarms/{found['cold-store-warm']['id']}/comments", body={"text": text})

    @staticmethod
    def _now() -> int:
        return time.time_ns() // 1_000_000


def _day(device: str, start: int, end: int, random: Random) -> Iterator[dict[str, Any]]:
    """Readings as of a plant with shifts: warm by day, quiet by night, and an hour in which nothing came."""
    drift = 0.0
    gap = start + (end - start) * 2 // 3
    for ts in range(start, end, EVERY_MS):
        drift = 0.97 * drift + random.gauss(0, 0.12)
        # Noon is now, whenever the picture is taken.
        day = math.cos((end - ts) / DAY_MS * 2 * math.pi)
        if device == "machine-005" and gap <= ts < gap + 3_600_000:
            continue
        yield {"ts": ts, "q": "good", "values": _values(device, day, drift, random)}


def _values(device: str, day: float, drift: float, random: Random) -> dict[str, float | bool]:
    if device == STORE:
        return {"temperature": round(4.2 + 0.5 * day + drift, 2), "humidity": round(71 - 3 * day + drift, 1)}
    if device.startswith("climate"):
        return {
            "temperature": round(22.6 + 2.4 * day + drift, 2),
            "humidity": round(45 - 4 * day - 2 * drift, 1),
            "pressure": round(1014 + 3 * drift, 1),
        }
    works = day > -0.4
    return {
        "temperature": round(28 + 4 * day + 3 * drift if works else 21 + drift, 2),
        "vibration": round(max(0.05, 3.4 + 2 * drift + random.gauss(0, 0.4)) if works else 0.2, 2),
        "current": round(max(0.2, 11.8 + 2 * drift + random.gauss(0, 0.3)) if works else 0.6, 2),
    }
