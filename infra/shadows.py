"""The named shadows of every device, as what a function's role may read or change."""

from collections.abc import Iterable, Mapping

from aws_cdk import ArnFormat, Stack
from constructs import Construct, IConstruct

from contract.topics import SHADOW_NAMES
from infra.findings import acknowledge


def shadows(scope: Construct) -> Mapping[str, str]:
    """ARNs by the names that the catalogue's grants use: `shadows/state`, `shadows/config`."""
    return {
        f"shadows/{name}": Stack.of(scope).format_arn(
            service="iot", resource="thing", resource_name=f"*/{name}", arn_format=ArnFormat.SLASH_RESOURCE_NAME
        )
        for name in SHADOW_NAMES
    }


def explain_shadows(role: IConstruct, names: Iterable[str] = SHADOW_NAMES) -> None:
    for name in names:
        acknowledge(
            role,
            f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:iot:<AWS::Region>:<AWS::AccountId>:thing/*/{name}]",
            "Devices come and go without a deployment; only this shadow of theirs is reached.",
        )
