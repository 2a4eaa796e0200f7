"""People who clear and acknowledge alarms while everything else goes on, by the services of the API."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
from functions.bootstrap import http
from functions.bootstrap.clients import clients
from functions.bootstrap.rulebooks import rulebook
from functions.bootstrap.watching import live_publisher
from functions.errors import FunctionsError
from functions.services.alarms import Alarms
from functions.services.gate import Gate
from tests.functions.registering import ANN

ACTS = ("clear", "acknowledge")


def alarms(env: Mapping[str, str]) -> Alarms:
    settings: Any = SimpleNamespace(
        **{f"{name}_table": env[f"FIELDLINE_{name.upper()}_TABLE"] for name in ("core", "state", "events", "live")},
        actions_queue_url=env["FIELDLINE_ACTIONS_QUEUE_URL"],
        live_queue_url=env["FIELDLINE_LIVE_QUEUE_URL"],
    )
    client = clients()
    dynamodb = client("dynamodb")
    registry = DynamoDBDeviceFinder(dynamodb, settings.core_table)
    live = live_publisher(client, settings.live_table, settings.live_queue_url, registry)
    audited = AuditedWrites(dynamodb, settings.events_table)
    book = rulebook(dynamodb, settings.core_table, registry)
    return http._alarms(client, settings, audited, Gate(registry), live, book)


def _service() -> Alarms:
    raise NotImplementedError("the simulation puts the service here that its environment has")


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Each record says what somebody does with the newest alarms of a device; who fails does not try again."""
    for record in event["Records"]:
        act = json.loads(record["body"])
        service = _service()
        try:
            page = service.of_device(ANN.principal, act["thing"], "active", 10, None)
            for alarm in page.alarms[: act["most"]]:
                getattr(service, act["act"])(ANN, alarm.id)
        except FunctionsError:
            continue
    return {"batchItemFailures": []}
