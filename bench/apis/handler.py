"""What the handler itself takes of a request: the API's own code over adapters that only remember."""

import json
import statistics
from collections.abc import Iterator
from itertools import cycle
from types import SimpleNamespace
from typing import Any

import msgspec
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from bench.agents.figures import Figure
from bench.apis.percentiles import timed
from functions.adapters.memory import ManualClock
from tests.functions.api_harness import api_harness, person

GOAL_MS = 3.0
NOW = 1_764_000_000_000
DEVICES = 200
PEER = "an empty resolver with one route"
CONTEXT = SimpleNamespace(aws_request_id="bench", get_remaining_time_in_millis=lambda: 9000)


def measure(calls: int) -> Iterator[Figure]:
    clock = ManualClock(NOW)
    api: Any = api_harness(clock, person("admin"))  # type: ignore[no-untyped-call] # tests carry no types
    for number in range(DEVICES):
        api.register(f"pump-{number:03d}", group=f"plant-{number % 5}", model="machine")
    who = msgspec.json.encode(api.who).decode()

    def handled(method: str, path: str, status: int, body: Any = None, **query: str) -> list[float]:
        # One device after the other: what the fakes remember of each stays small.
        events = cycle(event_of(method, path.format(number=number), who, body, query) for number in range(DEVICES))

        def call() -> None:
            answered(api.app, next(events), status)

        call()
        return timed(call, calls, pause=lambda: later(clock))

    empty = APIGatewayRestResolver(enable_validation=True)

    @empty.get("/devices/<id>")
    def show(id: str) -> str:  # noqa: A002 - as in our path
        return id

    theirs = timed(lambda: answered(empty, event_of("GET", "/devices/pump-007", who), 200), calls)
    restart = {"name": "relay", "parameters": {"on": True}, "expires_in_s": 1, "timeout_s": 1}
    for name, taken in (
        ("show a device", handled("GET", "/devices/pump-{number:03d}", 200)),
        ("list 100 devices", handled("GET", "/devices", 200, limit="100")),
        ("send a command", handled("POST", "/devices/pump-{number:03d}/commands", 201, restart)),
    ):
        value, other = statistics.median(taken), statistics.median(theirs)
        against = f"{PEER}: {other:.2f} ms"
        yield Figure(f"handler without IO: {name}", value, "ms", against, value / other, GOAL_MS, value <= GOAL_MS)


def later(clock: ManualClock) -> None:
    """So that neither the token bucket nor the limit of open commands stands in the way."""
    clock.now += 5_000


def answered(app: APIGatewayRestResolver, event: dict[str, Any], status: int) -> dict[str, Any]:
    answer = app.resolve(event, CONTEXT)  # type: ignore[arg-type] # of the context only these are read
    if answer["statusCode"] != status:
        raise SystemExit(f"{event['httpMethod']} {event['path']}: expected {status}, got {answer}")
    return answer


def event_of(
    method: str, path: str, principal: str, body: Any = None, query: dict[str, str] | None = None
) -> dict[str, Any]:
    """As API Gateway gives it to the function. `principal` is the authorizer's answer."""
    headers = {} if body is None else {"Content-Type": "application/json"}
    several = {name: [value] for name, value in (query or {}).items()}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": several or None,
        "requestContext": {
            "requestId": "bench",
            "stage": "v1",
            "identity": {"sourceIp": "192.0.2.1"},
            "authorizer": {"principal": principal},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
