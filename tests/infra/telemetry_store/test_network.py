"""The store's network: who is in it, what they can reach, and that nothing leads out."""

import pytest

from functions.catalogue import FUNCTIONS
from functions.settings import INFLUXDB
from infra.check import Deployed

INSIDE = {"ingest", "series", "backfill", "store_admin"}
# Lambda itself polls queues, writes logs and makes network interfaces, from outside the function's network.
BY_LAMBDA = {"Consume", "OwnLogs", "NetworkInterfaces"}
SERVICES = {
    "dynamodb": "dynamodb",
    "s3": "s3",
    "firehose": "kinesis-firehose",
    "secretsmanager": "secretsmanager",
    "sqs": "sqs",
}
"""IAM's prefix of a service to the last part of its endpoint's name."""
WAYS_OUT = (
    "AWS::EC2::NatGateway",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::EgressOnlyInternetGateway",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::EC2::TransitGatewayAttachment",
    "AWS::EC2::VPCPeeringConnection",
    "AWS::EC2::EIP",
    "AWS::EC2::Route",
)


def placed(deployment):
    return [f for f in deployment.all("AWS::Lambda::Function") if "VpcConfig" in f.properties]


def names(functions):
    return {f.properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for f in functions}


def endpoints(deployment):
    """By the service's name: `s3`, `kinesis-firehose`."""
    found = deployment.all("AWS::EC2::VPCEndpoint")
    return {deployment.render(e.properties["ServiceName"]).rpartition(".")[2]: e.properties for e in found}


def called(deployment, statements_of, listed, functions):
    """(action, resource) of what the functions' own code may call."""
    pairs = set()
    for function in functions:
        (role,) = (
            role
            for role in deployment.all("AWS::IAM::Role", function.stack)
            if deployment.render(function.properties["Role"]) == f"{role.id}.Arn"
        )
        for statement in statements_of(deployment, role):
            if statement.get("Sid") not in BY_LAMBDA:
                pairs |= {(a, r) for a in listed(statement["Action"]) for r in listed(statement["Resource"])}
    return pairs


def passed_on(deployment, listed):
    """(action, resource) of what the endpoints' policies let through."""
    pairs = set()
    for properties in endpoints(deployment).values():
        for statement in deployment.render(properties["PolicyDocument"])["Statement"]:
            assert statement["Effect"] == "Allow"
            assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "AWS::AccountId"}}
            pairs |= {(a, r) for a in listed(statement["Action"]) for r in listed(statement["Resource"])}
    return pairs


@pytest.fixture(scope="module", params=["dev", "prod"])
def in_use(request, deployments):
    """InfluxDB as the store."""
    return deployments(Deployed(request.param, INFLUXDB))


def test_who_needs_the_store_is_inside_and_everybody_else_outside(any_deployment):
    if INFLUXDB not in any_deployment.stores:
        assert not placed(any_deployment)
    elif any_deployment.store == INFLUXDB:
        assert names(placed(any_deployment)) == INSIDE
    else:
        assert names(placed(any_deployment)) == {"backfill", "store_admin"}


def test_whoever_calls_iot_cognito_sns_lambda_or_the_internet_is_outside(influx):
    # The API signs people in, the authorizer fetches keys, both custom resources answer CloudFormation.
    outside = names(influx.all("AWS::Lambda::Function")) - names(placed(influx))
    assert {"api", "authorizer", "registrar", "store_setup"} <= outside


def test_inside_nothing_is_granted_that_no_endpoint_leads_to(influx, statements_of, listed):
    services = {action.partition(":")[0] for action, _ in called(influx, statements_of, listed, placed(influx))}
    assert {SERVICES.get(service, service) for service in services} <= endpoints(influx).keys()


def test_no_endpoint_is_superfluous(in_use, statements_of, listed):
    services = {action.partition(":")[0] for action, _ in called(in_use, statements_of, listed, placed(in_use))}
    assert {SERVICES[service] for service in services} == endpoints(in_use).keys()
    assert endpoints(in_use).keys() == {"dynamodb", "s3", "kinesis-firehose", "secretsmanager", "sqs"}


def test_endpoints_pass_on_exactly_what_the_functions_inside_may_do(in_use, statements_of, listed):
    assert passed_on(in_use, listed) == called(in_use, statements_of, listed, placed(in_use))


def test_endpoints_pass_on_all_that_a_move_takes(influx, statements_of, listed):
    assert called(influx, statements_of, listed, placed(influx)) <= passed_on(influx, listed)


def test_the_network_stays_as_it_is_while_functions_leave_it(deployments):
    """A store that becomes the previous one: its stack is deployed before the functions' are."""
    before, after = (
        deployments(Deployed("prod", *stores)) for stores in ((INFLUXDB, "dynamodb"), ("dynamodb", INFLUXDB))
    )
    for kind in ("AWS::EC2::VPCEndpoint", "AWS::EC2::SecurityGroup", "AWS::EC2::Subnet", "AWS::EC2::RouteTable"):
        assert [before.render(r.properties) for r in before.all(kind)] == [
            after.render(r.properties) for r in after.all(kind)
        ]


def test_gateways_are_free_and_interfaces_stand_in_each_zone(influx):
    kinds = {name: e.get("VpcEndpointType", "Gateway") for name, e in endpoints(influx).items()}
    assert kinds == {
        "dynamodb": "Gateway",
        "s3": "Gateway",
        "kinesis-firehose": "Interface",
        "secretsmanager": "Interface",
        "sqs": "Interface",
    }
    subnets = sorted(s.id for s in influx.all("AWS::EC2::Subnet"))
    tables = sorted(t.id for t in influx.all("AWS::EC2::RouteTable"))
    for endpoint in endpoints(influx).values():
        if "SubnetIds" in endpoint:
            assert sorted(influx.render(endpoint["SubnetIds"])) == subnets
            assert endpoint["PrivateDnsEnabled"] is True
        else:
            assert sorted(influx.render(endpoint["RouteTableIds"])) == tables


def test_nothing_leads_out(any_deployment):
    for kind in WAYS_OUT:
        assert not any_deployment.all(kind), kind
    for subnet in any_deployment.all("AWS::EC2::Subnet"):
        assert subnet.properties["MapPublicIpOnLaunch"] is False


def test_there_is_a_network_only_where_a_store_needs_one(any_deployment):
    needed = INFLUXDB in any_deployment.stores
    assert bool(any_deployment.all("AWS::EC2::VPC")) == needed
    assert ("Store" in any_deployment.templates) == needed


def test_the_subnets_are_in_two_zones(influx):
    zones = [subnet.properties["AvailabilityZone"] for subnet in influx.all("AWS::EC2::Subnet")]
    assert zones == [{"Fn::Select": [n, {"Fn::GetAZs": ""}]} for n in (0, 1)]


def test_functions_inside_stand_in_both_zones_and_in_their_own_group(influx):
    subnets = sorted(s.id for s in influx.all("AWS::EC2::Subnet"))
    for function in placed(influx):
        config = influx.render(function.properties["VpcConfig"])
        assert sorted(config["SubnetIds"]) == subnets
        assert config["SecurityGroupIds"] == ["NetworkFunctionsGroup60FB6878.GroupId"]


@pytest.mark.parametrize(
    ("group", "port"), [("NetworkDatabaseGroupD0B4F916", 8086), ("NetworkEndpointsGroup228F77A9", 443)]
)
def test_only_the_functions_may_knock_and_only_at_one_port(influx, group, port):
    (found,) = (g for g in influx.all("AWS::EC2::SecurityGroup") if g.id == group)
    (rule,) = found.properties["SecurityGroupIngress"]
    assert influx.render(rule["SourceSecurityGroupId"]) == "NetworkFunctionsGroup60FB6878.GroupId"
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", port, port)
    (nowhere,) = found.properties["SecurityGroupEgress"]
    assert nowhere["CidrIp"] == "255.255.255.255/32"


def test_nobody_may_knock_at_a_function(influx):
    (found,) = (g for g in influx.all("AWS::EC2::SecurityGroup") if g.id == "NetworkFunctionsGroup60FB6878")
    assert "SecurityGroupIngress" not in found.properties
    assert {(r["CidrIp"], r["FromPort"]) for r in found.properties["SecurityGroupEgress"]} == {
        ("10.84.0.0/24", 8086),
        ("0.0.0.0/0", 443),
    }


def test_rules_of_groups_stand_inline_so_that_a_laptop_can_make_them(influx):
    assert not influx.all("AWS::EC2::SecurityGroupIngress")
    assert not influx.all("AWS::EC2::SecurityGroupEgress")


def test_what_the_network_refuses_is_logged(influx):
    log = influx.one("AWS::EC2::FlowLog").properties
    assert log["TrafficType"] == "REJECT"
    assert influx.render(log["ResourceId"]) == influx.one("AWS::EC2::VPC").id
    assert influx.render(log["LogGroupName"]) in {g.id for g in influx.all("AWS::Logs::LogGroup", "Store")}


def test_the_catalogue_places_the_same_functions():
    assert {spec.name for spec in FUNCTIONS if spec.runs_in_store_network(INFLUXDB)} == INSIDE
