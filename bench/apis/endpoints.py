"""How long answers take over HTTP: gateway, authorizer, function and tables, on a laptop.

Some of a device with a history and over the whole fleet; then every operation that there is, each once as the access
matrix asks for it, about a device of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import Any

import httpx

from bench.agents.figures import Figure
from bench.apis.cloud import Cloud, rest
from bench.apis.fleet import Fleet
from bench.apis.percentiles import percentiles, timed
from bench.apis.units import InProcess
from functions.routes import Route
from tests.access_matrix import PLANS, PROTECTED, Answer, Seeds, path_of
from tests.e2e.seeding import seeded

PEER = "a read of one item"
CHANGES = 20
"""Of one kind at most: commands and keys of a device are bounded."""


@dataclass(frozen=True)
class Endpoint:
    name: str
    path: str
    method: str = "GET"


def endpoints(thing: str, command: str) -> tuple[Endpoint, ...]:
    device = f"/devices/{thing}"
    return (
        Endpoint("me", "/me"),
        Endpoint("a device", device),
        Endpoint("its last values", f"{device}/latest"),
        Endpoint("its telemetry, 2 h raw", f"{device}/telemetry?metric=temperature&from=-2h"),
        Endpoint("its telemetry, in bins", f"{device}/telemetry?metric=temperature&from=-2h&bin=300s"),
        Endpoint("its commands", f"{device}/commands"),
        Endpoint("a command", f"{device}/commands/{command}"),
        Endpoint("its state", f"{device}/state"),
        Endpoint("its events", f"{device}/events"),
        Endpoint("devices", "/devices"),
        Endpoint("devices of a group", "/devices?group=plant-1"),
        Endpoint("devices of a tag", "/devices?tag=site:north"),
        Endpoint("devices by a word", "/devices?q=cooling"),
        Endpoint("devices online", "/devices?status=online"),
        Endpoint("devices by name", "/devices?sort=name"),
        Endpoint("groups", "/groups"),
        Endpoint("users", "/users"),
        Endpoint("audit of a device", f"/audit?subject=device:{thing}&from=-90d"),
    )


def measure(cloud: Cloud, fleet: Fleet, api: InProcess, calls: int) -> Iterator[Figure]:
    table, thing = fleet.tables.core_table, fleet.first
    key = {"pk": {"S": f"DEVICE#{thing}"}, "sk": {"S": "META"}}
    theirs = timed(lambda: cloud.dynamodb.get_item(TableName=table, Key=key), calls)
    for one in endpoints(thing, fleet.first_command()):
        cloud.ask(one.method, one.path)
        taken = timed(lambda one=one: cloud.ask(one.method, one.path), calls, pause=rest)  # type: ignore[misc]
        yield from percentiles(f"GET {one.name}", taken, PEER, theirs)
    api.answer("/devices")
    alone = timed(lambda: api.answer("/devices"), calls)
    yield from percentiles("the reads of GET devices, without gateway and functions", alone, PEER, theirs)
    yield from percentiles("POST a command", _sent(cloud, calls), PEER, theirs)
    yield from _every_operation(cloud, calls, theirs)


def _sent(cloud: Cloud, calls: int) -> list[float]:
    """To one device after the other: a device takes a limited number of commands that wait for it."""
    numbers = count()

    def send() -> None:
        body = {"name": "relay", "parameters": {"on": True}, "expires_in_s": 60}
        cloud.ask("POST", f"/devices/pump-{next(numbers) % 100:05d}/commands", body)

    send()
    return timed(send, calls, pause=rest)


def _every_operation(cloud: Cloud, calls: int, theirs: list[float]) -> Iterator[Figure]:
    """What a change needs beforehand, and what undoes it, is not counted."""
    with httpx.Client(base_url=cloud.details["api"], timeout=60) as http:
        took = 0.0

        def ask(_name: str, method: str, path: str, **more: Any) -> Answer:
            nonlocal took
            headers = {"Authorization": f"Bearer {cloud.token()}", **(more.get("headers") or {})}
            begun = perf_counter()
            answer = http.request(method, path, params=more.get("query"), json=more.get("body"), headers=headers)
            took = (perf_counter() - begun) * 1000
            rest()
            is_json = "json" in answer.headers.get("content-type", "") and answer.content
            return Answer(answer.status_code, answer.json() if is_json else answer.text, dict(answer.headers))

        def taken(route: Route, seeds: Seeds) -> float:
            plan = PLANS[route.operation]
            answer = ask("root", route.method, path_of(route, seeds), **plan.rest(seeds))
            lasted = took
            if not 200 <= answer.status < 300:
                raise SystemExit(f"{route.operation}: {answer.status} {answer.document}")
            if plan.restore:
                plan.restore(seeds)
            return lasted

        seeds = seeded(ask)
        for route in PROTECTED:
            taken(route, seeds)
            times = [taken(route, seeds) for _ in range(calls if route.method == "GET" else min(calls, CHANGES))]
            yield from percentiles(f"{route.method} {route.path}", times, PEER, theirs)
