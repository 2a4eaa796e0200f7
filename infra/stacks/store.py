"""The telemetry store that needs a network: its instance, who may reach it, and the set-up that CloudFormation runs."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, CustomResource, Duration, Stack
from constructs import Construct

from functions.settings import StoreSetupSettings
from infra.config import DeployConfig
from infra.function import PlatformFunction
from infra.platform import Platform
from infra.telemetry_store import Stores
from infra.telemetry_store.endpoints import Endpoints, needed
from infra.telemetry_store.influx import BUCKET, DATABASE, ORGANIZATION, InfluxStore
from infra.telemetry_store.network import StoreNetwork
from infra.telemetry_store.retention import kept_days

SETUP_VERSION = "1"
"""Raise it when what the set-up makes changes: CloudFormation runs it again only for a property that differs. It also
replaces the tokens."""
SETUP_TIMEOUT = Duration.seconds(240)


class StoreStack(Stack):
    """A store that leaves the app leaves its stack behind, with all that it keeps, until somebody deletes that."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        platform: Platform,
        resources: Mapping[str, str],
    ) -> None:
        """`resources` are the ARNs that functions in the network use besides the store."""
        super().__init__(
            scope,
            id,
            description="Fieldline: InfluxDB, its network and its set-up. Retained and protected in prod.",
            termination_protection=platform.stage.deletion_protection,
        )
        network = StoreNetwork(self, "Network", stage=platform.stage)
        self.store = InfluxStore(self, "Influx", platform=platform, network=network)
        endpoints = Endpoints(
            self,
            "Endpoints",
            network=network,
            grants=needed(_other(platform.config)),
            resources={**resources, **self.store.resources},
        )
        self._set_up(platform, endpoints)
        for name, value in self.store.outputs.items():
            CfnOutput(self, name, value=value)

    def _set_up(self, platform: Platform, endpoints: Endpoints) -> None:
        """Only the worker is in the network, so whatever becomes of it, CloudFormation gets an answer from outside."""
        stores = Stores(self.store)
        worker = PlatformFunction(
            self,
            "StoreAdminFunction",
            platform=platform,
            settings=self.store.admin_settings,
            resources={},
            stores=stores,
        )
        setup = PlatformFunction(
            self,
            "StoreSetupFunction",
            platform=platform,
            settings=StoreSetupSettings(admin_function=worker.function.function_name),
            resources={"store-admin-function": worker.function.function_arn},
            asynchronous=True,
        )
        resource = CustomResource(
            self,
            "Setup",
            resource_type="Custom::FieldlineInfluxSetup",
            service_token=setup.function.function_arn,
            service_timeout=SETUP_TIMEOUT,
            properties={
                "Instance": self.store.instance.ref,
                "Organization": ORGANIZATION,
                "Bucket": BUCKET,
                "Database": DATABASE,
                "RetentionDays": kept_days(platform.config),
                "Version": SETUP_VERSION,
            },
        )
        # The set-up needs them until it is undone.
        resource.node.add_dependency(worker, setup, endpoints, self.store)


def _other(config: DeployConfig) -> str | None:
    """The store beside this one, to or from which data may move."""
    others = [name for name in config.stores if name != InfluxStore.name]
    return others[0] if others else None
