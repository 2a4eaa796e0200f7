"""What the API knows of messages that were not kept, and of what no function could handle."""

from typing import TYPE_CHECKING, Any

from functions.bootstrap.clients import CLOCK, Clients
from functions.settings import ApiSettings

if TYPE_CHECKING:
    from functions.adapters.dynamodb_audit import AuditedWrites
    from functions.ports.devices import StatusReader
    from functions.services.dead_letters import ManageDeadLetters
    from functions.services.device_logs import DeviceLogs
    from functions.services.gate import Gate
    from functions.services.quarantine_replays import QuarantineReplays


def device_logs(dynamodb: Any, settings: ApiSettings, gate: "Gate", statuses: "StatusReader") -> "DeviceLogs":
    from functions.adapters.dynamodb_events import DynamoDBEventLog
    from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
    from functions.services.device_logs import DeviceLogs

    return DeviceLogs(
        gate=gate,
        statuses=statuses,
        events=DynamoDBEventLog(dynamodb, settings.events_table),
        quarantine=DynamoDBQuarantine(dynamodb, settings.events_table, settings.state_table),
    )


def replays(
    client: Clients, settings: ApiSettings, audited: "AuditedWrites", gate: "Gate", statuses: "StatusReader"
) -> "QuarantineReplays":
    from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
    from functions.adapters.dynamodb_replays import DynamoDBReplays
    from functions.adapters.sqs_telemetry import SqsTelemetryQueue
    from functions.services.quarantine_replays import QuarantineReplays

    dynamodb = client("dynamodb")
    return QuarantineReplays(
        gate=gate,
        statuses=statuses,
        quarantine=DynamoDBQuarantine(dynamodb, settings.events_table, settings.state_table),
        replays=DynamoDBReplays(dynamodb, settings.events_table, audited),
        queue=SqsTelemetryQueue(client("sqs"), settings.ingest_queue_url),
        clock=CLOCK,
    )


def dead_letters(client: Clients, settings: ApiSettings, audited: "AuditedWrites") -> "ManageDeadLetters":
    from functions.adapters.sqs_dead_letters import SqsDeadLetters, StoredPlaces
    from functions.services.dead_letters import ManageDeadLetters

    places = StoredPlaces(client("ssm"), settings.dead_letters)
    return ManageDeadLetters(SqsDeadLetters(client("sqs"), places), audited, CLOCK)
