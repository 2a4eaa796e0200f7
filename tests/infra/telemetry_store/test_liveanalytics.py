"""The database of accounts that have Timestream for LiveAnalytics."""

from functions.settings import LIVEANALYTICS


def table(deployment):
    return deployment.one("AWS::Timestream::Table").properties


def rejected(deployment):
    location = table(deployment)["MagneticStoreWriteProperties"]["MagneticStoreRejectedDataLocation"]
    return location["S3Configuration"]


def test_the_names_are_those_that_the_functions_use(liveanalytics):
    database = liveanalytics.one("AWS::Timestream::Database").properties["DatabaseName"]
    variables = liveanalytics.function("ingest").properties["Environment"]["Variables"]
    assert (database, table(liveanalytics)["TableName"]) == ("fieldline", "telemetry")
    assert variables["FIELDLINE_TIMESTREAM_DATABASE"] == database
    assert variables["FIELDLINE_TIMESTREAM_TABLE"] == table(liveanalytics)["TableName"]
    assert liveanalytics.render(table(liveanalytics)["DatabaseName"]) in {
        d.id for d in liveanalytics.all("AWS::Timestream::Database")
    }


def test_memory_keeps_a_day_and_the_magnetic_store_more_than_readers_may_ask_for(liveanalytics):
    assert table(liveanalytics)["RetentionProperties"] == {
        "MemoryStoreRetentionPeriodInHours": "24",
        "MagneticStoreRetentionPeriodInDays": "97",
    }


def test_the_retention_is_the_deployments(synthesized, tmp_path):
    deployment = synthesized(tmp_path, stage="dev", telemetry_store=LIVEANALYTICS, retention_days=400, fleet="")
    assert table(deployment)["RetentionProperties"]["MagneticStoreRetentionPeriodInDays"] == "407"


def test_late_data_may_be_written(liveanalytics):
    assert table(liveanalytics)["MagneticStoreWriteProperties"]["EnableMagneticStoreWrites"] is True


def test_a_question_for_one_device_reads_that_device_only(liveanalytics):
    assert table(liveanalytics)["Schema"]["CompositePartitionKey"] == [
        {"Type": "DIMENSION", "Name": "device", "EnforcementInRecord": "REQUIRED"}
    ]


def test_rejected_records_go_to_a_bucket_of_their_own_which_forgets(liveanalytics):
    assert rejected(liveanalytics)["EncryptionOption"] == "SSE_S3"
    name = liveanalytics.render(rejected(liveanalytics)["BucketName"])
    (bucket,) = (b for b in liveanalytics.all("AWS::S3::Bucket") if b.id == name)
    assert not name.startswith("Lake")
    rules = bucket.properties["LifecycleConfiguration"]["Rules"]
    assert [rule["ExpirationInDays"] for rule in rules] == [90]
    assert bucket.properties["LoggingConfiguration"]["LogFilePrefix"] == "rejected/"
