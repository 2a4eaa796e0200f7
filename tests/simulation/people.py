"""People who clear and acknowledge alarms, and change rules, while everything goes on: by the services of the API."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_recipients import DynamoDBRecipients
from functions.adapters.dynamodb_registry import DynamoDBDeviceFinder
from functions.adapters.dynamodb_rules import DynamoDBRules
from functions.adapters.sqs_alarms import SqsAlarmsQueue
from functions.bootstrap import http
from functions.bootstrap.clients import CLOCK, clients
from functions.bootstrap.rulebooks import rulebook
from functions.bootstrap.watching import live_publisher
from functions.errors import FunctionsError
from functions.services.alarms import Alarms
from functions.services.gate import Gate
from functions.services.rules import Rules
from tests.functions.registering import ANN
from tests.simulation.rules import DELETED, EDITS


class Services(NamedTuple):
    alarms: Alarms
    rules: Rules


def services(env: Mapping[str, str]) -> Services:
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
    rules = Rules(
        store=DynamoDBRules(dynamodb, settings.core_table, audited),
        rulebook=book,
        registry=registry,
        recipients=DynamoDBRecipients(dynamodb, settings.core_table),
        queue=SqsAlarmsQueue(client("sqs"), env["FIELDLINE_ALARMS_QUEUE_URL"]),
        clock=CLOCK,
    )
    return Services(http._alarms(client, settings, audited, Gate(registry), live, book), rules)


def _services() -> Services:
    raise NotImplementedError("the simulation puts the services here that its environment has")


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Each record says what somebody does; who fails does not try again."""
    for record in event["Records"]:
        act = json.loads(record["body"])
        try:
            if act["act"] == "edit":
                _edit(_services().rules, act["rule"])
            else:
                _act(_services().alarms, **act)
        except FunctionsError:
            continue
    return {"batchItemFailures": []}


def _act(alarms: Alarms, act: str, thing: str, most: int) -> None:
    """Does it with the newest active alarms of a device."""
    page = alarms.of_device(ANN.principal, thing, "active", 10, None)
    for alarm in page.alarms[:most]:
        getattr(alarms, act)(ANN, alarm.id)


def _edit(rules: Rules, rule: str) -> None:
    version = rules.show(ANN.principal, rule).version
    if rule == DELETED:
        rules.delete(ANN, rule, version)
    else:
        rules.replace(ANN, rule, EDITS[rule], None, version)
