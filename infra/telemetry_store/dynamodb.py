"""`dynamodb`: a table of its own in the data stack; no network and no idle cost."""

from collections.abc import Mapping

from aws_cdk import ReferenceStrength
from constructs import Construct

from functions.catalogue import StoreAccess
from functions.settings import DYNAMODB, DynamoDBStoreSettings, Settings
from infra.stage import StagePolicy
from infra.tables import table


class DynamoDbStore:
    name = DYNAMODB
    network = None

    def __init__(self, scope: Construct, stage: StagePolicy) -> None:
        self._table = table(scope, "TelemetryTable", stage, rebuildable=True)
        # An export in use would forbid the deployment that drops this store: its stack is updated before those that
        # stop using it.
        self._table.apply_cross_stack_reference_strength(ReferenceStrength.WEAK)

    @property
    def resources(self) -> Mapping[str, str]:
        return {"telemetry": self._table.table_arn}

    @property
    def outputs(self) -> Mapping[str, str]:
        return {"TelemetryTableName": self._table.table_name}

    def settings(self, _access: StoreAccess) -> Settings:
        return DynamoDBStoreSettings(telemetry_table=self._table.table_name)
