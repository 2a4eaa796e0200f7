"""The devices that a fleet file declares, each with its thing, its certificate and what ties the two together."""

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import aws_iot as iot
from constructs import Construct

from contract.fleet import Fleet, FleetDevice, load
from infra.device_policy import DevicePolicies
from infra.errors import FleetError

STACK_LIMIT = 500
"""Resources that CloudFormation accepts in one stack."""
RESERVED = 50
"""What the fleet stack may hold besides its devices."""
RESOURCES_PER_DEVICE = 5
MAX_DEVICES = (STACK_LIMIT - RESERVED) // RESOURCES_PER_DEVICE


def declared(paths: Sequence[Path]) -> tuple[FleetDevice, ...]:
    """The devices of all the files, by name. Raises FleetError where they do not fit, or two files name the same one."""
    fleets: list[Fleet] = [load(path) for path in paths]
    devices = sorted((device for fleet in fleets for device in fleet.devices), key=lambda device: device.name)
    twice = sorted({a.name for a, b in zip(devices, devices[1:], strict=False) if a.name == b.name})
    if twice:
        raise FleetError(f"fleet: each device may be declared once, but more than one file names {', '.join(twice)}")
    if len(devices) > MAX_DEVICES:
        raise FleetError(
            f"fleet: expected at most {MAX_DEVICES} declared devices, got {len(devices)}: each takes "
            f"{RESOURCES_PER_DEVICE} of the {STACK_LIMIT} resources that CloudFormation allows a stack. "
            "Declare the first devices here and let the others come by fleet provisioning"
        )
    return tuple(devices)


class Devices(Construct):
    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        devices: Sequence[FleetDevice],
        policies: DevicePolicies,
    ) -> None:
        super().__init__(scope, id)
        for device in devices:
            self._declare(device, policies)

    def _declare(self, device: FleetDevice, policies: DevicePolicies) -> None:
        # Ids come from the name, never from the position: adding a device must not replace another's certificate.
        scope = Construct(self, device.name)
        thing = iot.CfnThing(
            scope,
            "Thing",
            thing_name=device.name,
            attribute_payload=iot.CfnThing.AttributePayloadProperty(
                attributes={"model": device.model, "group": device.group}
            ),
        )
        certificate = iot.CfnCertificate(
            scope, "Certificate", status="ACTIVE", certificate_signing_request=device.csr_pem
        )
        attached = iot.CfnThingPrincipalAttachment(
            scope, "Attachment", thing_name=device.name, principal=certificate.attr_arn
        )
        attached.add_resource_dependency(thing)
        for policy in policies.all:
            iot.CfnPolicyPrincipalAttachment(
                scope, f"{policy.node.id}Policy", policy_name=policy.ref, principal=certificate.attr_arn
            )
