"""Each check against the states of an account that it is there for."""

import pytest

INFLUX = "timestream-influxdb"
BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"


def test_an_account_without_bootstrap_gets_the_exact_command(preflight, cloud):
    cloud.parameters.clear()
    said = preflight(fails=1)["of"]["bootstrap"]
    assert said["status"] == "failed"
    assert "make bootstrap" in said["todo"]


@pytest.mark.parametrize(("version", "status"), [("5", "failed"), ("6", "ok"), ("30", "ok"), ("new", "failed")])
def test_the_bootstrap_stack_must_be_new_enough(preflight, cloud, version, status):
    cloud.parameters[BOOTSTRAP] = version
    said = preflight(fails=int(status == "failed"))["of"]["bootstrap"]
    assert said["status"] == status
    assert version in said["says"]


@pytest.mark.parametrize(("stage", "other"), [("dev", "prod"), ("prod", "dev")])
def test_another_stage_in_the_account_and_region_fails(preflight, cloud, stage, other):
    cloud.stacks = {"Elsewhere": "CREATE_COMPLETE", f"Fieldline-{other}-Data": "CREATE_COMPLETE"}
    said = preflight("--stage", stage, fails=1)["of"]["one stage"]
    assert said["status"] == "failed"
    assert f"Stage {other}" in said["says"]


def test_our_own_stage_and_other_peoples_stacks_do_not(preflight, cloud):
    cloud.stacks = {f"Fieldline-dev-{name}": "UPDATE_COMPLETE" for name in ("Data", "Store", "Fleet", "Ingest", "Api")}
    cloud.stacks |= {"CDKToolkit": "CREATE_COMPLETE", "Fieldline": "ROLLBACK_COMPLETE", "Field": "DELETE_FAILED"}
    document = preflight()
    assert document["of"]["one stage"]["status"] == "ok"
    assert "5 stacks of stage dev are whole" in document["of"]["earlier deployment"]["says"]


def test_stacks_on_later_pages_count(preflight, cloud):
    cloud.stacks = {f"A-{at}": "CREATE_COMPLETE" for at in range(5)} | {"Fieldline-prod-Api": "CREATE_COMPLETE"}
    assert preflight(fails=1)["of"]["one stage"]["status"] == "failed"
    assert cloud.asked["DescribeStacks"] == 3  # pages, for all that want to know of stacks


@pytest.mark.parametrize(
    ("status", "todo"),
    [
        ("ROLLBACK_COMPLETE", "delete-stack --stack-name Fieldline-dev-Api"),
        ("ROLLBACK_FAILED", "delete-stack"),
        ("CREATE_FAILED", "delete-stack"),
        ("DELETE_FAILED", "delete-stack"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name Fieldline-dev-Api"),
        ("UPDATE_FAILED", "rollback-stack"),
        ("UPDATE_IN_PROGRESS", "wait"),
        ("DELETE_IN_PROGRESS", "wait"),
    ],
)
def test_a_stack_in_the_way_is_named_with_what_mends_it(preflight, cloud, status, todo):
    cloud.stacks = {"Fieldline-dev-Data": "CREATE_COMPLETE", "Fieldline-dev-Api": status}
    said = preflight(fails=1)["of"]["earlier deployment"]
    assert f"Fieldline-dev-Api is in the way: its status is {status}" in said["says"]
    assert todo in said["todo"]
    assert "update-termination-protection" not in said["todo"]


def test_a_protected_stack_is_unprotected_before_it_is_deleted(preflight, cloud):
    cloud.stacks = {"Fieldline-dev-Data": "ROLLBACK_COMPLETE"}
    cloud.protected = {"Fieldline-dev-Data"}
    unprotect, delete = preflight(fails=1)["of"]["earlier deployment"]["todo"].split(" && ")
    assert "--no-enable-termination-protection --stack-name Fieldline-dev-Data" in unprotect
    assert "delete-stack --stack-name Fieldline-dev-Data" in delete


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"]
)
def test_a_deployment_goes_on_from_these(preflight, cloud, status):
    cloud.stacks = {"Fieldline-dev-Data": status}
    assert preflight()["of"]["earlier deployment"]["status"] == "ok"


def test_the_quota_of_messages_is_told_as_devices(preflight, cloud):
    assert "1,200,000 devices at one message a minute" in preflight()["of"]["messages a second"]["says"]
    cloud.own_quotas["iotcore", "L-4B33E451"] = 50.0
    said = preflight()["of"]["messages a second"]
    assert (said["status"], said["figures"]) == ("warning", {"messages_a_second": 50})
    assert "--service-code iotcore --quota-code L-4B33E451" in said["todo"]


def test_a_quota_that_aws_does_not_know_is_unknown(preflight, cloud):
    cloud.quotas.clear()
    assert preflight()["of"]["messages a second"]["status"] == "unknown"


@pytest.mark.parametrize(
    ("stage", "concurrency", "status"),
    [
        ("dev", (10, 10), "warning"),
        ("dev", (67, 67), "warning"),
        ("dev", (68, 68), "ok"),
        ("prod", (1000, 157), "warning"),
        ("prod", (1000, 900), "ok"),
    ],
)
def test_functions_that_drain_the_queues_must_leave_some_for_the_api(preflight, cloud, stage, concurrency, status):
    cloud.concurrency = concurrency
    said = preflight("--stage", stage)["of"]["functions at once"]
    assert said["status"] == status
    assert said["figures"]["quota"] == concurrency[0]


def test_somebody_elses_role_for_api_gateway_is_warned_of(preflight, cloud):
    assert preflight()["of"]["API Gateway's role"]["status"] == "ok"
    cloud.api_role = "arn:aws:iam::123456789012:role/theirs"
    said = preflight()["of"]["API Gateway's role"]
    assert said["status"] == "warning"
    assert cloud.api_role in said["says"]
    cloud.stacks = {"Fieldline-dev-Api": "UPDATE_COMPLETE"}
    assert preflight()["of"]["API Gateway's role"]["status"] == "ok"


def test_a_log_group_that_the_fleet_stack_wants_to_make_must_not_exist(preflight, cloud):
    cloud.log_groups = ["AWSIotLogsV2Old"]
    assert preflight()["of"]["AWS IoT logging"]["status"] == "ok"
    cloud.log_groups.append("AWSIotLogsV2")
    said = preflight(fails=1)["of"]["AWS IoT logging"]
    assert "delete-log-group --log-group-name AWSIotLogsV2" in said["todo"]
    cloud.stacks = {"Fieldline-dev-Fleet": "CREATE_COMPLETE"}
    assert preflight()["of"]["AWS IoT logging"]["status"] == "ok"


def test_only_the_store_with_a_network_asks_for_room(preflight, cloud):
    cloud.vpcs = ["theirs"] * 5
    assert "network" not in preflight("--store", "dynamodb")["of"]
    said = preflight("--store", INFLUX, fails=1)["of"]["network"]
    assert "1 more VPCs; the region has 5 of at most 5" in said["says"]
    assert "--quota-code L-F678F1CE --desired-value 6" in said["todo"]


@pytest.mark.parametrize(("gateways", "fails"), [(18, 0), (19, 1)])
def test_gateway_endpoints_have_a_quota_of_their_own(preflight, cloud, gateways, fails):
    cloud.gateways = gateways
    assert preflight("--store", INFLUX, fails=fails)["of"]["network"]["figures"]["gateway endpoints"] == gateways


def test_interface_endpoints_too(preflight, cloud):
    cloud.quotas["vpc", "L-29B6F2EB"] = 1.0
    assert "interface endpoints" in preflight("--store", INFLUX, fails=1)["of"]["network"]["says"]


def test_a_network_that_stands_already_needs_no_room(preflight, cloud):
    cloud.vpcs = ["theirs"] * 4 + ["Fieldline-prod-Store"]
    assert preflight("--stage", "prod")["of"]["network"]["status"] == "ok"
    assert preflight("--stage", "dev", "--store", INFLUX, fails=1)["of"]["network"]["status"] == "failed"


def test_what_it_costs_when_idle_is_told_with_its_parts(preflight):
    of = preflight("--stage", "prod")["of"]["idle cost"]
    assert "about $149 a month when idle" in of["says"]
    assert "instance in one zone (db.influx.medium) $87.60" in of["says"]
    parts = {name: usd for name, usd in of["figures"].items() if name != "usd_a_month"}
    assert round(sum(parts.values()), 2) == of["figures"]["usd_a_month"]
    chosen = ("--influx-instance", "db.influx.large", "--influx-storage", 100, "--influx-multi-az")
    two = preflight("--stage", "prod", *chosen)["of"]["idle cost"]["figures"]
    assert two["instance in two zones"] == pytest.approx(4 * parts["instance in one zone"])
    assert two["storage in two zones"] == pytest.approx(10 * parts["storage in one zone"])
    assert preflight("--stage", "dev")["of"]["idle cost"]["figures"]["usd_a_month"] < 5
