"""The network of a store that has no public address: isolated subnets in two zones, and no way out to the internet."""

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.stage import StagePolicy

CIDR = "10.84.0.0/24"
ZONES = 2
DATABASE_PORT = 8086
HTTPS_PORT = 443


class StoreNetwork(Construct):
    """Three security groups: `functions` may call `database` and `endpoints`, nothing else may.

    Their rules stand inline, so `functions` names what it calls by address: two groups cannot name each other.
    """

    def __init__(self, scope: Construct, id: str, *, stage: StagePolicy) -> None:  # noqa: A002 - the name constructs use
        super().__init__(scope, id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(CIDR),
            max_azs=ZONES,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=26)
            ],
        )
        self.functions = self._group(
            "FunctionsGroup",
            "Functions that use the telemetry store.",
            egress=[
                _rule("The telemetry store.", DATABASE_PORT, CIDR),
                # DynamoDB and S3 keep their public addresses behind a gateway endpoint; no other route leads out.
                _rule("Endpoints of AWS services.", HTTPS_PORT, "0.0.0.0/0"),
            ],
        )
        self.database = self._group(
            "DatabaseGroup",
            "The telemetry store.",
            ingress=[self._from_functions("Functions that use it.", DATABASE_PORT)],
            egress=[_nowhere()],
        )
        self.endpoints = self._group(
            "EndpointsGroup",
            "Endpoints of AWS services.",
            ingress=[self._from_functions("Functions that call the service.", HTTPS_PORT)],
            egress=[_nowhere()],
        )
        self._log_flows(stage)
        self._keep(stage)

    @property
    def subnets(self) -> ec2.SubnetSelection:
        return ec2.SubnetSelection(subnets=self.vpc.isolated_subnets)

    def _group(
        self,
        name: str,
        description: str,
        *,
        egress: list[ec2.CfnSecurityGroup.EgressProperty],
        ingress: list[ec2.CfnSecurityGroup.IngressProperty] | None = None,
    ) -> ec2.CfnSecurityGroup:
        return ec2.CfnSecurityGroup(
            self,
            name,
            group_description=description,
            vpc_id=self.vpc.vpc_id,
            security_group_ingress=ingress,
            security_group_egress=egress,
        )

    def _from_functions(self, description: str, port: int) -> ec2.CfnSecurityGroup.IngressProperty:
        return ec2.CfnSecurityGroup.IngressProperty(
            description=description,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            source_security_group_id=self.functions.attr_group_id,
        )

    def _log_flows(self, stage: StagePolicy) -> None:
        """What was refused: in a network this closed, each such line is worth a look."""
        group = logs.LogGroup(self, "FlowLogs", retention=stage.log_retention, removal_policy=RemovalPolicy.DESTROY)
        role = iam.Role(
            self,
            "FlowLogsRole",
            description="The network writes its own log group, nothing else.",
            assumed_by=iam.ServicePrincipal(
                "vpc-flow-logs.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
            inline_policies={
                "log": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            sid="OwnLogs",
                            actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                            resources=[group.log_group_arn],
                        )
                    ]
                )
            },
        )
        ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=self.vpc.vpc_id,
            resource_type="VPC",
            traffic_type="REJECT",
            log_destination_type="cloud-watch-logs",
            log_group_name=group.log_group_name,
            deliver_logs_permission_arn=role.role_arn,
        )

    def _keep(self, stage: StagePolicy) -> None:
        # A database that is retained goes on living in its subnets and groups, and would hold up their deletion.
        self.vpc.apply_removal_policy(stage.timestream_removal)
        for subnet in self.vpc.isolated_subnets:
            subnet.apply_removal_policy(stage.timestream_removal)
        for group in (self.functions, self.database):
            group.apply_removal_policy(stage.timestream_removal)


def _rule(description: str, port: int, cidr: str) -> ec2.CfnSecurityGroup.EgressProperty:
    return ec2.CfnSecurityGroup.EgressProperty(
        description=description, ip_protocol="tcp", from_port=port, to_port=port, cidr_ip=cidr
    )


def _nowhere() -> ec2.CfnSecurityGroup.EgressProperty:
    """A group without a rule may call everything; this one allows what does not exist."""
    return ec2.CfnSecurityGroup.EgressProperty(
        description="Nowhere.", ip_protocol="icmp", from_port=252, to_port=86, cidr_ip="255.255.255.255/32"
    )
