"""How long answers take over HTTP: gateway, authorizer, function and tables, on a laptop."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from bench.agents.figures import Figure
from bench.apis.cloud import Cloud, rest
from bench.apis.fleet import Fleet
from bench.apis.percentiles import percentiles, timed
from bench.apis.units import InProcess

PEER = "a read of one item"


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


def _sent(cloud: Cloud, calls: int) -> list[float]:
    """To one device after the other: a device takes a limited number of commands that wait for it."""
    numbers = count()

    def send() -> None:
        body = {"name": "relay", "parameters": {"on": True}, "expires_in_s": 60}
        cloud.ask("POST", f"/devices/pump-{next(numbers) % 100:05d}/commands", body)

    send()
    return timed(send, calls, pause=rest)
