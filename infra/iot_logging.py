"""AWS IoT's own log: one for the account and region, kept for as long as every other log of the stage."""

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.function import allow
from infra.stage import StagePolicy

LOG_GROUP = "AWSIotLogsV2"
"""The name is AWS's: IoT writes there and nowhere else."""


class IotLogging(Construct):
    def __init__(self, scope: Construct, id: str, *, stage: StagePolicy) -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id)
        group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=LOG_GROUP,
            retention=stage.log_retention,
            # Also in prod: a retained group with a fixed name would stand in the way of the next deployment.
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            self,
            "Role",
            description="AWS IoT writes its own log group, nothing else.",
            assumed_by=iam.ServicePrincipal(
                "iot.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
            inline_policies={
                "log": iam.PolicyDocument(
                    statements=[
                        allow(
                            "OwnLogs",
                            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                            [group.log_group_arn],
                        )
                    ]
                )
            },
        )
        iot.CfnLogging(
            self, "Logging", account_id=Aws.ACCOUNT_ID, default_log_level=stage.iot_log_level, role_arn=role.role_arn
        )
