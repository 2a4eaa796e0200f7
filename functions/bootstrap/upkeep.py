"""What a deployment does for itself: fleet file into registry, audit into archive, dashboard into its bucket."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from functions.bootstrap.clients import CLOCK, Env, clients
from functions.settings import AuditExportSettings, DashboardFilesSettings, RegistrarSettings

if TYPE_CHECKING:
    from functions.services.audit_export import ExportAudit
    from functions.services.registrar import Registrar

ARCHIVE_WITHIN_S = 60.0
"""How long S3 may refuse the archive of a new deployment, while a changed role becomes known."""


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


def dashboard_files(env: Env) -> Callable[[Mapping[str, Any]], int]:
    """Carries out an event of CloudFormation; how many files it was about. Raises DashboardError."""
    from functions.adapters.backoff import Backoff
    from functions.adapters.s3_dashboard import S3BuiltFiles, S3Site
    from functions.services.dashboard_files import DashboardFiles

    settings = DashboardFilesSettings.from_env(env)
    s3 = clients()("s3")
    files = DashboardFiles(S3Site(s3, settings.dashboard_bucket))

    def carry_out(event: Mapping[str, Any]) -> int:
        if event["RequestType"] == "Delete":
            return files.take_down()
        wanted = event["ResourceProperties"]
        again = Backoff(attempts=30, base_s=0.5, cap_s=5, within_s=ARCHIVE_WITHIN_S)
        built = S3BuiltFiles(s3, wanted["ArchiveBucket"], wanted["ArchiveKey"], again)
        return files.deploy(built, wanted.get("MapTiles") or None)

    return carry_out
