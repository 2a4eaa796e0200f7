"""Quotas that a deployment or its devices run into, with the figures."""

from typing import NamedTuple

from cli.preflight.account import Account
from cli.preflight.deployment import (
    GATEWAY_ENDPOINTS,
    INGEST_CONCURRENCY,
    INTERFACE_ENDPOINTS,
    OTHER_CONSUMERS,
    Deployment,
)
from cli.preflight.findings import Figure, Finding, Status

PUBLISHES = "messages a second"
CONCURRENCY = "functions at once"
NETWORK = "network"
_PUBLISH_QUOTA = "L-4B33E451"
_CONCURRENCY_QUOTA = "L-B99A9384"
_VPCS = "L-F678F1CE"
_GATEWAY_ENDPOINTS = "L-1B52E74A"
_INTERFACE_ENDPOINTS = "L-29B6F2EB"
_FEW_MESSAGES = 100


def publishes(account: Account, _: Deployment) -> Finding:
    """Basic Ingest counts too."""
    a_second = int(account.quota("iotcore", _PUBLISH_QUOTA))
    says = (
        f"AWS IoT Core takes {a_second:,} messages a second of this account: "
        f"{a_second * 60:,} devices at one message a minute."
    )
    figures = {"messages_a_second": a_second}
    if a_second < _FEW_MESSAGES:
        return Finding(PUBLISHES, Status.WARNING, says, _raise("iotcore", _PUBLISH_QUOTA, 20_000), figures)
    return Finding(PUBLISHES, Status.OK, says, figures=figures)


def concurrency(account: Account, deployment: Deployment) -> Finding:
    limit = account.client("lambda").get_account_settings()["AccountLimit"]
    total, free = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    consumers = INGEST_CONCURRENCY[deployment.stage] + OTHER_CONSUMERS
    figures = {"quota": total, "unreserved": free, "consumers": consumers}
    says = (
        f"{free:,} functions may run at once ({total:,} in the account, less what is reserved); "
        f"draining the queues of stage {deployment.stage} takes up to {consumers}"
    )
    if free <= consumers:
        return Finding(
            CONCURRENCY,
            Status.WARNING,
            f"{says}, which would leave none for the API.",
            _raise("lambda", _CONCURRENCY_QUOTA, 1000),
            figures,
        )
    return Finding(CONCURRENCY, Status.OK, f"{says}.", figures=figures)


def network(account: Account, deployment: Deployment) -> Finding:
    """The store's VPC with its endpoints: whether there is room for one, unless it stands already."""
    ec2 = account.client("ec2")
    vpcs = ec2.describe_vpcs(MaxResults=1000)["Vpcs"]
    if any(_stack_of(vpc).startswith(deployment.stack("")) for vpc in vpcs):
        return Finding(NETWORK, Status.OK, "The store's network stands already.", figures={"vpcs": len(vpcs)})
    of_gateways = [{"Name": "vpc-endpoint-type", "Values": ["Gateway"]}]
    gateways = ec2.describe_vpc_endpoints(Filters=of_gateways, MaxResults=1000)["VpcEndpoints"]
    rooms = (
        _Room("VPCs", "the region", len(vpcs), 1, _VPCS),
        _Room("gateway endpoints", "the region", len(gateways), len(GATEWAY_ENDPOINTS), _GATEWAY_ENDPOINTS),
        _Room("interface endpoints", "the VPC", 0, len(INTERFACE_ENDPOINTS), _INTERFACE_ENDPOINTS),
    )
    figures: dict[str, Figure] = {}
    for room in rooms:
        quota = int(account.quota("vpc", room.code))
        figures |= {room.what: room.used, f"quota of {room.what}": quota}
        if room.used + room.needed > quota:
            return Finding(
                NETWORK,
                Status.FAILED,
                f"The store needs {room.needed} more {room.what}; {room.where} has {room.used} of at most {quota}.",
                f"Remove what is not needed, or {_raise('vpc', room.code, room.used + room.needed)}",
                figures,
            )
    says = f"There is room for the store's network: {len(vpcs)} of {figures['quota of VPCs']} VPCs are in use."
    return Finding(NETWORK, Status.OK, says, figures=figures)


class _Room(NamedTuple):
    what: str
    where: str
    used: int
    needed: int
    code: str


def _stack_of(resource: dict[str, object]) -> str:
    tags = resource.get("Tags")
    found = (
        [tag["Value"] for tag in tags if tag["Key"] == "aws:cloudformation:stack-name"]
        if isinstance(tags, list)
        else []
    )
    return str(found[0]) if found else ""


def _raise(service: str, code: str, value: int) -> str:
    return (
        "ask for more: aws service-quotas request-service-quota-increase "
        f"--service-code {service} --quota-code {code} --desired-value {value}"
    )
