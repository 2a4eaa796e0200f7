"""One Lambda function: a role and a log group of its own, and exactly the rights that its catalogue entry names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from functions.catalogue import FUNCTIONS, FunctionSpec, Grant
from functions.settings import Settings
from infra.findings import acknowledge
from infra.platform import Platform
from infra.queues import terminal_queue
from infra.telemetry_store import Stores
from infra.telemetry_store.network import StoreNetwork

SPECS: Mapping[str, FunctionSpec] = {spec.name: spec for spec in FUNCTIONS}
NETWORK_INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda does in the name of a function to place it into a network; from there, no function reaches EC2 itself."""


@dataclass(frozen=True)
class Reach:
    """What a grant reaches, where one ARN does not say it: several, all but some, or only under conditions."""

    arns: Sequence[str] = ()
    all_but: Sequence[str] = ()
    conditions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class PlatformFunction(Construct):
    """`resources` holds the ARN of each resource that the entry's grants name, or how far a grant reaches; one that
    this deployment has not is None, and is granted to nobody. `consumes` is for the function's event source.

    With `stores` it also gets the rights, the settings and the place that its use of the telemetry store takes.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        platform: Platform,
        settings: Settings,
        resources: Mapping[str, str | Reach | None],
        stores: Stores | None = None,
        consumes: Sequence[iam.PolicyStatement] = (),
        asynchronous: bool = False,
    ) -> None:
        super().__init__(scope, id)
        self.spec = next(spec for spec in FUNCTIONS if spec.settings is type(settings))
        self.logs = logs.LogGroup(
            self, "Logs", retention=platform.stage.log_retention, removal_policy=platform.stage.removal
        )
        network = stores.network(self.spec) if stores else None
        known = {**resources, **(stores.resources if stores else {})}
        grants = stores.grants(self.spec) if stores else self.spec.grants
        granted = [
            _allow(_sid(grant.resource), grant.actions, reach)
            for grant in grants
            if (reach := known[grant.resource]) is not None
        ]
        placing = [allow("NetworkInterfaces", NETWORK_INTERFACES, ["*"])] if network else []
        self.role = self._role([*granted, *consumes, *placing])
        self.dead_letters = terminal_queue(self, "DeadLetters") if asynchronous else None
        self.function = lambda_.Function(
            self,
            "Function",
            description=self.spec.description,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            handler=self.spec.handler,
            code=platform.bundles.code(self.spec.dependency_group),
            memory_size=self.spec.memory_mb,
            timeout=Duration.seconds(self.spec.timeout_s),
            role=self.role,
            log_group=self.logs,
            logging_format=lambda_.LoggingFormat.JSON,
            dead_letter_queue=self.dead_letters,
            vpc=network.vpc if network else None,
            vpc_subnets=network.subnets if network else None,
            security_groups=self._groups(network),
            environment={
                **settings.to_env(),
                **(stores.environment(self.spec) if stores else {}),
                "POWERTOOLS_SERVICE_NAME": self.spec.name,
                "POWERTOOLS_METRICS_NAMESPACE": "Fieldline",
            },
        )
        acknowledge(
            self.function, "AwsSolutions-L1", "Python 3.13 is the version that the locked dependencies are tested on."
        )
        self._explain_wildcards(grants, network)

    def _explain_wildcards(self, grants: Sequence[Grant], network: StoreNetwork | None) -> None:
        everything = "AwsSolutions-IAM5[Resource::*]"
        if network:
            acknowledge(
                self.role,
                everything,
                "Lambda makes the network interfaces in the function's name, and AWS documents these actions on all "
                "resources: an interface has no ARN before it is made, and the Describe actions know none.",
            )
        if "timestream-endpoints" in {grant.resource for grant in grants}:
            acknowledge(
                self.role,
                everything,
                "timestream:DescribeEndpoints supports no resource: it tells which address serves this account.",
            )

    def _groups(self, network: StoreNetwork | None) -> list[ec2.ISecurityGroup] | None:
        if network is None:
            return None
        return [ec2.SecurityGroup.from_security_group_id(self, "Group", network.functions.attr_group_id, mutable=False)]

    def _role(self, statements: Sequence[iam.PolicyStatement]) -> iam.Role:
        own_logs = allow("OwnLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [self.logs.log_group_arn])
        return iam.Role(
            self,
            "Role",
            description=f"What the function {self.spec.name} may do.",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"own": iam.PolicyDocument(statements=[own_logs, *statements])},
        )


def allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
    """A grant as it reads in the template: nothing adds an action to it."""
    return iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources))


def _allow(sid: str, actions: Sequence[str], reach: str | Reach) -> iam.PolicyStatement:
    if isinstance(reach, str):
        return allow(sid, actions, [reach])
    return iam.PolicyStatement(
        sid=sid,
        actions=list(actions),
        resources=list(reach.arns) or None,
        not_resources=list(reach.all_but) or None,
        conditions=dict(reach.conditions) or None,
    )


def _sid(resource: str) -> str:
    """`core/by_model` becomes `CoreByModel`: a Sid is letters and digits."""
    return "".join(part.capitalize() for part in resource.replace("/", "_").replace("-", "_").split("_"))
