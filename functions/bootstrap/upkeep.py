"""What a deployment does for itself: the fleet file into the registry, the audit into its archive."""

from typing import TYPE_CHECKING

from functions.bootstrap.clients import CLOCK, Env, clients
from functions.settings import AuditExportSettings, RegistrarSettings

if TYPE_CHECKING:
    from functions.services.audit_export import ExportAudit
    from functions.services.registrar import Registrar


def registrar(env: Env) -> "Registrar":
    from functions.adapters.dynamodb_audit import AuditedWrites
    from functions.adapters.dynamodb_registry import DynamoDBRegistry
    from functions.adapters.sqs_alarms import SqsAlarmsQueue
    from functions.services.registrar import Registrar
    from functions.services.waking import Waking

    settings = RegistrarSettings.from_env(env)
    client = clients()
    dynamodb = client("dynamodb")
    audited = AuditedWrites(dynamodb, settings.events_table, keep_days=settings.audit_days)
    registry = DynamoDBRegistry(dynamodb, settings.core_table, settings.state_table, audited)
    return Registrar(registry, Waking(SqsAlarmsQueue(client("sqs"), settings.alarms_queue_url)), CLOCK)


def audit_export(env: Env) -> "ExportAudit":
    from functions.adapters.dynamodb_audit_log import DynamoDBAuditLog
    from functions.adapters.s3_audit import S3Archive
    from functions.services.audit_export import ExportAudit

    settings = AuditExportSettings.from_env(env)
    client = clients()
    log = DynamoDBAuditLog(client("dynamodb"), settings.events_table)
    return ExportAudit(log, S3Archive(client("s3"), settings.audit_bucket), CLOCK, keep_days=settings.audit_days)
