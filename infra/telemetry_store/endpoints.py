"""How functions without internet reach AWS: one endpoint for each service that they are granted, and no other."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from aws_cdk import Aws
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions.catalogue import FUNCTIONS, Grant
from functions.settings import INFLUXDB
from infra.errors import InfraError
from infra.telemetry_store.network import StoreNetwork

GATEWAYS: Mapping[str, ec2.GatewayVpcEndpointAwsService] = {
    "dynamodb": ec2.GatewayVpcEndpointAwsService.DYNAMODB,
    "s3": ec2.GatewayVpcEndpointAwsService.S3,
}
"""Free, by IAM's prefix of the service."""
INTERFACES: Mapping[str, ec2.InterfaceVpcEndpointAwsService] = {
    "firehose": ec2.InterfaceVpcEndpointAwsService.KINESIS_FIREHOSE,
    "secretsmanager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
}
"""Billed by hour and zone, by IAM's prefix of the service."""


def needed(other: str | None) -> tuple[Grant, ...]:
    """What the functions in the network may do with InfluxDB as the store, or as the one that a move comes from.

    The same in both cases: a network does not change before the functions have left it.
    """
    inside = [spec for spec in FUNCTIONS if spec.runs_in_store_network(INFLUXDB)]
    return tuple(grant for spec in inside for grant in spec.grants_with(INFLUXDB, other))


class Endpoints(Construct):
    """Each passes on what `grants` name, for this account only: a way into the network is no way to other data."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name constructs use
        *,
        network: StoreNetwork,
        grants: Iterable[Grant],
        resources: Mapping[str, str],
    ) -> None:
        super().__init__(scope, id)
        self._network = network
        for service, actions in sorted(_by_service(grants).items()):
            endpoint = self._endpoint(service)
            for resource, allowed in sorted(actions.items()):
                endpoint.add_to_policy(
                    iam.PolicyStatement(
                        principals=[iam.AnyPrincipal()],
                        actions=sorted(allowed),
                        resources=[resources[resource]],
                        conditions={"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}},
                    )
                )

    def _endpoint(self, service: str) -> ec2.GatewayVpcEndpoint | ec2.InterfaceVpcEndpoint:
        if service in GATEWAYS:
            return ec2.GatewayVpcEndpoint(
                self,
                service.capitalize(),
                vpc=self._network.vpc,
                service=GATEWAYS[service],
                subnets=[self._network.subnets],
            )
        if service not in INTERFACES:
            raise InfraError(
                f"a function in the store's network is granted {service}, for which infra/telemetry_store/endpoints.py "
                "knows no endpoint"
            )
        group = ec2.SecurityGroup.from_security_group_id(
            self, f"{service.capitalize()}Group", self._network.endpoints.attr_group_id, mutable=False
        )
        return ec2.InterfaceVpcEndpoint(
            self,
            service.capitalize(),
            vpc=self._network.vpc,
            service=INTERFACES[service],
            subnets=self._network.subnets,
            security_groups=[group],
            open=False,
        )


def _by_service(grants: Iterable[Grant]) -> dict[str, dict[str, set[str]]]:
    """Service to resource to actions."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for grant in grants:
        for action in grant.actions:
            found[action.partition(":")[0]][grant.resource].add(action)
    return found
