"""The devices that a fleet file declares, each with its thing, its certificate and what ties the two together."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from aws_cdk import aws_iot as iot
from constructs import Construct

from contract.fleet import FleetDevice, load
from infra.device_policy import DevicePolicies
from infra.errors import DeclarationError

STACK_LIMIT = 500
"""Resources that CloudFormation accepts in one stack."""
RESERVED = 50
"""What the fleet stack may hold besides its devices."""
RESOURCES_PER_DEVICE = 5
MAX_DEVICES = (STACK_LIMIT - RESERVED) // RESOURCES_PER_DEVICE


def declared(paths: Sequence[Path]) -> tuple[FleetDevice, ...]:
    """The devices of all the files, by name. Raises DeclarationError where they do not fit, or two files share one."""
    devices = sorted((device for path in paths for device in load(path).devices), key=lambda device: device.name)
    _refuse_shared("name", [device.name for device in devices])
    _refuse_shared("csr", [device.csr_pem for device in devices])
    if len(devices) > MAX_DEVICES:
        raise DeclarationError(
            f"fleet: expected at most {MAX_DEVICES} declared devices, got {len(devices)}: each takes "
            f"{RESOURCES_PER_DEVICE} of the {STACK_LIMIT} resources that CloudFormation allows a stack; "
            "declare the first ones, and let the others come by fleet provisioning"
        )
    return tuple(devices)


def _refuse_shared(field: str, values: Sequence[str]) -> None:
    twice = sorted(value for value, count in Counter(values).items() if count > 1)
    if twice:
        raise DeclarationError(f"fleet: {field}: expected each in one file only, got more than one with {twice[0]}")


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
