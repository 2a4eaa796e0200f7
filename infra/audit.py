"""Where the audit goes that nobody can change, and the function that brings it there."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contract.audit_export import CHAINS, MANIFESTS
from functions.settings import AuditExportSettings
from infra.buckets import private_bucket
from infra.findings import acknowledge
from infra.function import PlatformFunction
from infra.platform import Platform
from infra.stage import StagePolicy

if TYPE_CHECKING:
    from infra.stacks.data import DataStack

EVERY = Duration.hours(1)


class AuditBucket(Construct):
    """Locked in `prod`, in compliance mode: also the account's root can neither shorten the time nor delete before.

    Governance mode would leave that to a permission, and whoever has to hide something may be who holds it.
    """

    def __init__(self, scope: Construct, id: str, *, stage: StagePolicy, access_logs: s3.IBucket) -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id)
        self.bucket = private_bucket(
            self,
            "Bucket",
            stage,
            versioned=True,
            access_logs=access_logs,
            access_logs_prefix="audit/",
            locked_for=Duration.days(stage.audit_locked_days) if stage.audit_locked_days else None,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="to-cold",
                    # Still read in milliseconds: checking needs no restore.
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=Duration.days(90)
                        )
                    ],
                ),
                s3.LifecycleRule(id="leftovers", abort_incomplete_multipart_upload_after=Duration.days(7)),
            ],
        )

    @property
    def resources(self) -> Mapping[str, str]:
        """ARNs by the names that the catalogue's grants use."""
        return {
            "audit-bucket": self.bucket.bucket_arn,
            "audit-bucket/chains": self.bucket.arn_for_objects(f"{CHAINS}*"),
            "audit-bucket/manifests": self.bucket.arn_for_objects(f"{MANIFESTS}*"),
        }

    @property
    def exported_arn(self) -> str:
        """The bucket's ARN as findings of other stacks spell it: by the name of its export."""
        stack = Stack.of(self)
        return str(stack.resolve(stack.export_value(self.bucket.bucket_arn))["Fn::ImportValue"])


class AuditExport(Construct):
    """Each hour; a run that is missed is made up by the next one, so that nothing watches over it but its errors."""

    def __init__(self, scope: Construct, id: str, *, platform: Platform, data: "DataStack") -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id)
        function = PlatformFunction(
            self,
            "Export",
            platform=platform,
            settings=AuditExportSettings(
                events_table=data.events.table_name, audit_bucket=data.audit.bucket.bucket_name
            ),
            resources=data.resources,
            asynchronous=True,
        )
        for prefix in (CHAINS, MANIFESTS):
            acknowledge(
                function.role,
                f"AwsSolutions-IAM5[Resource::{data.audit.exported_arn}/{prefix}*]",
                "The export names each object by what it holds, below this prefix only.",
            )
        events.Rule(
            self,
            "Hourly",
            description="Has the audit exported.",
            schedule=events.Schedule.rate(EVERY),
            targets=[targets.LambdaFunction(function.function)],
        )
