"""How fast the laptop cloud is: publish → stored, publish → API, and the rate that it holds without a growing queue.

    .venv/bin/python bench/local.py [--quick] [--json] [--port P]

It starts an instance of its own with 20 declared devices and deletes it at the end. The peers, in the same run: the
bare broker over the same connections (a publish of QoS 1 to a topic without a rule, until it is acknowledged), and for
the API a read of an item from the table behind it.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from contract import topics
from contract.telemetry import Envelope, Measurement, encode
from device_agent import identity
from device_agent.transport import Endpoint
from device_agent.transport.crt import CrtTransport
from device_agent.transport.options import TransportOptions
from local.deploy import client
from local.instance import CHECKOUT, Instance
from local.simulation import certificate_pem

DEVICES = 20
# Of these, the queue's batching window takes 1,000 ms, here as on AWS.
STORED_P95_GOAL_MS = 2000.0
API_P95_GOAL_MS = 3000.0
ME_P95_GOAL_MS = 150.0
RATE_GOAL = 100.0
RATES = (50, 100, 150, 200, 300, 400, 500, 600, 800, 1000, 1250, 1500)
BACKLOG_S = 2.0
"""A rate is held when what waits at its end is less than this many seconds of it."""
POLL_S = 0.01


@dataclass(frozen=True)
class Plan:
    seconds: int
    rate_seconds: int
    peer_publishes: int
    api_calls: int


FULL, QUICK = Plan(60, 20, 2000, 200), Plan(10, 8, 400, 50)


class Device:
    """A connected device that counts its messages."""

    def __init__(self, name: str, transport: CrtTransport) -> None:
        self.name = name
        self._transport = transport
        self._seq = 0

    async def report(self, ts: int) -> None:
        values = {"temperature": 20.0 + self._seq % 50 / 10, "humidity": 40.0, "pressure": 1013.0}
        envelope = Envelope(boot="bench", seq=self._seq, sent=ts, m=(Measurement(ts=ts, values=values),))
        self._seq += 1
        await self._transport.publish(topics.telemetry(self.name), encode(envelope))

    async def bare_publish(self) -> None:
        await self._transport.publish(topics.command_response(self.name, "bench"), b"{}")

    async def close(self) -> None:
        await self._transport.disconnect()


class Cloud:
    """The instance under test, seen from outside."""

    def __init__(self, instance: Instance, details: dict[str, Any]) -> None:
        self.details = details
        outputs = details["outputs"]
        self._state_table = outputs["StateTableName"]
        self._queue = outputs["IngestQueueUrl"]
        self._dynamodb = client("dynamodb", instance.ports.aws_url)
        self._sqs = client("sqs", instance.ports.aws_url)
        self._token = _token(details)

    def stored_ts(self, thing: str) -> int:
        item = self._dynamodb.get_item(
            TableName=self._state_table,
            Key={"pk": {"S": f"DEVICE#{thing}"}, "sk": {"S": "STATE"}},
            ProjectionExpression="latest.temperature.ts",
        ).get("Item", {})
        try:
            return int(item["latest"]["M"]["temperature"]["M"]["ts"]["N"])
        except KeyError:
            return 0

    def api_has(self, thing: str, ts: int) -> bool:
        path = f"/devices/{thing}/telemetry?metric=temperature&from={ts}&to={ts + 1}"
        request = urllib.request.Request(self.details["api"] + path, headers={"Authorization": f"Bearer {self._token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bool(json.load(answer)["items"])

    def me(self) -> None:
        request = urllib.request.Request(
            f"{self.details['api']}/me", headers={"Authorization": f"Bearer {self._token}"}
        )
        urllib.request.urlopen(request, timeout=30).close()

    def backlog(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


def _token(details: dict[str, Any]) -> str:
    body = {
        "AuthFlow": "USER_PASSWORD_AUTH",
        "ClientId": details["outputs"]["UserPoolClientId"],
        "AuthParameters": {"USERNAME": details["user"], "PASSWORD": details["password"]},
    }
    headers = {
        "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth",
        "Content-Type": "application/x-amz-json-1.1",
    }
    request = urllib.request.Request(details["aws"], json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["AuthenticationResult"]["AccessToken"])


async def connect(instance: Instance, details: dict[str, Any], folder: Path, names: list[str]) -> list[Device]:
    iot = client("iot", instance.ports.aws_url)
    host, port = details["mqtt"].split(":")
    devices = []
    for name in names:
        certificate = folder / f"{name}.pem"
        certificate.write_text(certificate_pem(iot, name))
        options = TransportOptions(
            client_id=name, ca=Path(details["ca"]), certificate=certificate, private_key=folder / f"{name}.key"
        )
        transport = CrtTransport(options)
        await transport.connect(Endpoint(host, int(port)))
        devices.append(Device(name, transport))
    return devices


async def steady(devices: list[Device], per_second: float, seconds: float) -> float:
    """Publish evenly, in turns, at this rate altogether; returns the rate that came about."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    count = int(per_second * seconds)
    under_way: set[asyncio.Task[None]] = set()
    for index in range(count):
        delay = begun + index / per_second - loop.time()
        if delay > 0:
            await asyncio.sleep(delay)
        task = asyncio.create_task(devices[index % len(devices)].report(_now_ms()))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    if under_way:
        await asyncio.wait(under_way)
    return count / (loop.time() - begun)


async def latencies(devices: list[Device], seconds: int, arrived: Callable[[str, int], Awaitable[bool]]) -> list[float]:
    """One device's publishes, each until `arrived`, beside the others' steady 1 message a second each; in ms."""
    probe, others = devices[0], devices[1:]
    load = asyncio.create_task(steady(others, len(others), seconds))
    taken: list[float] = []
    while not load.done():
        ts = _now_ms()
        begun = time.perf_counter()
        await probe.report(ts)
        while not await arrived(probe.name, ts):
            await asyncio.sleep(POLL_S)
        taken.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(random.random())  # else each probe would meet the queue's window at the same moment
    await load
    return taken


async def highest_rate(cloud: Cloud, devices: list[Device], seconds: int, say: Callable[[str], None]) -> float:
    held = 0.0
    for rate in RATES:
        achieved = await steady(devices, rate, seconds)
        waiting = await asyncio.to_thread(cloud.backlog)
        ok = waiting < rate * BACKLOG_S and achieved > 0.97 * rate
        say(f"  {rate} messages/s: sent {achieved:.0f}/s, {waiting} waiting at the end{'' if ok else ': not held'}")
        if not ok:
            break
        while await asyncio.to_thread(cloud.backlog):
            await asyncio.sleep(0.2)
        held = achieved
    return held


async def peer(devices: list[Device], publishes: int) -> tuple[list[float], float]:
    """The bare broker: round trips one after the other (ms), and how many a second with every device at once."""
    taken = []
    for _ in range(min(publishes, 200)):
        begun = time.perf_counter()
        await devices[0].bare_publish()
        taken.append((time.perf_counter() - begun) * 1000)

    async def many(device: Device) -> None:
        for _ in range(publishes // len(devices)):
            await device.bare_publish()

    begun = time.perf_counter()
    await asyncio.gather(*(many(device) for device in devices))
    return taken, publishes / (time.perf_counter() - begun)


def answers(call: Callable[[], object], count: int) -> list[float]:
    """The same call over and over; each in ms."""
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        call()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


async def measure(instance: Instance, folder: Path, names: list[str], plan: Plan, say: Callable[[str], None]) -> Any:
    details = instance.read("instance.json")
    cloud = Cloud(instance, details)
    devices = await connect(instance, details, folder, names)

    async def stored(thing: str, ts: int) -> bool:
        return await asyncio.to_thread(cloud.stored_ts, thing) >= ts

    async def answered(thing: str, ts: int) -> bool:
        return await asyncio.to_thread(cloud.api_has, thing, ts)

    try:
        await steady(devices, 40, 3)  # the first invocations pay for the start of the workers
        say("the bare broker")
        broker_ms, broker_rate = await peer(devices, plan.peer_publishes)
        say(f"publish → stored, {plan.seconds} s of {DEVICES} devices at 1 message/s")
        stored_ms = await latencies(devices, plan.seconds, stored)
        say(f"publish → API, {plan.seconds} s of the same")
        api_ms = await latencies(devices, plan.seconds, answered)
        say("the API alone, beside a read of the table behind it")
        me_ms = await asyncio.to_thread(answers, cloud.me, plan.api_calls)
        read_ms = await asyncio.to_thread(answers, lambda: cloud.stored_ts(names[0]), plan.api_calls)
        say("the highest rate without a growing queue")
        rate = await highest_rate(cloud, devices, plan.rate_seconds, say)
    finally:
        for device in devices:
            await device.close()
    return [
        *_rows("publish to stored", stored_ms, broker_ms, STORED_P95_GOAL_MS),
        *_rows("publish to API", api_ms, broker_ms, API_P95_GOAL_MS),
        *_rows("GET /v1/me", me_ms, read_ms, ME_P95_GOAL_MS),
        _row("highest steady rate", rate, "messages/s", broker_rate, RATE_GOAL, ok=rate >= RATE_GOAL * 0.97),
    ]


def _rows(name: str, taken: list[float], against: list[float], p95_goal: float) -> list[dict[str, Any]]:
    rows = []
    for percent in (50, 95, 99):
        value = _percentile(taken, percent)
        goal = p95_goal if percent == 95 else None
        rows.append(
            _row(f"{name} p{percent}", value, "ms", _percentile(against, percent), goal, ok=not goal or value <= goal)
        )
    return rows


def _row(name: str, value: float, unit: str, against: float, goal: float | None, *, ok: bool) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "against": round(against, 1),
        "ratio": round(value / against, 3),
        "goal": goal,
        "ok": ok,
    }


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short look: fewer and shorter rounds")
    parser.add_argument("--json", action="store_true", help="one JSON list on standard output")
    parser.add_argument("--port", type=int, default=8720)
    arguments = parser.parse_args()
    log = sys.stderr if arguments.json else sys.stdout
    instance = Instance.at(arguments.port)
    command = [sys.executable, "-m", "local"]
    port = ["--port", str(arguments.port)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = [f"bench-{number:03d}" for number in range(1, DEVICES + 1)]
        entries = []
        for thing in names:
            identity.create(thing, folder)
            entries.append(f'[[device]]\nname = "{thing}"\nmodel = "climate"\ngroup = "bench"\ncsr = "{thing}.csr"\n')
        (folder / "fleet.toml").write_text("\n".join(entries))
        up = [
            *command,
            "up",
            "--detach",
            "--stage",
            "dev",
            "--devices",
            "0",
            "--fleet",
            str(folder / "fleet.toml"),
            *port,
        ]
        subprocess.run(up, cwd=CHECKOUT, check=True, stdout=log)
        try:
            rows = asyncio.run(
                measure(
                    instance,
                    folder,
                    names,
                    QUICK if arguments.quick else FULL,
                    lambda text: print(text, file=log, flush=True),
                )
            )
        finally:
            subprocess.run([*command, "down", "--purge", *port], cwd=CHECKOUT, check=True, stdout=log)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"\n{'':28} {'value':>9} {'':10} {'peer':>12} {'ratio':>9}  goal")
    for row in rows:
        goal = "" if row["goal"] is None else f"{row['goal']:g} {'met' if row['ok'] else 'NOT MET'}"
        print(
            f"{row['name']:28} {row['value']:9.1f} {row['unit']:10} {row['against']:12.1f} {row['ratio']:9.3f}  {goal}"
        )


if __name__ == "__main__":
    main()
