"""What a page reads of DynamoDB, in read units, as AWS bills them.

The local AWS tells the same half unit of every query, however long, so that the sizes of the items are counted here:
of all that a query looked at, also where a filter left it out.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from threading import Lock
from typing import Any

import msgspec

from bench.agents.figures import Figure
from bench.apis.fleet import FIRST
from bench.apis.handler import CONTEXT, event_of
from functions.domain.access import EVERYTHING, Grant, Kind, Principal, Role

UNIT_BYTES = 4_096
GOAL = 0.10
ADMIN = Principal("user:root", Kind.USER, "root", (Grant(Role.ADMIN, EVERYTHING),))
SCOPED = Principal("user:bea", Kind.USER, "bea", (Grant(Role.VIEWER, "group:plant-1"),))

PAGES: tuple[tuple[str, Principal, str, dict[str, str]], ...] = (
    ("devices", ADMIN, "/devices", {}),
    ("devices of a group", ADMIN, "/devices", {"group": "plant-1"}),
    ("devices, to who may see one group", SCOPED, "/devices", {}),
    ("devices of a model", ADMIN, "/devices", {"model": "machine"}),
    ("devices of a tag", ADMIN, "/devices", {"tag": "site:north"}),
    ("devices online", ADMIN, "/devices", {"status": "online"}),
    ("devices by a word", ADMIN, "/devices", {"q": "cooling"}),
    ("devices by name", ADMIN, "/devices", {"sort": "name"}),
    ("devices by creation", ADMIN, "/devices", {"sort": "created"}),
    ("summary of the fleet", ADMIN, "/fleet/summary", {}),
    ("commands of a device", ADMIN, "/devices/pump-00000/commands", {}),
    ("events of a device", ADMIN, "/devices/pump-00000/events", {}),
    ("groups", ADMIN, "/groups", {}),
    ("audit of a device", ADMIN, "/audit", {"subject": "device:pump-00000", "from": "-90d"}),
)

FLAT = frozenset({"groups"})
"""However many groups there are of the page."""


def size_of(item: Mapping[str, Any]) -> int:
    """Bytes of an item, as AWS counts them: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    ((kind, held),) = value.items()
    match kind:
        case "S" | "B":
            return len(held.encode() if kind == "S" else held)
        case "N":
            digits = held.lstrip("-0.").replace(".", "").rstrip("0")
            return ceil(len(digits) / 2) + 1 + held.startswith("-")
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size(one) for name, one in held.items())
        case "L":
            return 3 + sum(1 + _size(one) for one in held)
        case "SS" | "BS":
            return sum(len(one) for one in held)
    return 1


@dataclass
class Meter:
    """Counts what the clients of boto3's default session read. `plain` asks the same again, without filters."""

    plain: Any
    units: float = 0.0
    counting: bool = True
    _lock: Lock = field(default_factory=Lock)

    def listen(self, events: Any) -> None:
        for operation in ("Query", "GetItem", "BatchGetItem", "Scan"):
            events.register(f"provide-client-params.dynamodb.{operation}", self.hear)

    def hear(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if not self.counting:
            return
        units = {"Query": self._query, "GetItem": self._get, "BatchGetItem": self._batch}[model.name](params)
        with self._lock:
            self.units += units

    def _query(self, params: dict[str, Any]) -> float:
        asked = {
            name: value
            for name, value in params.items()
            if name not in {"FilterExpression", "ProjectionExpression", "Select", "ExpressionAttributeNames"}
        }
        keys = asked["KeyConditionExpression"]
        # Names and values that only the filter used are refused without it.
        names = {name: value for name, value in params.get("ExpressionAttributeNames", {}).items() if name in keys}
        asked["ExpressionAttributeValues"] = {
            name: value for name, value in params["ExpressionAttributeValues"].items() if _names(keys, name)
        }
        items = self.plain.query(**asked, **({"ExpressionAttributeNames": names} if names else {}))["Items"]
        return _billed(sum(map(size_of, items)), params)

    def _get(self, params: dict[str, Any]) -> float:
        item = self.plain.get_item(TableName=params["TableName"], Key=params["Key"]).get("Item", {})
        return _billed(size_of(item), params)

    def _batch(self, params: dict[str, Any]) -> float:
        units = 0.0
        for table, asked in params["RequestItems"].items():
            items = self.plain.batch_get_item(RequestItems={table: {"Keys": asked["Keys"]}})["Responses"][table]
            missing = len(asked["Keys"]) - len(items)
            units += sum(_billed(size_of(item), asked) for item in items) + missing * _billed(0, asked)
        return units


def _names(expression: str, name: str) -> bool:
    return name in expression.replace(",", " ").replace(")", " ").split()


def _billed(size: int, asked: Mapping[str, Any]) -> float:
    return max(1, ceil(size / UNIT_BYTES)) * (1.0 if asked.get("ConsistentRead") else 0.5)


class InProcess:
    """The API as its function has it, over the tables of a running instance, whose reads are counted."""

    def __init__(self, settings: Mapping[str, str], credentials: Mapping[str, str], aws_url: str, plain: Any) -> None:
        import boto3

        known = {
            **settings,
            "AWS_ENDPOINT_URL": aws_url,
            "AWS_DEFAULT_REGION": settings["FIELDLINE_REGION"],
            "AWS_ACCESS_KEY_ID": credentials["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": credentials["aws_secret_access_key"],
            "FIELDLINE_REQUEST_RATE": "1000",
            "FIELDLINE_REQUEST_BURST": "10000",
        }
        self._meter = Meter(plain)
        # For good: clients are made when they are needed.
        os.environ.update(known)
        boto3.setup_default_session()
        session: Any = boto3.DEFAULT_SESSION
        self._meter.listen(session.events)
        from functions.handlers import api

        self._app = api._app()  # noqa: SLF001 - what the handler calls, without its logger

    def units(self, who: Principal, path: str, query: dict[str, str]) -> tuple[float, int]:
        """Read units and items of a page."""
        event = event_of("GET", path, msgspec.json.encode(who).decode(), None, query)
        self._app.resolve(event, CONTEXT)  # what is read once in an execution environment, such as keys
        self._meter.units = 0.0
        answer = self._app.resolve(event, CONTEXT)
        if answer["statusCode"] != 200:
            raise SystemExit(f"GET {path} {query}: {answer['statusCode']} {answer['body']}")
        document = json.loads(answer["body"])
        return self._meter.units, len(document["items"]) if "items" in document else document["devices"]

    def answer(self, path: str) -> None:
        """Just that, uncounted."""
        self._meter.counting = False
        self._app.resolve(event_of("GET", path, msgspec.json.encode(ADMIN).decode()), CONTEXT)
        self._meter.counting = True

    def pages(self) -> dict[str, tuple[float, int]]:
        return {name: self.units(who, path, query) for name, who, path, query in PAGES}


def compared(few: dict[str, tuple[float, int]], many: dict[str, tuple[float, int]]) -> Iterator[Figure]:
    """A page that was not full with few devices, as a sum of all is not, is compared by the item."""
    for name, (units, items) in many.items():
        before, items_before = few[name]
        ratio = units / before if name in FLAT or items == items_before else units / items / (before / items_before)
        named = f"read units of a page: {name} ({items} items)"
        against = f"of {FIRST} devices: {before:g} for {items_before} items"
        yield Figure(named, units, "RRU", against, ratio, 1 + GOAL, abs(ratio - 1) <= GOAL)
