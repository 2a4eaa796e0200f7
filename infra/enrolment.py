"""What the API reaches of AWS IoT to give devices certificates and take them away."""

from collections.abc import Mapping

from aws_cdk import ArnFormat, Stack
from constructs import Construct, IConstruct

from infra.findings import acknowledge


def identities(scope: Construct) -> Mapping[str, str]:
    """ARNs by the names that the catalogue's grants use."""

    def every(kind: str) -> str:
        return Stack.of(scope).format_arn(
            service="iot", resource=kind, resource_name="*", arn_format=ArnFormat.SLASH_RESOURCE_NAME
        )

    return {"device-things": every("thing"), "device-certificates": every("cert"), "device-requests": "*"}


def explain_identities(role: IConstruct) -> None:
    for kind, why in (
        ("thing", "Devices come and go without a deployment: only things are made, and none is changed."),
        ("cert", "AWS IoT chooses a certificate's id when it makes it, and knows no other name of it."),
    ):
        acknowledge(
            role, f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:iot:<AWS::Region>:<AWS::AccountId>:{kind}/*]", why
        )
    acknowledge(
        role,
        "AwsSolutions-IAM5[Resource::*]",
        "iot:CreateCertificateFromCsr and iot:DescribeEndpoint support no resource: a certificate has no ARN before it "
        "is made, and the endpoint is the account's.",
    )
