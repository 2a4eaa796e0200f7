"""API Gateway's one role for logs in this account and region (see docs/adr/0006)."""

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.findings import acknowledge


class GatewayAccount(Construct):
    """What logs must come after it: without the role, API Gateway refuses a stage that has logs."""

    def __init__(self, scope: Construct, id: str) -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id)
        role = iam.Role(
            self,
            "Role",
            description="API Gateway writes its access and execution logs.",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
            ],
        )
        acknowledge(
            role,
            "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
            "API Gateway accepts its account role only with these rights, and AWS documents this policy for it.",
        )
        apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
