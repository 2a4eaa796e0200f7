"""`timestream-liveanalytics`: a database with one table, for accounts that had the service before AWS closed it."""

from collections.abc import Mapping

from aws_cdk import CrossStackReferences, Duration, ReferenceStrength
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_timestream as timestream
from constructs import Construct

from functions.catalogue import StoreAccess
from functions.settings import LIVEANALYTICS, LiveAnalyticsStoreSettings, Settings
from infra.buckets import private_bucket
from infra.findings import acknowledge
from infra.platform import Platform
from infra.telemetry_store.retention import kept_days

DATABASE, TABLE = "fieldline", "telemetry"
CLOSED_TO_NEW_ACCOUNTS = "W3697"
"""How both CDK's validator and cfn-lint name it, since 2025-06-20."""
MEMORY_HOURS = 24
"""Memory costs hundreds of times what the magnetic store does, and a day of it holds all that arrives on time; what is
later goes to the magnetic store directly."""


class LiveAnalyticsStore(Construct):
    name = LIVEANALYTICS
    network = None

    def __init__(self, scope: Construct, id: str, *, platform: Platform, access_logs: s3.IBucket) -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id)
        stage = platform.stage
        self._database = timestream.CfnDatabase(self, "Database", database_name=DATABASE)
        rejected = private_bucket(
            self,
            "Rejected",
            stage,
            removal=stage.timestream_removal,
            access_logs=access_logs,
            access_logs_prefix="rejected/",
            lifecycle_rules=[s3.LifecycleRule(id="expire", expiration=Duration.days(90))],
        )
        self._table = timestream.CfnTable(
            self,
            "Table",
            database_name=self._database.ref,
            table_name=TABLE,
            # A question is about one device, and is billed by what it scans: by default that is a metric's whole fleet.
            schema=timestream.CfnTable.SchemaProperty(
                composite_partition_key=[
                    timestream.CfnTable.PartitionKeyProperty(
                        type="DIMENSION", name="device", enforcement_in_record="REQUIRED"
                    )
                ]
            ),
            # As CloudFormation spells them: CDK passes these two on as they are.
            retention_properties={
                "MemoryStoreRetentionPeriodInHours": str(MEMORY_HOURS),
                "MagneticStoreRetentionPeriodInDays": str(kept_days(platform.config)),
            },
            magnetic_store_write_properties={
                "EnableMagneticStoreWrites": True,
                "MagneticStoreRejectedDataLocation": {
                    "S3Configuration": {"BucketName": rejected.bucket_name, "EncryptionOption": "SSE_S3"}
                },
            },
        )
        for kept in (self._database, self._table):
            kept.apply_removal_policy(stage.timestream_removal)
            acknowledge(
                kept,
                f"CloudFormation-Validate::{CLOSED_TO_NEW_ACCOUNTS}",
                "For accounts that have it; preflight asks before anybody deploys.",
            )
            # cfn-lint, which reads the template only, warns of the same.
            kept.add_metadata("cfn-lint", {"config": {"ignore_checks": [CLOSED_TO_NEW_ACCOUNTS]}})
        acknowledge(
            self._database,
            "AwsSolutions-TS3",
            "Encrypted with the key that Timestream manages in the account; a customer's own is billed by the request.",
        )
        # An export in use would forbid the deployment that drops this store (see the dynamodb store).
        CrossStackReferences.of(self._table).produce(ReferenceStrength.WEAK)

    @property
    def resources(self) -> Mapping[str, str]:
        # timestream:DescribeEndpoints knows no resource: it tells which address serves this account.
        return {"timestream": self._table.attr_arn, "timestream-endpoints": "*"}

    @property
    def outputs(self) -> Mapping[str, str]:
        return {"TimestreamDatabaseName": DATABASE, "TimestreamTableName": TABLE}

    def settings(self, _access: StoreAccess) -> Settings:
        return LiveAnalyticsStoreSettings(database=DATABASE, table=TABLE)
