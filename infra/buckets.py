"""S3 buckets: private, encrypted, TLS 1.2 at least."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.stage import StagePolicy

TLS_VERSION = 1.2


def private_bucket(
    scope: Construct,
    name: str,
    stage: StagePolicy,
    *,
    lifecycle_rules: Sequence[s3.LifecycleRule],
    removal: RemovalPolicy | None = None,
    versioned: bool = False,
    access_logs: s3.IBucket | None = None,
    access_logs_prefix: str | None = None,
    locked_for: Duration | None = None,
) -> s3.Bucket:
    """Without `access_logs` only where it holds access logs itself; `removal` instead of the stage's.

    What is written to a bucket `locked_for` a time cannot be deleted or written over in that time, by nobody.
    """
    return s3.Bucket(
        scope,
        name,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        minimum_tls_version=TLS_VERSION,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        versioned=versioned,
        removal_policy=removal or stage.removal,
        server_access_logs_bucket=access_logs,
        server_access_logs_prefix=access_logs_prefix,
        lifecycle_rules=list(lifecycle_rules),
        object_lock_enabled=True if locked_for else None,
        object_lock_default_retention=s3.ObjectLockRetention.compliance(locked_for) if locked_for else None,
    )
