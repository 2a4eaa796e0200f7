"""The seam between the stores: each brings what the functions' settings, grants and the stack's outputs need of it."""

from collections.abc import Mapping
from typing import Protocol

from constructs import Construct

from infra.platform import Platform
from infra.tables import table


class TelemetryStore(Protocol):
    """`resources` are ARNs by the names that grants use."""

    @property
    def name(self) -> str: ...

    @property
    def table_name(self) -> str: ...

    @property
    def resources(self) -> Mapping[str, str]: ...

    @property
    def outputs(self) -> Mapping[str, str]: ...


class DynamoDbStore:
    """A table of its own in the data stack; no VPC and no idle cost."""

    def __init__(self, scope: Construct, platform: Platform) -> None:
        self._table = table(scope, "TelemetryTable", platform.stage, rebuildable=True)

    @property
    def name(self) -> str:
        return "dynamodb"

    @property
    def table_name(self) -> str:
        return self._table.table_name

    @property
    def resources(self) -> Mapping[str, str]:
        return {"telemetry": self._table.table_arn}

    @property
    def outputs(self) -> Mapping[str, str]:
        return {"TelemetryTableName": self._table.table_name}
