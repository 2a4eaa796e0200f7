import json

import pytest

from local.errors import TransformError
from local.timestream_template import InfluxInstance, LiveTable, provisions
from local.transform import Place, transform

PLACE = Place(
    "http://127.0.0.1:8421",
    "123456789012",
    "eu-west-1",
    "http://127.0.0.1:8423",
    "pass-word",
    ("http://127.0.0.1:8420", "http://localhost:8420"),
    "localhost:8422",
    "/instance/ca.pem",
)
INSTANCE = {
    "Type": "AWS::Timestream::InfluxDBInstance",
    "Properties": {"Organization": "fieldline", "Bucket": "telemetry", "Username": "boss", "Password": "{{resolve:x}}"},
}
DATABASE = {"Type": "AWS::Timestream::Database", "Properties": {"DatabaseName": "fieldline"}}
TABLE = {
    "Type": "AWS::Timestream::Table",
    "DependsOn": ["Database"],
    "Properties": {
        "DatabaseName": {"Ref": "Database"},
        "TableName": "telemetry",
        "RetentionProperties": {"MemoryStoreRetentionPeriodInHours": "24", "MagneticStoreRetentionPeriodInDays": "97"},
        "MagneticStoreWriteProperties": {
            "EnableMagneticStoreWrites": True,
            "MagneticStoreRejectedDataLocation": {"S3Configuration": {"BucketName": {"Ref": "Rejected"}}},
        },
    },
}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {}}


def adapt(resources, **sections):
    return transform("Stack", {"Resources": resources, **sections}, PLACE)


def test_an_influxdb_instance_leaves_the_secret_that_aws_would_generate():
    resources = adapt({"Store": INSTANCE})["Resources"]
    ((name, secret),) = resources.items()
    assert (name, secret["Type"]) == ("StoreAuthParameters", "AWS::SecretsManager::Secret")
    assert json.loads(secret["Properties"]["SecretString"]) == {
        "username": "boss",
        "password": "pass-word",
        "organization": "fieldline",
        "bucket": "telemetry",
    }


def test_what_refers_to_an_influxdb_instance_gets_what_aws_would_answer():
    exports = {
        "Endpoint": {"Value": {"Fn::GetAtt": ["Store", "Endpoint"]}},
        "Secret": {"Value": {"Fn::GetAtt": "Store.InfluxAuthParametersSecretArn"}},
    }

    def role(secret, **more):
        statement = {"Action": "secretsmanager:GetSecretValue", "Resource": [{"Fn::GetAtt": secret}]}
        policies = [{"PolicyDocument": {"Statement": [statement]}}]
        return {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies}, **more}

    before = role(["Store", "InfluxAuthParametersSecretArn"], DependsOn=["Store"])
    adapted = adapt({"Store": INSTANCE, "Role": before}, Outputs=exports)
    assert adapted["Resources"]["Role"] == role(["StoreAuthParameters", "Id"])
    assert adapted["Outputs"]["Endpoint"]["Value"] == "127.0.0.1"
    assert adapted["Outputs"]["Secret"]["Value"] == {"Fn::GetAtt": ["StoreAuthParameters", "Id"]}


def test_a_function_is_told_the_address_of_the_look_alike():
    url = {"Fn::Join": ["", ["https://", {"Fn::GetAtt": ["Store", "Endpoint"]}, ":8086"]]}
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.13",
            "Code": {"S3Bucket": "b", "S3Key": "k.zip"},
            "Environment": {"Variables": {"FIELDLINE_INFLUX_URL": url}},
        },
    }
    adapted = adapt({"Store": INSTANCE, "Function": function})["Resources"]["Function"]
    variables = adapted["Properties"]["Environment"]["Variables"]
    assert variables["FIELDLINE_INFLUX_URL"] == "http://127.0.0.1:8423"
    assert variables["AWS_ENDPOINT_URL_TIMESTREAM_WRITE"] == "http://127.0.0.1:8423"
    assert variables["AWS_ENDPOINT_URL_TIMESTREAM_QUERY"] == "http://127.0.0.1:8423"
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:8421"


def test_references_to_a_liveanalytics_table_become_its_names():
    outputs = {
        "Arn": {"Value": {"Fn::GetAtt": ["Table", "Arn"]}},
        "Name": {"Value": {"Fn::GetAtt": ["Table", "Name"]}},
        "Ref": {"Value": {"Ref": "Table"}},
        "Database": {"Value": {"Ref": "Database"}},
    }
    adapted = adapt({"Database": DATABASE, "Table": TABLE, "Role": ROLE}, Outputs=outputs)
    assert list(adapted["Resources"]) == ["Role"]
    assert {name: output["Value"] for name, output in adapted["Outputs"].items()} == {
        "Arn": "arn:aws:timestream:eu-west-1:123456789012:database/fieldline/table/telemetry",
        "Name": "telemetry",
        "Ref": "fieldline|telemetry",
        "Database": "fieldline",
    }


def test_the_launcher_is_told_what_to_make():
    wanted = provisions({"Resources": {"Store": INSTANCE, "Database": DATABASE, "Table": TABLE}}, PLACE)
    assert wanted == (
        InfluxInstance("fieldline", "telemetry", "boss", "pass-word"),
        LiveTable(
            "fieldline",
            "telemetry",
            {"MemoryStoreRetentionPeriodInHours": 24, "MagneticStoreRetentionPeriodInDays": 97},
            {"EnableMagneticStoreWrites": True},
        ),
    )


def test_a_template_without_timestream_asks_for_nothing_and_stays_as_it_is():
    assert provisions({"Resources": {"Role": ROLE}}, PLACE) == ()
    assert adapt({"Role": ROLE})["Resources"] == {"Role": ROLE}


def test_a_name_that_is_no_literal_is_refused_with_its_place():
    table = {**TABLE, "Properties": {**TABLE["Properties"], "TableName": {"Ref": "Elsewhere"}}}
    with pytest.raises(TransformError, match=r"Table \(AWS::Timestream::Table\): TableName: expected a literal text"):
        provisions({"Resources": {"Database": DATABASE, "Table": table}}, PLACE)
