"""A cloud of generated answers, on loopback: as many devices as are wanted, and readings when they are to come.

It says what the API says of a fleet, and no more of it than a list of devices asks for.
"""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from functions.web_files import INDEX, is_page

ROOT = Path(__file__).resolve().parents[2]
MODEL = "climate"
INTERVAL_MS = 10_000
PERMISSIONS = ("devices:read", "telemetry:read", "live:subscribe", "alarms:read", "models:read", "commands:send")
PATIENCE_S = 30.0


@dataclass
class Generated:
    """Serves the files of `folders`, the first that has one, and an API with `devices` devices."""

    folders: tuple[Path, ...]
    devices: int
    port: int = 0
    watched: set[str] = field(default_factory=set)
    """What the page watches now."""
    told: int = 0
    """How many readings went to it."""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _sockets: set[web.WebSocketResponse] = field(default_factory=set)
    _rows: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def update(self, rows: list[str], hz: float) -> None:
        """From now on each of these devices has a new reading so many times a second; of none, none come."""
        self._rows, self._every = rows, 1 / hz

    # --- in its thread

    def run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        ready.set()
        self._loop.run_forever()
        self._updates.cancel()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _start(self) -> None:
        self._every = 1.0
        app = web.Application()
        app.add_routes(
            [
                web.post("/v1/auth/refresh", lambda _: _json({"access_token": "generated", "expires_in": 3600})),
                web.post("/v1/live/ticket", lambda _: _json({"ticket": "generated", "expires_in": 30})),
                web.get("/v1/me", lambda _: _json(_ME)),
                web.get("/v1/devices", self._page),
                web.get("/v1/alarms", lambda _: _json({"items": [], "cursor": None})),
                web.get("/v1/models/{model}", lambda _: _json(_MODEL)),
                web.get("/ws", self._socket),
                web.get(r"/{path:(?!v1/).*}", self._file),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._updates = self._loop.create_task(self._update())

    async def _file(self, request: web.Request) -> web.StreamResponse:
        path = request.path.lstrip("/")
        name = INDEX if is_page(path) else path
        for folder in self.folders:
            if (file := folder / name).is_file():
                return web.FileResponse(file)
        return web.Response(status=404)

    async def _page(self, request: web.Request) -> web.Response:
        first, limit = int(request.query.get("cursor", "0")), int(request.query["limit"])
        after = first + limit
        items = [_device(number) for number in range(first, min(after, self.devices))]
        return await _json({"items": items, "cursor": str(after) if after < self.devices else None})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._hear(socket, json.loads(message.data))
        finally:
            self._sockets.discard(socket)
        return socket

    async def _hear(self, socket: web.WebSocketResponse, said: dict[str, Any]) -> None:
        now = _now()
        topics = [f"device:{name}" for name in said.get("devices", ())] + (["alarms"] if said.get("alarms") else [])
        match said["type"]:
            case "hello":
                limits = {"subscriptions": 100}
                frame = {"type": "welcome", "v": 1, "heartbeat_s": 240, "renew_at": now + 3_600_000, "limits": limits}
            case "ping":
                frame = {"type": "pong", "at": now}
            case "subscribe":
                self.watched |= set(said.get("devices", ()))
                frame = {"type": "subscribed", "id": said["id"], "topics": topics, "complete_from": now, "refused": []}
            case "unsubscribe":
                self.watched -= set(said.get("devices", ()))
                frame = {"type": "unsubscribed", "id": said["id"], "topics": topics}
            case other:
                raise ValueError(f"the page said {other}")
        await socket.send_json(frame)

    async def _update(self) -> None:
        number = 0
        due = self._loop.time()
        while True:
            due = max(due + self._every, self._loop.time())
            await asyncio.sleep(due - self._loop.time())
            if not self._rows:
                continue
            number += 1
            frame = {"type": "events", "events": [_reading(thing, number) for thing in self._rows]}
            for socket in list(self._sockets):
                await socket.send_json(frame)
                self.told += len(self._rows)


@contextmanager
def serving(*folders: Path, devices: int = 0) -> Iterator[Generated]:
    cloud = Generated(folders, devices)
    ready = threading.Event()
    thread = threading.Thread(target=cloud.run, args=(ready,), daemon=True)
    thread.start()
    if not ready.wait(PATIENCE_S):
        raise SystemExit("the server of the generated cloud does not start")
    try:
        yield cloud
    finally:
        cloud.stop()
        thread.join(PATIENCE_S)


def name_of(number: int) -> str:
    return f"pump-{number:04d}"


_ME = {
    "id": "user:bench",
    "kind": "user",
    "name": "bench@example.com",
    "grants": [{"role": "operator", "scope": "*"}],
    "permissions": PERMISSIONS,
    "allowed": [{"scope": "*", "permissions": PERMISSIONS}],
}
_MODEL = json.loads((ROOT / "contract" / "device_models" / f"{MODEL}.json").read_text())
_METRICS = {
    "temperature": ("Temperature", "Cel"),
    "humidity": ("Relative humidity", "%"),
    "pressure": ("Pressure", "hPa"),
}


def _device(number: int) -> dict[str, Any]:
    now = _now()
    seen = now - number % 7 * 1000
    return {
        "id": name_of(number),
        "name": f"Pump {number} of hall {number % 40}",
        "model": MODEL,
        "group": f"plant-{number % 8}/line-{number % 40}",
        "status": "offline" if number % 50 == 0 else "online",
        "tags": {"floor": str(number % 5), "vendor": f"maker-{number % 11}"},
        "created_at": now - 86_400_000,
        "since": now - 3_600_000,
        "seen_at": seen,
        "read_at": seen,
        "interval_ms": INTERVAL_MS,
        "stale": False,
        "latest": {
            metric: {
                "ts": seen,
                "value": 20 + number % 100 / 10,
                "q": "good",
                "unit": unit,
                "title": title,
                "unmodeled": False,
                "age_ms": now - seen,
                "derived": False,
                "precision": 1,
            }
            for metric, (title, unit) in _METRICS.items()
        },
    }


def _reading(thing: str, number: int) -> dict[str, Any]:
    now = _now()
    values = {
        metric: {"ts": now, "value": 20 + number % 97 / 10 + place, "q": "good"}
        for place, metric in enumerate(_METRICS)
    }
    return {"kind": "latest", "device": thing, "group": "plant", "at": now, "data": values}


def _now() -> int:
    return time.time_ns() // 1_000_000


async def _json(document: Any) -> web.Response:
    return web.json_response(document)
