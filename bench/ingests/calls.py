"""How often the function speaks to its store and to the table of states: a thousand messages from 200 devices at once.

The code that is deployed, in a process of its own, over boto3 and HTTP; what it calls is counted where it arrives.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path
from typing import Any, Final

from bench.agents.figures import Figure
from bench.ingests import fleet
from bench.ingests.cloud import Call, Cloud
from bench.ingests.function import running
from bench.ingests.start import ENVIRONMENT
from bench.rulings.workload import DEVICES

AT_ONCE: Final = 25
"""Items that DynamoDB takes in one batch."""
READ_AT_ONCE: Final = 100


def measure(bundle: Path) -> Iterator[Figure]:
    """Twice: of devices that were never heard, in a new environment, and of the same ones in the next event."""
    cloud = Cloud(fleet.installed())
    first, second = fleet.events(2)
    with cloud.serving() as url, running(bundle, {**ENVIRONMENT, "AWS_ENDPOINT_URL": url}) as function:
        for event, which in ((first, "the first event"), (second, "the next event")):
            cloud.calls.clear()
            if failed := function.invoke(event).failed:
                raise SystemExit(f"{failed} messages failed")
            yield from _figures(cloud.calls, which)


def _figures(calls: list[Call], which: str) -> Iterator[Figure]:
    states = Counter(thing for call in calls for thing in _written(call, "state"))
    most = max(states.values(), default=0)
    of = f"({which}: {fleet.SENT} messages, {DEVICES} devices)"
    everybody = len(states) == DEVICES
    yield Figure(f"state writes of a device {of}", most, "writes", "a limit: 1", most, 1, ok=most == 1 and everybody)
    requests, chunks = _batches(calls, "telemetry")
    fewest = ceil(chunks / AT_ONCE)
    yield Figure(
        f"requests to the store {of}", requests, "", f"full batches: {fewest}", requests / fewest, 1, requests == fewest
    )
    reads = sum(call.operation == "BatchGetItem" and "state" in call.request["RequestItems"] for call in calls)
    fewest = ceil(DEVICES / READ_AT_ONCE)
    yield Figure(
        f"reads of states {of}", reads, "requests", f"full batches: {fewest}", reads / fewest, 1, reads == fewest
    )
    names = Counter(f"{call.service} {call.operation}" for call in calls)
    told = ", ".join(f"{count} {name}" for name, count in names.most_common())
    yield Figure(f"requests in all {of}", len(calls) / fleet.SENT, "a message", told)


def _written(call: Call, table: str) -> Iterator[str]:
    """The partition of each item of the table that a call writes."""
    request = call.request
    match call.operation:
        case "PutItem" | "UpdateItem" | "DeleteItem" if request["TableName"] == table:
            yield _partition(request)
        case "TransactWriteItems":
            for item in request["TransactItems"]:
                ((kind, one),) = item.items()
                if kind != "ConditionCheck" and one["TableName"] == table:
                    yield _partition(one)
        case "BatchWriteItem":
            for one in request["RequestItems"].get(table, ()):
                ((_, write),) = one.items()
                yield _partition(write)


def _partition(request: Mapping[str, Any]) -> str:
    return str((request.get("Key") or request["Item"])["pk"]["S"])


def _batches(calls: list[Call], table: str) -> tuple[int, int]:
    """Requests that write to the table, and the items in them."""
    found = [len([*_written(call, table)]) for call in calls]
    return sum(count > 0 for count in found), sum(found)
