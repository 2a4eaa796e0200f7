"""From a change to the frame that tells of it, at a client which watches over a WebSocket."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from bench.agents.figures import Figure
from bench.apis.cloud import OWN, Cloud
from bench.apis.percentiles import percentiles
from contract import topics
from contract.telemetry import Envelope, Measurement, encode
from device_agent.transport import Endpoint
from device_agent.transport.crt import CrtTransport
from device_agent.transport.options import TransportOptions
from local.simulation import certificate_pem

GOAL_MS = 500.0
PATIENCE_S = 60.0
PEER = "a frame to the WebSocket and its answer"
THING = OWN[0]

Event = dict[str, Any]


def measure(cloud: Cloud, changes: int) -> Iterator[Figure]:
    desired, reported, renamed, latest, pings = asyncio.run(_measured(cloud, changes))
    yield from percentiles("desired state to frame", desired, PEER, pings, p95_goal_ms=GOAL_MS)
    yield from percentiles("reported state to frame", reported, PEER, pings, p95_goal_ms=GOAL_MS)
    yield from percentiles("device changed to frame", renamed, PEER, pings, p95_goal_ms=GOAL_MS)
    yield from percentiles("telemetry to frame, with ingest's window", latest, PEER, pings)


async def _measured(cloud: Cloud, changes: int) -> tuple[list[float], ...]:
    ticket = await asyncio.to_thread(cloud.ask, "POST", "/live/ticket", {})
    device = await _device(cloud)
    try:
        async with connect(ticket["url"], max_size=2**20) as socket:
            watcher = await Watcher.welcomed(socket)

            async def wish(nr: int) -> None:
                body = {"values": {"relay": {"on": True, "for_s": nr}}}
                await asyncio.to_thread(cloud.ask, "PATCH", f"/devices/{THING}/state", body)

            async def report(nr: int) -> None:
                state = {"state": {"reported": {"v": 1, "values": {"relay": {"on": True, "for_s": nr}}}}}
                await device.publish(topics.shadow(THING, "state", "update"), json.dumps(state).encode())

            async def rename(nr: int) -> None:
                await asyncio.to_thread(cloud.ask, "PATCH", f"/devices/{THING}", {"name": f"Bench {nr}"})

            async def measured(nr: int) -> None:
                ts = time.time_ns() // 1_000_000
                point = Measurement(ts=ts, values={"bench_number": nr})
                await device.publish(
                    topics.telemetry(THING), encode(Envelope(boot="bench", seq=nr, sent=ts, m=(point,)))
                )

            taken = [
                await watcher.times(kind, change, changes)
                for kind, change in (("state", wish), ("state", report), ("device", rename), ("latest", measured))
            ]
            return (*taken, await watcher.pings(changes))
    finally:
        await device.disconnect()


class Watcher:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = count(10_000)  # which nothing else that is told has in it

    @classmethod
    async def welcomed(cls, socket: ClientConnection) -> "Watcher":
        watcher = cls(socket)
        await socket.send('{"type":"hello","v":1}')
        await watcher.frame("welcome")
        await socket.send(json.dumps({"type": "subscribe", "devices": [THING]}))
        known = await watcher.frame("subscribed")
        # Who changes something may not know before then that anybody watches.
        await asyncio.sleep(max(0.0, known["complete_from"] / 1000 - time.time()))
        return watcher

    async def times(self, kind: str, change: Callable[[int], Awaitable[None]], changes: int) -> list[float]:
        """Of each change in ms; the first ones pay for the start of functions and are not counted."""
        taken = []
        for _ in range(changes + 3):
            nr = next(self._numbers)
            begun = time.perf_counter()
            told = asyncio.create_task(self.event(kind, nr))
            await change(nr)
            await told
            taken.append((time.perf_counter() - begun) * 1000)
            await self._quiet()
        return taken[3:]

    async def pings(self, many: int) -> list[float]:
        taken = []
        for _ in range(min(many, 40)):  # a connection may say 60 things a minute
            begun = time.perf_counter()
            await self._socket.send('{"type":"ping"}')
            await self.frame("pong")
            taken.append((time.perf_counter() - begun) * 1000)
        return taken

    async def event(self, kind: str, nr: int) -> None:
        """Until it is told of the change with this number."""
        named = re.compile(rf"(?<!\d){nr}(?!\d)")
        seen: list[Event] = []
        try:
            while not any(one["kind"] == kind and named.search(json.dumps(one["data"])) for one in seen):
                seen += (await self.frame("events"))["events"]
        except TimeoutError:
            raise SystemExit(f"no frame tells of the change {nr} of {kind}, only {seen}") from None

    async def frame(self, kind: str) -> Event:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame: Event = json.loads(await self._socket.recv())
                if frame["type"] == kind:
                    return frame
                if frame["type"] in {"error", "refused", "revoked"}:
                    raise SystemExit(f"the WebSocket: expected {kind}, got {frame}")

    async def _quiet(self) -> None:
        """What the same change still tells, such as the shadow's document after the wish, belongs to no other one."""
        while True:
            try:
                async with asyncio.timeout(0.4):
                    await self._socket.recv()
            except TimeoutError:
                return


async def _device(cloud: Cloud) -> CrtTransport:
    certificate = cloud.folder / f"{THING}.pem"
    certificate.write_text(certificate_pem(cloud.aws("iot"), THING))
    host, port = cloud.details["mqtt"].split(":")
    options = TransportOptions(
        client_id=THING,
        ca=Path(cloud.details["ca"]),
        certificate=certificate,
        private_key=cloud.folder / f"{THING}.key",
    )
    transport = CrtTransport(options)
    await transport.connect(Endpoint(host, int(port)))
    return transport
