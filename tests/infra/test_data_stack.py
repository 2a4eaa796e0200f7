"""What must survive: its identity across deploys, its protection in prod, its encryption."""

import pytest

from functions.settings import DYNAMODB, INFLUXDB, LIVEANALYTICS

# A changed id makes CloudFormation create an empty resource beside (dev: instead of) the full one.
STATEFUL = {
    "Data": {
        "AWS::DynamoDB::GlobalTable": {"CoreTable97EB8292", "StateTable9728C7E5", "EventsTableD24865E5"},
        "AWS::S3::Bucket": {"LakeBucketB1D32E10", "LakeAccessLogs4431AB8D", "AuditBucket7486E833"},
        "AWS::KinesisFirehose::DeliveryStream": {"LakeStreamFF47BEAA"},
    },
    "Live": {"AWS::DynamoDB::GlobalTable": {"LiveTable7FA49CDD"}},
    "Api": {"AWS::Cognito::UserPool": {"UsersPoolBFC35D3B"}},
    # The bucket is made again by a deployment; another distribution would have another address.
    "Web": {
        "AWS::S3::Bucket": {"OriginFiles9ABB07FB"},
        "AWS::CloudFront::Distribution": {"OriginDistribution26B8F733"},
    },
}
OF_STORE = {
    DYNAMODB: {"Data": {"AWS::DynamoDB::GlobalTable": {"TelemetryTableB87F4322"}}},
    LIVEANALYTICS: {
        "Data": {
            "AWS::Timestream::Database": {"LiveAnalyticsDatabase4B87A166"},
            "AWS::Timestream::Table": {"LiveAnalyticsTable9EC1FB82"},
            "AWS::S3::Bucket": {"LiveAnalyticsRejected9DEB231A"},
        }
    },
    INFLUXDB: {
        "Store": {
            "AWS::Timestream::InfluxDBInstance": {"InfluxInstance21FC3BA6"},
            # Where it stands cannot be changed: another subnet or group would be another instance.
            "AWS::EC2::VPC": {"NetworkVpc7FB7348F"},
            "AWS::EC2::Subnet": {"NetworkVpcIsolatedSubnet1Subnet0400477E", "NetworkVpcIsolatedSubnet2SubnetF65B365A"},
            "AWS::EC2::SecurityGroup": {
                "NetworkFunctionsGroup60FB6878",
                "NetworkDatabaseGroupD0B4F916",
                "NetworkEndpointsGroup228F77A9",
            },
        }
    },
}
KEEPS_DATA = (
    "AWS::DynamoDB::GlobalTable",
    "AWS::S3::Bucket",
    "AWS::Cognito::UserPool",
    "AWS::Timestream::Database",
    "AWS::Timestream::Table",
    "AWS::Timestream::InfluxDBInstance",
)
LIVED_IN = ("AWS::EC2::VPC", "AWS::EC2::Subnet")
"""What a retained database goes on standing in."""
RETAINED = (*KEEPS_DATA, *LIVED_IN, "AWS::EC2::SecurityGroup")


def pinned(deployment):
    """(stack, type, id) of all that must stay what it is."""
    return {
        (stack, kind, id_)
        for stacks in (STATEFUL, *(OF_STORE[store] for store in deployment.stores))
        for stack, kinds in stacks.items()
        for kind, ids in kinds.items()
        for id_ in ids
    }


def table(deployment, name):
    (found,) = (t for t in deployment.all("AWS::DynamoDB::GlobalTable") if t.id.startswith(name))
    return found


def bucket(deployment, name):
    (found,) = (b for b in deployment.all("AWS::S3::Bucket") if b.id.startswith(name))
    return found


def replica(found):
    (only,) = found.properties["Replicas"]
    return only


def test_logical_ids_of_what_keeps_data_never_change(any_deployment):
    kinds = {kind for _, kind, _ in pinned(any_deployment)} | {*KEEPS_DATA}
    found = {(r.stack, kind, r.id) for kind in kinds for r in any_deployment.all(kind)}
    assert found == pinned(any_deployment)


def test_what_keeps_data_goes_with_dev_and_stays_with_prod(any_deployment):
    policy = {"dev": "Delete", "prod": "Retain"}[any_deployment.stage]
    for kind in (*KEEPS_DATA, *LIVED_IN):
        for resource in any_deployment.all(kind):
            if resource.stack == "Web":
                continue
            assert resource.body["DeletionPolicy"].removesuffix("ExceptOnCreate") == policy, resource.id
            assert resource.body["UpdateReplacePolicy"] == policy, resource.id


def test_a_deployment_of_timestream_that_fails_leaves_nothing_of_its_own(any_deployment):
    """No instance to pay for without a stack, and no name that the next attempt finds taken."""
    of_timestream = {
        id_
        for store in any_deployment.stores - {DYNAMODB}
        for kinds in OF_STORE[store].values()
        for ids in kinds.values()
        for id_ in ids
    }
    stay = {r.id for kind in RETAINED for r in any_deployment.all(kind) if r.body.get("DeletionPolicy") == "Retain"}
    assert not stay & of_timestream
    assert all(s.body.get("DeletionPolicy") != "Retain" for s in any_deployment.all("AWS::SecretsManager::Secret"))


def test_what_deletion_protection_guards_stays_also_of_a_deployment_that_fails(prod):
    """CloudFormation could not delete it, and would end up unable to roll back either."""
    protected = [*prod.all("AWS::DynamoDB::GlobalTable"), *prod.all("AWS::Cognito::UserPool")]
    assert {resource.body["DeletionPolicy"] for resource in protected} == {"Retain"}


def test_a_group_stays_as_long_as_the_database_in_it(influx):
    policy = {"dev": "Delete", "prod": "RetainExceptOnCreate"}[influx.stage]
    kept = {g.id for g in influx.all("AWS::EC2::SecurityGroup") if g.body.get("DeletionPolicy") == policy}
    assert kept == {"NetworkDatabaseGroupD0B4F916", "NetworkFunctionsGroup60FB6878"}


@pytest.mark.parametrize(("stage", "protected"), [("dev", False), ("prod", True)])
def test_prod_protects_tables_and_users_from_deletion(request, stage, protected):
    deployment = request.getfixturevalue(stage)
    for found in deployment.all("AWS::DynamoDB::GlobalTable"):
        assert replica(found)["DeletionProtectionEnabled"] is protected, found.id
    pool = deployment.one("AWS::Cognito::UserPool")
    assert pool.properties.get("DeletionProtection", "INACTIVE") == ("ACTIVE" if protected else "INACTIVE")


@pytest.mark.parametrize(
    ("stage", "protected"), [("dev", set()), ("prod", {"Data", "Live", "Store", "Fleet", "Api", "Web"})]
)
def test_prod_protects_stacks_with_data_identities_and_users_from_termination(request, stage, protected):
    artifacts = request.getfixturevalue(stage).manifest["artifacts"]
    found = {
        name.rpartition("-")[2]
        for name, artifact in artifacts.items()
        if artifact.get("properties", {}).get("terminationProtection")
    }
    assert found == protected


def test_firehose_acts_for_this_account_only(deployment):
    (role,) = (role for role in deployment.all("AWS::IAM::Role") if role.id.startswith("LakeDeliveryRole"))
    (trust,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "AWS::AccountId"}}}


def test_what_cannot_be_rebuilt_has_point_in_time_recovery(any_deployment):
    recovered = {
        found.id
        for found in any_deployment.all("AWS::DynamoDB::GlobalTable")
        if replica(found)["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    }
    assert recovered == {"CoreTable97EB8292", "EventsTableD24865E5"}


def test_tables_are_keyed_as_the_data_model_says(any_deployment):
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    for found in any_deployment.all("AWS::DynamoDB::GlobalTable"):
        assert found.properties["KeySchema"] == keys
        assert found.properties["BillingMode"] == "PAY_PER_REQUEST"
        assert found.properties["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}


@pytest.mark.parametrize(
    ("name", "indexes"),
    [
        ("CoreTable", {"listing": ["lpk", "lsk"], "by_model": ["mpk", "msk"], "due": ["duepk", "duesk"]}),
        ("StateTable", {"by_status": ["spk", "ssk"]}),
        ("EventsTable", {"by_day": ["dpk", "dsk"], "by_subject": ["spk", "ssk"]}),
        ("TelemetryTable", {}),
    ],
)
def test_indexes_are_those_of_the_data_model(dev, name, indexes):
    found = table(dev, name).properties.get("GlobalSecondaryIndexes", [])
    assert {i["IndexName"]: [key["AttributeName"] for key in i["KeySchema"]] for i in found} == indexes


def test_a_days_listing_holds_no_raw_bytes(deployment):
    indexes = table(deployment, "EventsTable").properties["GlobalSecondaryIndexes"]
    (by_day,) = (index for index in indexes if index["IndexName"] == "by_day")
    assert by_day["Projection"]["ProjectionType"] == "INCLUDE"
    assert "raw" not in by_day["Projection"]["NonKeyAttributes"]


def test_telemetry_writes_to_no_index(deployment):
    (by_status,) = table(deployment, "StateTable").properties["GlobalSecondaryIndexes"]
    assert by_status["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["device"]}


def test_everything_is_encrypted_at_rest(any_deployment):
    for found in any_deployment.all("AWS::DynamoDB::GlobalTable"):
        assert found.properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}, found.id
    for found in any_deployment.all("AWS::S3::Bucket"):
        (rule,) = found.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256", found.id
    stream = any_deployment.one("AWS::KinesisFirehose::DeliveryStream")
    assert stream.properties["DeliveryStreamEncryptionConfigurationInput"] == {"KeyType": "AWS_OWNED_CMK"}


def test_buckets_are_private_and_refuse_anything_below_tls_1_2(any_deployment):
    policies = {p.properties["Bucket"]["Ref"]: p for p in any_deployment.all("AWS::S3::BucketPolicy")}
    for found in any_deployment.all("AWS::S3::Bucket"):
        assert set(found.properties["PublicAccessBlockConfiguration"].values()) == {True}
        denied = [
            statement["Condition"]
            for statement in policies[found.id].properties["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in denied


def test_raw_messages_move_to_cold_storage_and_are_never_expired(deployment):
    rules = bucket(deployment, "LakeBucket").properties["LifecycleConfiguration"]["Rules"]
    raw = [rule for rule in rules if rule.get("Prefix") in (None, "raw/")]
    assert [rule["Transitions"] for rule in raw if "Transitions" in rule] == [
        [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}]
    ]
    assert not [rule for rule in raw if "ExpirationInDays" in rule]


def test_prod_keeps_overwritten_and_deleted_objects_for_a_month(prod):
    properties = bucket(prod, "LakeBucket").properties
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert [
        rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in properties["LifecycleConfiguration"]["Rules"]
        if "NoncurrentVersionExpiration" in rule
    ] == [30]


def test_what_prod_exports_of_the_audit_can_be_deleted_by_nobody_for_a_year(dev, prod):
    lock = bucket(prod, "AuditBucket").properties["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "COMPLIANCE", "Days": 365}
    assert "ObjectLockConfiguration" not in bucket(dev, "AuditBucket").properties


def test_the_exported_audit_keeps_every_version_and_expires_never(deployment):
    properties = bucket(deployment, "AuditBucket").properties
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = properties["LifecycleConfiguration"]["Rules"]
    assert not [rule for rule in rules if {"ExpirationInDays", "NoncurrentVersionExpiration"} & rule.keys()]


def test_the_lake_is_packed_by_day_and_hour_and_its_failures_are_logged(deployment):
    stream = deployment.one("AWS::KinesisFirehose::DeliveryStream").properties
    destination = stream["ExtendedS3DestinationConfiguration"]
    assert destination["CompressionFormat"] == "GZIP"
    assert destination["Prefix"] == "raw/day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
    assert destination["ErrorOutputPrefix"].startswith("errors/!{firehose:error-output-type}/")
    logging = destination["CloudWatchLoggingOptions"]
    assert logging["Enabled"] is True
    groups = {group.id for group in deployment.all("AWS::Logs::LogGroup", "Data")}
    assert deployment.render(logging["LogGroupName"]) in groups


OUTPUTS = {
    DYNAMODB: {"TelemetryTableName"},
    LIVEANALYTICS: {"TimestreamDatabaseName", "TimestreamTableName"},
    INFLUXDB: set(),
}


def test_outputs_name_what_others_look_up(any_deployment):
    outputs = {
        name
        for name in any_deployment.templates["Data"]["Outputs"]
        # CDK's own, for the references of other stacks.
        if not name.startswith(("ExportsOutput", "PublishOutput"))
    }
    expected = {
        "CoreTableName",
        "StateTableName",
        "EventsTableName",
        "LakeBucketName",
        "AuditBucketName",
        "TelemetryStore",
    }
    for store in any_deployment.stores:
        expected |= OUTPUTS[store]
    assert outputs == expected
    assert "BackfillFunctionName" in any_deployment.templates["Ingest"]["Outputs"]
    assert ("SeriesFunctionName" in any_deployment.templates["Api"]["Outputs"]) == (any_deployment.store == INFLUXDB)
