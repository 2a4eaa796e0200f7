"""The index `due` of the core table: what waits for its time, each kind in shards, the longest due first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from functions.adapters.aws import wrapped
from functions.adapters.dynamodb_items import Item
from functions.adapters.shards import SHARDS
from functions.errors import AdapterError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BEFORE: Final = "!"
"""Stands before whatever may follow a '#' in a key: things are of a-z, 0-9 and '-'."""


def shards() -> Sequence[str]:
    return [f"{shard:02d}" for shard in range(SHARDS)]


def read_due(
    client: "DynamoDBClient",
    table: str,
    partition: str,
    until: int,
    after: str | None,
    limit: int,
    *,
    error: type[AdapterError],
) -> tuple[list[Item], str | None]:
    """What is due by `until`, behind the sort key `after`; and the sort key to go on from. Raises `error`."""
    first, last = f"{after or ''}{_BEFORE}", f"{until + 1:013d}"
    if first > last:  # DynamoDB refuses such a range
        return [], None
    with wrapped(error, f"reading what is due of {partition}"):
        answer: Any = client.query(
            TableName=table,
            IndexName="due",
            KeyConditionExpression="duepk = :partition AND duesk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":partition": {"S": partition},
                ":first": {"S": first},
                ":last": {"S": last},
            },
            Limit=limit,
        )
    items = [dict(item) for item in answer["Items"]]
    return items, str(items[-1]["duesk"]["S"]) if items and answer.get("LastEvaluatedKey") else None
