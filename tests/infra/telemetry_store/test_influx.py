"""The InfluxDB instance, its secrets, and the set-up that CloudFormation runs."""

import json

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from functions.catalogue import FUNCTIONS
from functions.settings import INFLUXDB
from infra.config import INFLUX_INSTANCES
from infra.stacks.store import SETUP_TIMEOUT

SPECS = {spec.name: spec for spec in FUNCTIONS}


def instance(deployment):
    return deployment.one("AWS::Timestream::InfluxDBInstance").properties


def secret(deployment, name):
    (found,) = (s for s in deployment.all("AWS::SecretsManager::Secret") if s.id.startswith(name))
    return found


def test_nobody_reaches_the_instance_from_outside(influx):
    assert instance(influx)["PubliclyAccessible"] is False
    assert influx.render(instance(influx)["VpcSecurityGroupIds"]) == ["NetworkDatabaseGroupD0B4F916.GroupId"]
    assert sorted(influx.render(instance(influx)["VpcSubnetIds"])) == sorted(
        subnet.id for subnet in influx.all("AWS::EC2::Subnet")
    )


def test_it_begins_with_the_organization_and_the_bucket_that_the_set_up_looks_for(influx):
    setup = influx.one("Custom::FieldlineInfluxSetup").properties
    assert instance(influx)["Organization"] == setup["Organization"] == "fieldline"
    assert instance(influx)["Bucket"] == setup["Bucket"] == "telemetry"
    assert (
        setup["Database"]
        == influx.function("backfill").properties["Environment"]["Variables"]["FIELDLINE_INFLUX_DATABASE"]
    )


def test_everybody_calls_it_at_its_own_port(influx):
    url = f"https://{influx.one('AWS::Timestream::InfluxDBInstance').id}.Endpoint:{instance(influx)['Port']}"
    for name in ("backfill", "store_admin"):
        variables = influx.function(name).properties["Environment"]["Variables"]
        assert influx.render(variables["FIELDLINE_INFLUX_URL"]) == url


def test_its_name_fits_and_is_one_for_each_stack(influx):
    name = instance(influx)["Name"]["Fn::Join"]
    assert name[0] == "-"
    assert name[1][0] == f"fieldline-{influx.stage}"
    # arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/1a2b3c4d-…: its eight characters are new with each stack.
    assert name[1][1] == {
        "Fn::Select": [
            0,
            {"Fn::Split": ["-", {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}]},
        ]
    }


def test_by_default_it_is_the_smallest_one_in_a_single_zone(influx):
    assert instance(influx)["DbInstanceType"] == "db.influx.medium"
    assert instance(influx)["AllocatedStorage"] == 20
    assert instance(influx)["DeploymentType"] == "SINGLE_AZ"


def test_size_and_standby_are_options(synthesized, tmp_path):
    context = {"influx_instance": "db.influx.xlarge", "influx_storage_gib": "400", "influx_multi_az": "true"}
    found = instance(synthesized(tmp_path, stage="prod", fleet="", **context))
    assert found["DbInstanceType"] == "db.influx.xlarge"
    assert found["AllocatedStorage"] == 400
    assert found["DeploymentType"] == "WITH_MULTIAZ_STANDBY"


def test_the_types_that_may_be_chosen_are_cloudformations():
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Timestream::InfluxDBInstance").schema
    assert list(INFLUX_INSTANCES) == schema["properties"]["DbInstanceType"]["enum"]


def test_no_secret_value_stands_in_a_template(any_deployment):
    for found in any_deployment.all("AWS::SecretsManager::Secret"):
        assert "SecretString" not in found.properties, found.id
    for template in any_deployment.templates.values():
        for parameter in template.get("Parameters", {}):
            assert parameter == "BootstrapVersion"
        for resource in template["Resources"].values():
            for name, value in resource.get("Properties", {}).items():
                if "password" in name.lower() and resource["Type"] != "AWS::Cognito::UserPool":
                    assert "{{resolve:secretsmanager:" in json.dumps(value), name


def test_the_password_is_generated_as_the_service_takes_it(influx):
    password = secret(influx, "InfluxPassword")
    assert (
        influx.render(instance(influx)["Password"]) == f"{{{{resolve:secretsmanager:{password.id}:SecretString:::}}}}"
    )
    generated = password.properties["GenerateSecretString"]
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Timestream::InfluxDBInstance").schema
    accepted = schema["properties"]["Password"]
    assert accepted["pattern"] == "^[a-zA-Z0-9]+$"
    assert generated["ExcludePunctuation"] is True
    assert accepted["minLength"] <= generated["PasswordLength"] <= accepted["maxLength"]


@pytest.mark.parametrize("name", ["InfluxWriteToken", "InfluxReadToken"])
def test_a_tokens_secret_begins_empty_and_a_deployment_never_overwrites_it(influx, name):
    assert not {"SecretString", "GenerateSecretString"} & secret(influx, name).properties.keys()


def test_the_set_up_runs_again_when_something_that_it_makes_changes(influx):
    setup = {**influx.one("Custom::FieldlineInfluxSetup").properties}
    assert influx.render(setup.pop("ServiceToken")) == f"{influx.function('store_setup').id}.Arn"
    assert setup.pop("ServiceTimeout") == "240"
    assert influx.render(setup) == {
        "Instance": influx.one("AWS::Timestream::InfluxDBInstance").id,
        "Organization": "fieldline",
        "Bucket": "telemetry",
        "Database": "telemetry",
        # A bucket cleans up by whole blocks; readers stop at 90 days to the millisecond.
        "RetentionDays": 97,
        "Version": "1",
    }


def test_an_answer_comes_before_cloudformation_gives_up():
    assert SPECS["store_admin"].timeout_s < SPECS["store_setup"].timeout_s < SETUP_TIMEOUT.to_seconds() <= 300


def test_the_set_up_outlives_nothing_that_it_needs(influx):
    """What it depends on is made before it, and deleted after it."""
    depends = {*influx.one("Custom::FieldlineInfluxSetup").body["DependsOn"]}
    needs = {influx.function(name).id for name in ("store_setup", "store_admin")}
    needs |= {
        r.id
        for kind in (
            "AWS::EC2::VPCEndpoint",
            "AWS::SecretsManager::Secret",
            "AWS::Timestream::InfluxDBInstance",
            "AWS::IAM::Role",
            "AWS::IAM::Policy",
        )
        for r in influx.all(kind, "Store")
        if not r.id.startswith("Network")
    }
    assert needs <= depends


def test_whoever_uses_the_store_is_deployed_after_its_set_up(influx):
    users = {"Ingest"} | ({"Api"} if influx.store == INFLUXDB else set())
    for stack in users:
        dependencies = influx.manifest["artifacts"][f"Fieldline-{influx.stage}-{stack}"]["dependencies"]
        assert f"Fieldline-{influx.stage}-Store" in dependencies


def test_the_store_is_deployed_without_waiting_for_its_users(influx):
    dependencies = influx.manifest["artifacts"][f"Fieldline-{influx.stage}-Store"]["dependencies"]
    waits_for = {name.rpartition("-")[2] for name in dependencies if not name.endswith(".assets")}
    assert waits_for == {"Data", "Live", "Alarms"}
