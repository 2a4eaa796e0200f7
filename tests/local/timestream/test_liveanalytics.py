"""Databases, tables, tags and pages, by boto3 over HTTP."""

import time
import uuid

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def database(write):
    name = f"db-{uuid.uuid4().hex[:12]}"
    write.create_database(DatabaseName=name, Tags=[{"Key": "stage", "Value": "test"}])
    return name


def code(call, **request):
    with pytest.raises(ClientError) as refused:
        call(**request)
    return refused.value.response["Error"]["Code"]


def fill(write, database, table, count, before=0):
    now = int(time.time() * 1000) - before
    for first in range(0, count, 100):
        write.write_records(
            DatabaseName=database,
            TableName=table,
            CommonAttributes={"Dimensions": [{"Name": "device", "Value": "d1"}], "MeasureName": "x"},
            Records=[
                {"MeasureValue": str(number), "Time": str(now - number)}
                for number in range(first, min(first + 100, count))
            ],
        )


def test_a_client_that_discovers_its_endpoint_finds_this_one(server, write, query):
    for client in (write, query):
        (endpoint,) = client.describe_endpoints()["Endpoints"]
        assert endpoint == {"Address": server.url, "CachePeriodInMinutes": 1440}


def test_a_database_is_made_described_listed_and_deleted(write, database):
    described = write.describe_database(DatabaseName=database)["Database"]
    assert described["DatabaseName"] == database
    assert described["TableCount"] == 0
    assert described["Arn"].endswith(f":database/{database}")
    assert abs(described["CreationTime"].timestamp() - time.time()) < 60
    names = [each["DatabaseName"] for each in all_of(write.list_databases, "Databases")]
    assert database in names
    assert code(write.create_database, DatabaseName=database) == "ConflictException"
    write.delete_database(DatabaseName=database)
    assert code(write.describe_database, DatabaseName=database) == "ResourceNotFoundException"
    assert code(write.delete_database, DatabaseName=database) == "ResourceNotFoundException"


def all_of(call, key, **request):
    items, token = [], None
    while True:
        answer = call(**request, **({"NextToken": token} if token else {}))
        items += answer[key]
        token = answer.get("NextToken")
        if token is None:
            return items


def test_a_table_is_made_described_changed_listed_and_deleted(write, database):
    made = write.create_table(DatabaseName=database, TableName="table")["Table"]
    assert made["TableStatus"] == "ACTIVE"
    assert made["RetentionProperties"] == {
        "MemoryStoreRetentionPeriodInHours": 6,
        "MagneticStoreRetentionPeriodInDays": 73000,
    }
    assert made["MagneticStoreWriteProperties"] == {"EnableMagneticStoreWrites": False}
    retention = {"MemoryStoreRetentionPeriodInHours": 24, "MagneticStoreRetentionPeriodInDays": 90}
    magnetic = {
        "EnableMagneticStoreWrites": True,
        "MagneticStoreRejectedDataLocation": {
            "S3Configuration": {"BucketName": "rejected", "EncryptionOption": "SSE_S3"}
        },
    }
    write.update_table(
        DatabaseName=database,
        TableName="table",
        RetentionProperties=retention,
        MagneticStoreWriteProperties=magnetic,
    )
    described = write.describe_table(DatabaseName=database, TableName="table")["Table"]
    assert (described["RetentionProperties"], described["MagneticStoreWriteProperties"]) == (retention, magnetic)
    assert code(write.create_table, DatabaseName=database, TableName="table") == "ConflictException"
    assert code(write.delete_database, DatabaseName=database) == "ValidationException"
    assert write.describe_database(DatabaseName=database)["Database"]["TableCount"] == 1
    write.delete_table(DatabaseName=database, TableName="table")
    assert code(write.describe_table, DatabaseName=database, TableName="table") == "ResourceNotFoundException"
    assert write.list_tables(DatabaseName=database)["Tables"] == []


def test_tables_are_listed_in_pages(write, database):
    names = [f"table-{number}" for number in range(5)]
    for name in names:
        write.create_table(DatabaseName=database, TableName=name)
    listed = all_of(write.list_tables, "Tables", DatabaseName=database, MaxResults=2)
    assert [table["TableName"] for table in listed] == names
    assert code(write.list_tables, DatabaseName=database, NextToken="nonsense") == "ValidationException"
    assert code(write.list_tables, DatabaseName="nowhere") == "ResourceNotFoundException"


def test_bounds_of_the_service_are_kept(write, database):
    retention = {"MemoryStoreRetentionPeriodInHours": 8767, "MagneticStoreRetentionPeriodInDays": 73001}
    refused = code(write.create_table, DatabaseName=database, TableName="table", RetentionProperties=retention)
    assert refused == "ValidationException"
    assert code(write.create_database, DatabaseName="with spaces") == "ValidationException"
    assert code(write.create_database, DatabaseName="ab") == "ValidationException"
    keys = {"CompositePartitionKey": [{"Type": "DIMENSION", "Name": name} for name in ("one", "two")]}
    assert code(write.create_table, DatabaseName=database, TableName="table", Schema=keys) == "ValidationException"


def test_tags_are_kept_at_databases_and_tables(write, query, database):
    write.create_table(DatabaseName=database, TableName="table", Tags=[{"Key": "a", "Value": "1"}])
    arn = write.describe_table(DatabaseName=database, TableName="table")["Table"]["Arn"]
    write.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    both = [{"Key": "a", "Value": "3"}, {"Key": "b", "Value": "2"}]
    assert write.list_tags_for_resource(ResourceARN=arn)["Tags"] == both
    assert query.list_tags_for_resource(ResourceARN=arn)["Tags"] == both
    write.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert write.list_tags_for_resource(ResourceARN=arn)["Tags"] == both[1:]
    owner = arn.split("/table/")[0]
    assert write.list_tags_for_resource(ResourceARN=owner)["Tags"] == [{"Key": "stage", "Value": "test"}]
    assert code(write.list_tags_for_resource, ResourceARN=owner + "x") == "ResourceNotFoundException"
    assert code(write.list_tags_for_resource, ResourceARN="nonsense") == "ValidationException"


def test_an_answer_comes_in_pages_that_can_be_asked_for_again(write, query, database):
    write.create_table(DatabaseName=database, TableName="table")
    fill(write, database, "table", 250)
    sql = f'SELECT measure_value::double FROM "{database}"."table" ORDER BY 1'
    first = query.query(QueryString=sql, MaxRows=100)
    fill(write, database, "table", 10, before=60_000)  # comes too late for this answer
    second, again = (query.query(QueryString=sql, MaxRows=100, NextToken=first["NextToken"]) for _ in range(2))
    assert second["Rows"] == again["Rows"]
    assert second["QueryId"] == first["QueryId"]
    third = query.query(QueryString=sql, NextToken=second["NextToken"])
    assert "NextToken" not in third
    rows = [row["Data"][0]["ScalarValue"] for page in (first, second, third) for row in page["Rows"]]
    assert rows == [f"{number}.0" for number in range(250)]
    assert code(query.query, QueryString="SELECT 1", NextToken=first["NextToken"]) == "ValidationException"
    assert code(query.query, QueryString=sql, NextToken="nonsense") == "ValidationException"


def test_a_page_ends_before_it_is_larger_than_a_megabyte(write, query, database):
    write.create_table(DatabaseName=database, TableName="table")
    now = int(time.time() * 1000)
    for first in range(0, 600, 100):
        write.write_records(
            DatabaseName=database,
            TableName="table",
            CommonAttributes={
                "Dimensions": [{"Name": "device", "Value": "d1"}],
                "MeasureName": "x",
                "MeasureValueType": "VARCHAR",
                "MeasureValue": "x" * 2048,
            },
            Records=[{"Time": str(now - number)} for number in range(first, first + 100)],
        )
    pages = query.get_paginator("query").paginate(QueryString=f'SELECT * FROM "{database}"."table"')
    counts = [len(page["Rows"]) for page in pages]
    assert len(counts) == 2
    assert sum(counts) == 600


def test_a_query_that_was_cancelled_has_no_more_pages(write, query, database):
    write.create_table(DatabaseName=database, TableName="table")
    fill(write, database, "table", 3)
    sql = f'SELECT * FROM "{database}"."table"'
    first = query.query(QueryString=sql, MaxRows=1)
    assert query.cancel_query(QueryId=first["QueryId"])["CancellationMessage"]
    assert code(query.query, QueryString=sql, NextToken=first["NextToken"]) == "ValidationException"
    assert code(query.cancel_query, QueryId=first["QueryId"]) == "ValidationException"


def test_a_clients_token_stands_for_one_request(query):
    token = uuid.uuid4().hex
    for _ in range(2):
        assert query.query(QueryString="SELECT 1", ClientToken=token)["Rows"] == [{"Data": [{"ScalarValue": "1"}]}]
    assert code(query.query, QueryString="SELECT 2", ClientToken=token) == "ValidationException"
