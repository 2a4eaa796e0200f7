"""The seam between the stores: each brings what functions' settings and grants and the stack's outputs need of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from aws_cdk import aws_lambda as lambda_

from functions.catalogue import FunctionSpec, Grant, StoreAccess
from functions.settings import SeriesFunctionSettings, Settings
from infra.telemetry_store.network import StoreNetwork


class TelemetryStore(Protocol):
    """`resources` are ARNs by the names that grants use; `network` is where it can be reached, None for everywhere."""

    @property
    def name(self) -> str: ...

    @property
    def resources(self) -> Mapping[str, str]: ...

    @property
    def outputs(self) -> Mapping[str, str]: ...

    @property
    def network(self) -> StoreNetwork | None: ...

    def settings(self, access: StoreAccess) -> Settings | None:
        """What a function that uses it so needs besides its own settings."""
        ...


@dataclass(frozen=True)
class Stores:
    """The deployed store, and the one that a move comes from."""

    current: TelemetryStore
    previous: TelemetryStore | None = None

    @property
    def previous_name(self) -> str | None:
        return self.previous.name if self.previous else None

    @property
    def resources(self) -> Mapping[str, str]:
        return {**(self.previous.resources if self.previous else {}), **self.current.resources}

    def behind(self, function: lambda_.IFunction) -> "Stores":
        """As they look from outside the current one's network: `function`, which is inside, answers for it."""
        return replace(self, current=_Behind(self.current.name, function))

    def grants(self, spec: FunctionSpec) -> tuple[Grant, ...]:
        return spec.grants_with(self.current.name, self.previous_name)

    def environment(self, spec: FunctionSpec) -> dict[str, str]:
        if spec.store_access is None:
            return {}
        reached = [self.current]
        if self.previous and spec.store_access is StoreAccess.MOVE:
            reached.append(self.previous)
        found = [store.settings(spec.store_access) for store in reached]
        return {name: value for settings in found if settings for name, value in settings.to_env().items()}

    def network(self, spec: FunctionSpec) -> StoreNetwork | None:
        """Where a function has to run, None for anywhere."""
        if not spec.runs_in_store_network(self.current.name, self.previous_name):
            return None
        return self.current.network or (self.previous.network if self.previous else None)


@dataclass(frozen=True)
class _Behind:
    name: str
    function: lambda_.IFunction
    network: None = None

    @property
    def resources(self) -> Mapping[str, str]:
        return {"series-function": self.function.function_arn}

    @property
    def outputs(self) -> Mapping[str, str]:
        return {}

    def settings(self, access: StoreAccess) -> Settings | None:
        if access is not StoreAccess.ASK:
            return None
        return SeriesFunctionSettings(series_function=self.function.function_name)
