"""What must survive every deploy: tables and lake."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.lake import Lake
from infra.platform import Platform
from infra.tables import index, table
from infra.telemetry_store import DynamoDbStore, TelemetryStore


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
            indexes=[index("listing", "lpk", "lsk"), index("by_model", "mpk", "msk")],
        )
        self.state = table(self, "StateTable", stage, rebuildable=True)
        self.events = table(
            self,
            "EventsTable",
            stage,
            # Not the raw bytes of what was quarantined: a day's listing shows reason and size.
            indexes=[index("by_day", "dpk", "dsk", attributes=["thing", "received_at", "reasons", "bytes"])],
        )
        self.store: TelemetryStore = DynamoDbStore(self, platform)
        self.lake = Lake(self, "Lake", stage=stage)
        outputs = {
            "CoreTableName": self.core.table_name,
            "StateTableName": self.state.table_name,
            "EventsTableName": self.events.table_name,
            **self.store.outputs,
            "LakeBucketName": self.lake.bucket.bucket_name,
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
            "state": self.state.table_arn,
            "events": self.events.table_arn,
            "lake": self.lake.stream.attr_arn,
            **self.store.resources,
        }
