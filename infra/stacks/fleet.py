"""What devices are to AWS IoT: types, policies, logging, and the things and certificates of the fleet file."""

from collections.abc import Sequence

from aws_cdk import CfnOutput, CustomResource, Duration, Stack
from aws_cdk import aws_iot as iot
from constructs import Construct

from contract.fleet import FleetDevice
from contract.models import shipped
from functions.settings import REGISTRY_LAYOUT, RegistrarSettings
from infra.device_policy import DevicePolicies
from infra.devices import Devices, declared
from infra.function import PlatformFunction
from infra.iot_logging import IotLogging
from infra.platform import Platform
from infra.stacks.alarms import AlarmsStack
from infra.stacks.data import DataStack

REGISTRATION_TIMEOUT = Duration.minutes(2)


class FleetStack(Stack):
    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        platform: Platform,
        data: DataStack,
        alarms: AlarmsStack,
    ) -> None:
        super().__init__(
            scope,
            id,
            description="Fieldline: device policies, and the things and certificates of the fleet file.",
            termination_protection=platform.stage.deletion_protection,
        )
        devices = declared(platform.config.fleet)
        policies = DevicePolicies(self, "DevicePolicies")
        self._add_types()
        IotLogging(self, "IotLogging", stage=platform.stage)
        Devices(self, "Devices", devices=devices, policies=policies)
        self._register(devices, platform, data, alarms)
        self.device_policies = tuple(policy.ref for policy in policies.all)
        """The names of those that every device carries."""
        CfnOutput(self, "DevicePolicyName", value=policies.data.ref)
        CfnOutput(self, "DeviceManagementPolicyName", value=policies.management.ref)

    def _add_types(self) -> None:
        # CloudFormation cannot put a thing into a type: provisioning does, and declared things carry their model.
        for model in sorted(shipped()):
            iot.CfnThingType(
                self,
                f"ThingType-{model}",
                thing_type_name=f"fieldline-{model}",
                thing_type_properties=iot.CfnThingType.ThingTypePropertiesProperty(
                    thing_type_description=f"Devices of the model {model}.", searchable_attributes=["model", "group"]
                ),
            )

    def _register(
        self, devices: Sequence[FleetDevice], platform: Platform, data: DataStack, alarms: AlarmsStack
    ) -> None:
        """Enter the declared devices into the registry with the deployment that makes their certificates.

        The function answers CloudFormation itself: CDK's provider framework would add three more functions, in another
        language, for a call that ends within seconds. CloudFormation invokes it asynchronously, hence its dead letters.
        """
        registrar = PlatformFunction(
            self,
            "RegistrarFunction",
            platform=platform,
            settings=RegistrarSettings(
                core_table=data.core.table_name,
                state_table=data.state.table_name,
                events_table=data.events.table_name,
                alarms_queue_url=alarms.alarms.queue.queue_url,
            ),
            resources={**data.resources, **alarms.resources},
            asynchronous=True,
        )
        CustomResource(
            self,
            "Registration",
            resource_type="Custom::FieldlineFleet",
            service_token=registrar.function.function_arn,
            service_timeout=REGISTRATION_TIMEOUT,
            properties={
                "Devices": [{"name": d.name, "model": d.model, "group": d.group} for d in devices],
                # CloudFormation only asks again when something here changes.
                "Layout": str(REGISTRY_LAYOUT),
            },
        )
