"""What must survive every deploy: tables, lake, and the telemetry stores that need no network."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from functions.settings import DYNAMODB, LIVEANALYTICS
from infra.audit import AuditBucket
from infra.lake import Lake
from infra.platform import Platform
from infra.tables import index, table
from infra.telemetry_store import TelemetryStore
from infra.telemetry_store.dynamodb import DynamoDbStore
from infra.telemetry_store.liveanalytics import LiveAnalyticsStore


class DataStack(Stack):
    def __init__(self, scope: Construct, id: str, *, platform: Platform) -> None:  # noqa: A002 - the name constructs use
        stage = platform.stage
        super().__init__(
            scope,
            id,
            description="Fieldline: tables and lake. Retained and protected in prod.",
            termination_protection=stage.deletion_protection,
        )
        self.core = table(
            self,
            "CoreTable",
            stage,
            stream=True,
            indexes=[index("listing", "lpk", "lsk"), index("by_model", "mpk", "msk"), index("due", "duepk", "duesk")],
        )
        # The registry's copy of a device moves with people, so telemetry never writes to this index.
        self.state = table(
            self,
            "StateTable",
            stage,
            rebuildable=True,
            indexes=[index("by_status", "spk", "ssk", attributes=["device"])],
        )
        self.events = table(
            self,
            "EventsTable",
            stage,
            # Not the raw bytes of what was quarantined: a day's listing shows reason and size.
            indexes=[
                index("by_day", "dpk", "dsk", attributes=["thing", "received_at", "reasons", "bytes"]),
                index("by_subject", "spk", "ssk"),
            ],
        )
        self.lake = Lake(self, "Lake", stage=stage)
        self.audit = AuditBucket(self, "Audit", stage=stage, access_logs=self.lake.access_logs)
        self.stores = self._stores(platform)
        outputs = {
            "CoreTableName": self.core.table_name,
            "StateTableName": self.state.table_name,
            "EventsTableName": self.events.table_name,
            "LakeBucketName": self.lake.bucket.bucket_name,
            "AuditBucketName": self.audit.bucket.bucket_name,
            "TelemetryStore": platform.config.telemetry_store,
            **{name: value for store in self.stores.values() for name, value in store.outputs.items()},
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

    @property
    def resources(self) -> Mapping[str, str]:
        """ARNs by the names that the catalogue's grants use."""
        core = self.core.table_arn
        return {
            "core": core,
            "core/listing": f"{core}/index/listing",
            "core/by_model": f"{core}/index/by_model",
            "core/due": f"{core}/index/due",
            "state": self.state.table_arn,
            "state/by_status": f"{self.state.table_arn}/index/by_status",
            "events": self.events.table_arn,
            "events/by_day": f"{self.events.table_arn}/index/by_day",
            "events/by_subject": f"{self.events.table_arn}/index/by_subject",
            **self.lake.resources,
            **self.audit.resources,
        }

    def _stores(self, platform: Platform) -> Mapping[str, TelemetryStore]:
        """Those of the deployment's that live here, by name."""
        stores: dict[str, TelemetryStore] = {}
        if DYNAMODB in platform.config.stores:
            stores[DYNAMODB] = DynamoDbStore(self, platform.stage)
        if LIVEANALYTICS in platform.config.stores:
            stores[LIVEANALYTICS] = LiveAnalyticsStore(
                self, "LiveAnalytics", platform=platform, access_logs=self.lake.access_logs
            )
        return stores
