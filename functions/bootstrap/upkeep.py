"""What a deployment does for itself: the fleet file into the registry, the audit into its archive."""

from typing import TYPE_CHECKING

from functions.bootstrap.clients import CLOCK, Env, clients, new_client
from functions.settings import AuditExportSettings, RegistrarSettings

if TYPE_CHECKING:
    from functions.services.audit_export import ExportAudit
    from functions.services.registrar import Registrar


def registrar(env: Env) -> "Registrar":
    from functions.adapters.dynamodb_audit import AuditedWrites
    from functions.adapters.dynamodb_registry import DynamoDBRegistry
    from functions.services.registrar import Registrar

    settings = RegistrarSettings.from_env(env)
    dynamodb = new_client("dynamodb")
    audited = AuditedWrites(dynamodb, settings.events_table, keep_days=settings.audit_days)
    return Registrar(DynamoDBRegistry(dynamodb, settings.core_table, settings.state_table, audited), CLOCK)


def audit_export(env: Env) -> "ExportAudit":
    from functions.adapters.dynamodb_audit_log import DynamoDBAuditLog
    from functions.adapters.s3_audit import S3Archive
    from functions.services.audit_export import ExportAudit

    settings = AuditExportSettings.from_env(env)
    client = clients()
    log = DynamoDBAuditLog(client("dynamodb"), settings.events_table)
    return ExportAudit(log, S3Archive(client("s3"), settings.audit_bucket), CLOCK, keep_days=settings.audit_days)
