"""preflight against an account that can take a deployment, and the ones that cannot."""

import json

import pytest

from cli.preflight import account, run
from cli.preflight.deployment import STAGES, STORES

INFLUX, LIVE = "timestream-influxdb", "timestream-liveanalytics"
OTHER_CHECKS = {check.name for check in run.CHECKS}


def statuses(document):
    return {name: finding["status"] for name, finding in document["of"].items()}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("store", STORES)
def test_an_open_account_can_take_every_stage_and_store(preflight, stage, store):
    document = preflight("--stage", stage, "--store", store)
    assert document["ok"] is True
    assert set(statuses(document).values()) == {"ok"}
    assert {key: document[key] for key in ("v", "stage", "store", "previous_store", "account", "region")} == {
        "v": 1,
        "stage": stage,
        "store": store,
        "previous_store": None,
        "account": "123456789012",
        "region": "eu-west-1",
    }


def test_a_stage_has_a_store_of_its_own(preflight):
    assert preflight()["store"] == "dynamodb"
    assert preflight("--stage", "prod")["store"] == INFLUX


def test_an_account_that_is_closed_says_which_stores_it_can_use(preflight, cloud):
    cloud.closed = True
    said = preflight("--store", INFLUX)["of"][LIVE]
    assert said["status"] == "ok"
    assert "2025-06-20" in said["says"]
    assert "can use dynamodb everywhere, and timestream-influxdb" in said["says"]
    assert said["figures"]["usable"] is False


def test_a_closed_account_fails_where_that_store_is_chosen(preflight, cloud):
    cloud.closed = True
    document = preflight("--store", LIVE, fails=1)
    assert document["ok"] is False
    assert [name for name, status in statuses(document).items() if status == "failed"] == [LIVE]
    assert "--store timestream-influxdb" in document["of"][LIVE]["todo"]


@pytest.mark.parametrize("store", STORES)
def test_without_the_permission_nobody_knows_whether_the_account_is_closed(preflight, cloud, store):
    cloud.deny("timestream:DescribeEndpoints")
    said = preflight("--store", store)["of"][LIVE]
    assert said["status"] == "unknown"
    assert said["figures"]["permission"] == "timestream:DescribeEndpoints"


@pytest.mark.parametrize(("store", "service"), [(INFLUX, "TIMESTREAM_INFLUXDB"), (LIVE, "TIMESTREAM_WRITE")])
def test_a_region_without_the_service_has_no_address_for_it(preflight, store, service):
    nowhere = {f"AWS_ENDPOINT_URL_{service}": "http://service.eu-west-1.invalid"}
    said = preflight("--store", store, fails=1, env=nowhere)["of"][store]
    assert "eu-west-1 does not have" in said["says"]
    assert "--store" in said["todo"]
    assert preflight("--store", "dynamodb", env=nowhere)["of"][store]["status"] == "ok"


def test_where_a_service_does_not_answer_nothing_is_concluded(preflight):
    document = preflight("--store", INFLUX, env={"AWS_ENDPOINT_URL_TIMESTREAM_INFLUXDB": "http://127.0.0.1:1"})
    assert document["of"][INFLUX]["status"] == "unknown"
    assert "127.0.0.1:1" in document["of"][INFLUX]["says"]


@pytest.mark.parametrize("instances", [40, 41])
def test_an_account_with_all_its_instances_has_no_place_for_ours(preflight, cloud, instances):
    cloud.instances = [f"other-{at}" for at in range(instances)]
    assert "used up its 40" in preflight("--store", INFLUX, fails=1)["of"][INFLUX]["says"]
    assert preflight("--store", "dynamodb")["ok"]


def test_our_own_instance_needs_no_second_place(preflight, cloud):
    cloud.instances = [f"one-{at}" for at in range(40)]
    cloud.stacks = {"Fieldline-prod-Store": "UPDATE_COMPLETE"}
    assert preflight("--stage", "prod", "--store", INFLUX)["of"][INFLUX]["status"] == "ok"


def test_no_credentials_is_said_once(preflight, cloud):
    document = preflight(fails=1, env={"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None})
    assert statuses(document) == {"region": "ok", "credentials": "failed", "idle cost": "ok"}
    assert "aws sso login" in document["of"]["credentials"]["todo"]
    assert not cloud.asked


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("ExpiredToken", "expired"),
        ("InvalidClientTokenId", "does not know these credentials in eu-west-1"),
        ("SignatureDoesNotMatch", "signature"),
        ("SomethingElse", "SomethingElse"),
    ],
)
def test_credentials_that_aws_does_not_accept(preflight, cloud, refusal, code, says):
    cloud.refuse["GetCallerIdentity"] = refusal(403, code, "The security token included in the request is not right")
    document = preflight(fails=1)
    assert says in document["of"]["credentials"]["says"]
    assert not OTHER_CHECKS & set(document["of"])


def test_the_root_user_is_warned(preflight, cloud):
    cloud.arn = "arn:aws:iam::123456789012:root"
    assert preflight()["of"]["credentials"]["status"] == "warning"


def test_an_endpoint_that_nobody_listens_at_is_no_account(preflight):
    document = preflight(fails=1, env={"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert "cannot be reached" in document["of"]["credentials"]["says"]


def test_a_name_that_does_not_resolve_is_no_region(preflight):
    document = preflight(fails=1, env={"AWS_ENDPOINT_URL": "http://sts.invalid"})
    assert "no address in eu-west-1" in document["of"]["credentials"]["says"]


@pytest.mark.parametrize(
    ("region", "says"),
    [(None, "No region"), ("eu-west1", "Did you mean eu-west-1"), ("af-south-1", "does not have AWS IoT Core")],
)
def test_a_region_that_will_not_do_is_told_without_asking_anybody(preflight, cloud, region, says):
    document = preflight(fails=1, env={"AWS_REGION": region})
    assert says in document["of"]["region"]["says"]
    assert not cloud.asked


def test_an_option_for_the_region_wins_over_the_environment(preflight):
    assert preflight("--region", "us-east-1")["region"] == "us-east-1"
    assert preflight(env={"AWS_REGION": None, "AWS_DEFAULT_REGION": "eu-central-1"})["region"] == "eu-central-1"


@pytest.mark.parametrize("check", run.CHECKS, ids=lambda check: check.name)
def test_a_missing_permission_is_named_and_stops_nothing(preflight, cloud, check):
    operations = {"apigateway:GET": "GetAccount", "servicequotas:GetServiceQuota": "GetServiceQuota"}
    cloud.deny(check.action)
    operation = operations.get(check.action)
    if operation:
        cloud.refuse[operation] = cloud.refuse.pop(check.action.split(":")[1])
    document = preflight("--store", INFLUX)
    said = document["of"][check.name]
    assert (said["status"], said["figures"]) == ("unknown", {"permission": check.action})
    assert check.action in said["says"]


def test_throttling_is_no_failure(preflight, cloud, refusal):
    for operation in ("GetParameter", "ListDbInstances", "DescribeEndpoints"):
        cloud.refuse[operation] = refusal(400, "ThrottlingException", "Rate exceeded")
    cloud.refuse["GetAccountSettings"] = refusal(429, "TooManyRequestsException", "Rate exceeded")
    cloud.refuse["DescribeStacks"] = refusal(400, "Throttling", "Rate exceeded")
    document = preflight("--store", INFLUX)
    said = [one for one in document["findings"] if one["status"] == "unknown"]
    assert len(said) == 7
    assert all("throttling" in one["says"] for one in said)
    assert cloud.asked["GetParameter"] == account.ATTEMPTS


def test_an_answer_that_aws_never_gave_is_no_crash(preflight, cloud, refusal):
    cloud.refuse["GetParameter"] = refusal(500, "InternalFailure", "\x1b[31moops")
    assert "InternalFailure" in preflight()["of"]["bootstrap"]["says"]


def test_a_question_without_an_answer_keeps_nobody_waiting(preflight, cloud, monkeypatch):
    cloud.hang = {"GetParameter"}
    monkeypatch.setattr(account, "READ_TIMEOUT_S", 0.2)
    assert preflight()["of"]["bootstrap"]["status"] == "unknown"


def test_the_whole_has_a_limit_too(environment, cloud, monkeypatch):
    cloud.hang = {"GetParameter", "DescribeEndpoints"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name, raising=False)
    found = run.findings(account.open_account(None, None), run.Deployment("dev", "dynamodb"), timeout_s=1.5)
    slow = {one.name for one in found if one.status == "unknown"}
    assert {"bootstrap", LIVE} <= slow
    assert all("no answer within 1.5 s" in one.says for one in found if one.name in {"bootstrap", LIVE})


def test_a_profile_that_does_not_exist_is_a_usage_error(run, environment):
    stderr = run("preflight", "--aws-profile", "nobody", fails=2, env=environment).stderr
    assert "nobody" in stderr


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (["--stage", "test"], "--stage: expected one of"),
        (["--store", "sqlite"], "--store: expected one of"),
        (["--previous-store", "sqlite"], "--previous-store: expected one of"),
        (["--drop-store", "sqlite"], "--drop-store: expected one of"),
        (["--previous-store", "dynamodb"], "--previous-store: expected another store"),
        (["--drop-store", "dynamodb"], "--drop-store: expected another store"),
        (["--store", LIVE, "--previous-store", INFLUX], "--previous-store: expected nothing, or dynamodb"),
    ],
)
def test_an_option_that_is_none_says_what_was_expected(run, environment, args, names):
    stderr = run("preflight", *args, fails=2, env=environment).stderr
    assert f"error: {names}" in " ".join(stderr.split())


def test_people_read_the_verdict_in_the_last_line(run, environment, cloud):
    text = run("preflight", "--store", LIVE, env=environment).stdout
    assert text.splitlines()[-1] == "Nothing stands in the way."
    cloud.closed = True
    cloud.deny("ssm:GetParameter")
    text = run("preflight", "--store", LIVE, fails=1, env=environment).stdout
    assert text.splitlines()[-1] == "Do not deploy yet: 1 failed, 1 unknown."
    assert f"failed   {LIVE}" in text
    assert "→ Choose --store timestream-influxdb" in text


def test_what_aws_says_cannot_command_the_terminal(run, environment, cloud, refusal):
    cloud.refuse["GetParameter"] = refusal(400, "Odd", "\u202e[bold]x")
    text = run("preflight", env=environment).stdout
    assert "[bold]x" in text
    assert "\u202e" not in text


def test_the_json_is_one_object(run, environment):
    assert json.loads(run("preflight", "--json", env=environment).stdout)["ok"]


GARBAGE = ["<html>Sign in to the hotel</html>", "", "{}", "[1]", '{"Quota": null, "Vpcs": 3}', "<a/>"]
ASKED = [
    "DescribeStacks",
    "DescribeVpcs",
    "DescribeEndpoints",
    "DescribeLogGroups",
    "GetAccount",
    "GetAccountSettings",
    "GetParameter",
    "GetServiceQuota",
    "ListDbInstances",
]


@pytest.mark.parametrize("text", GARBAGE)
def test_what_is_no_aws_never_crashes_the_command(preflight, cloud, text):
    cloud.garbage = dict.fromkeys(ASKED, text)
    document = preflight("--store", INFLUX)
    assert document["ok"]
    assert document["of"]["bootstrap"]["status"] == document["of"][INFLUX]["status"] == "unknown"
    assert document["of"][LIVE]["status"] == "unknown"


@pytest.mark.parametrize("text", GARBAGE)
def test_what_is_no_aws_is_no_caller(preflight, cloud, text):
    cloud.garbage = {"GetCallerIdentity": text}
    assert preflight(fails=1)["of"]["credentials"]["status"] == "failed"


def test_an_endpoint_that_is_no_address_is_told(preflight):
    document = preflight(env={"AWS_ENDPOINT_URL_SSM": "not an address"})
    assert document["of"]["bootstrap"]["status"] == "unknown"
    assert preflight(fails=1, env={"AWS_ENDPOINT_URL": "not an address"})["of"]["credentials"]["status"] == "failed"
