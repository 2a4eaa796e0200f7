"""What differs between the stages, in one place: how dear the data is, and how much may come in."""

from dataclasses import dataclass

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs


@dataclass(frozen=True, kw_only=True)
class StagePolicy:
    """`removal` and `deletion_protection` hold for whatever keeps data; queues and logs in transit may always go.

    `timestream_removal` is `removal` for what deletion protection does not guard: nothing of it stays when the very
    deployment that makes it fails. It would be paid for without a stack, and its name would be in the next one's way.
    """

    name: str
    removal: RemovalPolicy
    timestream_removal: RemovalPolicy
    deletion_protection: bool
    lake_versioned: bool
    lake_buffer_s: int
    lake_buffer_mb: int
    log_retention: logs.RetentionDays
    ingest_concurrency: int
    batch_window_s: int
    request_rate: int
    request_burst: int
    principal_rate: int
    principal_burst: int
    audit_locked_days: int | None
    web_acl: bool
    iot_log_level: str


DEV = StagePolicy(
    name="dev",
    removal=RemovalPolicy.DESTROY,
    timestream_removal=RemovalPolicy.DESTROY,
    deletion_protection=False,
    lake_versioned=False,
    lake_buffer_s=60,
    lake_buffer_mb=5,
    log_retention=logs.RetentionDays.TWO_WEEKS,
    ingest_concurrency=10,
    batch_window_s=1,
    request_rate=50,
    request_burst=100,
    principal_rate=50,
    principal_burst=100,
    audit_locked_days=None,
    web_acl=False,
    iot_log_level="WARN",
)
PROD = StagePolicy(
    name="prod",
    removal=RemovalPolicy.RETAIN,
    timestream_removal=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    deletion_protection=True,
    lake_versioned=True,
    lake_buffer_s=300,
    lake_buffer_mb=64,
    log_retention=logs.RetentionDays.ONE_YEAR,
    ingest_concurrency=100,
    batch_window_s=5,
    request_rate=500,
    request_burst=1000,
    principal_rate=50,
    principal_burst=100,
    audit_locked_days=365,
    web_acl=True,
    iot_log_level="ERROR",
)


def stage_policy(name: str) -> StagePolicy:
    return {"dev": DEV, "prod": PROD}[name]
