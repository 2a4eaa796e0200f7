"""The DynamoDB of the simulation: as moto answers, and where moto knows no more, as AWS's documentation has it."""

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.functions.conftest import make_table
from tests.simulation.dynamodb import Database, Kind
from tests.simulation.dynamodb_client import DynamoDBClient
from tests.simulation.random_requests import PKS, Maker
from tests.simulation.tables import Index, Table


def databases():
    make_table(moto := boto3.client("dynamodb", region_name="eu-west-1"), "one", ("due", "duepk", "duesk"))
    make_table(moto, "two")
    tables = {"one": Table(due=Index("duepk", "duesk")), "two": Table()}
    return moto, DynamoDBClient(Database(tables, lambda: 0.0))


@pytest.fixture(scope="module")
def both():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        with mock_aws():
            yield databases()


def answer(client, operation, request):
    try:
        found = getattr(client, operation)(**request)
    except ClientError as exc:
        error = exc.response
        reasons = [[one["Code"], one.get("Item")] for one in error.get("CancellationReasons", [])]
        return plain([error["Error"]["Code"], error.get("Item"), reasons])
    items = [*found.get("Items", []), *([found["Item"]] if "Item" in found else [])]
    return sorted(map(plain, items), key=repr) if "IndexName" in request else list(map(plain, items))


def plain(value):
    """Without what tells nothing: the order of a set's elements, and how a number is written."""
    match value:
        case {"SS": elements}:
            return {"SS": sorted(elements)}
        case {"N": text}:
            return {"N": float(text)}
        case dict():
            return {name: plain(inner) for name, inner in sorted(value.items())}
        case list():
            return [plain(inner) for inner in value]
    return value


def everything(client):
    found = {}
    for table in ("one", "two"):
        for pk in PKS:
            request = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": pk}}}
            found[table, pk] = answer(client, "query", {"TableName": table, **request})
    return found


@pytest.mark.parametrize("seed", range(4))
def test_it_answers_as_moto_does(both, seed):
    moto, ours = both
    maker = Maker(seed)
    for _ in range(60):
        operation, request = maker.operation()
        expected = answer(moto, operation, request)
        assert answer(ours, operation, request) == expected, (operation, request)
    assert everything(ours) == everything(moto)


class Moody(Kind):
    """A chance that a test sets."""

    lag, left = 0.0, ()

    def lag_ms(self):
        return self.lag

    def left_out(self, count):
        return [at for at in self.left if at < count]


@pytest.fixture
def moody():
    return Moody()


@pytest.fixture
def time():
    return [0.0]


@pytest.fixture
def client(moody, time):
    return DynamoDBClient(Database({"one": Table(due=Index("duepk", "duesk"))}, lambda: time[0], moody))


def item(sk, **more):
    return {"pk": {"S": "a"}, "sk": {"S": sk}, **more}


def refused(call, **request):
    with pytest.raises(ClientError) as raised:
        call(**request)
    return raised.value.response


def test_an_index_and_a_read_that_may_be_stale_lag_behind_a_consistent_one(client, moody, time):
    time[0] = 1000.0
    client.put_item(TableName="one", Item=item("1", duepk={"S": "D"}, duesk={"S": "5"}))
    due = {"KeyConditionExpression": "duepk = :d", "ExpressionAttributeValues": {":d": {"S": "D"}}, "IndexName": "due"}
    key = {"TableName": "one", "Key": item("1")}
    time[0], moody.lag = 1010.0, 50.0
    assert client.query(TableName="one", **due)["Items"] == []
    assert "Item" not in client.get_item(**key)
    assert "Item" in client.get_item(**key, ConsistentRead=True)
    client.delete_item(**key)
    time[0] = 1070.0
    assert client.query(TableName="one", **due)["Items"] == []
    time[0], moody.lag = 1071.0, 65.0
    assert [one["sk"]["S"] for one in client.query(TableName="one", **due)["Items"]] == ["1"]


def test_what_a_batch_leaves_out_is_named(client, moody):
    keys = [item(str(at)) for at in range(4)]
    moody.left = (1, 3)
    requests = {"one": [{"PutRequest": {"Item": key}} for key in keys]}
    answer = client.batch_write_item(RequestItems=requests)
    assert answer["UnprocessedItems"] == {"one": [{"PutRequest": {"Item": keys[at]}} for at in (1, 3)]}
    moody.left = (0,)
    answer = client.batch_get_item(RequestItems={"one": {"Keys": keys, "ConsistentRead": True}})
    assert answer["UnprocessedKeys"] == {"one": {"Keys": keys[:1], "ConsistentRead": True}}
    assert answer["Responses"] == {"one": [keys[2]]}


def test_a_transaction_is_all_or_nothing_and_says_of_each_item_why(client):
    client.put_item(TableName="one", Item=item("1"))
    new = {"TableName": "one", "ConditionExpression": "attribute_not_exists(pk)"}
    shown = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    items = [{"Put": {**new, "Item": item("2")}}, {"Put": {**new, **shown, "Item": item("1", x={"S": "y"})}}]
    response = refused(client.transact_write_items, TransactItems=items)
    assert response["Error"]["Code"] == "TransactionCanceledException"
    assert [reason["Code"] for reason in response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert response["CancellationReasons"][1]["Item"] == item("1")
    assert "Item" not in client.get_item(TableName="one", Key=item("2"), ConsistentRead=True)


def test_a_transaction_sent_twice_with_its_token_is_done_once(client, time):
    add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    request = {"TransactItems": [{"Update": {"TableName": "one", "Key": item("1"), **add}}], "ClientRequestToken": "t"}
    client.transact_write_items(**request)
    client.transact_write_items(**request)
    read = {"TableName": "one", "Key": item("1"), "ConsistentRead": True}
    assert client.get_item(**read)["Item"]["n"] == {"N": "1"}
    other = {**request, "TransactItems": [{"Delete": {"TableName": "one", "Key": item("1")}}]}
    assert refused(client.transact_write_items, **other)["Error"]["Code"] == "IdempotentParameterMismatchException"
    time[0] += 600_001.0
    client.transact_write_items(**request)
    assert client.get_item(**read)["Item"]["n"] == {"N": "2"}


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("put_item", {"Item": item("1", raw={"B": bytes(400 * 1024)})}),
        ("put_item", {"Item": item("1", n={"N": "1" * 39})}),
        ("put_item", {"Item": item("1", s={"SS": []})}),
        ("put_item", {"Item": item("1", duepk={"N": "1"})}),
        ("put_item", {"Item": item("")}),
        ("put_item", {"Item": item("1"), "ConditionExpression": "status = pk"}),
        ("put_item", {"Item": item("1"), "ExpressionAttributeNames": {"#x": "x"}}),
        ("put_item", {"Item": item("1"), "Unknown": 1}),
        ("update_item", {"Key": item("1"), "UpdateExpression": "REMOVE a.b"}),
        ("update_item", {"Key": item("1"), "UpdateExpression": "REMOVE sk"}),
        ("update_item", {"Key": item("1"), "UpdateExpression": "REMOVE a, a"}),
        ("get_item", {"Key": {"pk": {"S": "a"}}}),
        ("query", {"IndexName": "due", "ConsistentRead": True, "KeyConditionExpression": "duepk = :d"}),
        ("query", {"KeyConditionExpression": "sk = :d"}),
    ],
)
def test_what_dynamodb_never_takes_is_refused(client, operation, request_):
    values = {":d": {"S": "D"}} if operation == "query" else None
    request = {"TableName": "one", **request_, **({"ExpressionAttributeValues": values} if values else {})}
    assert refused(getattr(client, operation), **request)["Error"]["Code"] == "ValidationException"


def test_batches_and_transactions_have_their_sizes(client):
    keys = [item(str(at)) for at in range(101)]
    deletes = [{"Delete": {"TableName": "one", "Key": key}} for key in keys]
    twice = [*deletes[:1], *deletes[:1]]
    for request in (deletes, twice):
        response = refused(client.transact_write_items, TransactItems=request)
        assert response["Error"]["Code"] == "ValidationException"
    client.transact_write_items(TransactItems=deletes[:100])
    for some in (keys, [keys[0], keys[0]]):
        refused(client.batch_get_item, RequestItems={"one": {"Keys": some}})
        refused(client.batch_write_item, RequestItems={"one": [{"DeleteRequest": {"Key": key}} for key in some]})


def test_a_page_ends_at_its_limit_or_a_megabyte_and_goes_on_behind_it(client):
    for at in range(5):
        client.put_item(TableName="one", Item=item(str(at), raw={"B": bytes(300 * 1024)}, odd={"BOOL": at % 2 == 1}))
    question = {
        "TableName": "one",
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "a"}, ":yes": {"BOOL": True}},
        "FilterExpression": "odd = :yes",
        "ProjectionExpression": "sk",
    }
    page = client.query(**question)
    assert ([one["sk"]["S"] for one in page["Items"]], page["LastEvaluatedKey"]) == (["1", "3"], item("3"))
    page = client.query(**question, Limit=1, ExclusiveStartKey=page["LastEvaluatedKey"])
    assert (page["Items"], page["LastEvaluatedKey"]) == ([], item("4"))
