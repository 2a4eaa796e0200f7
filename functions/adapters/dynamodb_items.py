"""DynamoDB's typed JSON for what several tables share, and reading many items by key."""

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from contract.telemetry import Value
from functions.adapters.aws import side_by_side, wrapped
from functions.adapters.backoff import Backoff
from functions.errors import AdapterError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

_KEYS_AT_ONCE = 100
_DOUBLE = struct.Struct(">d")


def value_attribute(value: Value) -> Item:
    """A number that DynamoDB's decimal type cannot hold becomes the 8 bytes of its float."""
    if type(value) is bool:
        return {"BOOL": value}
    if type(value) is str:
        return {"S": value}
    number = float(value)
    if number == 0 or 1e-129 < abs(number) < 1e125:  # noqa: PLR2004 - the decimal type's range, a digit to spare
        return {"N": repr(number)}
    return {"B": _DOUBLE.pack(number)}


def attribute_value(attribute: Item) -> Value:
    """The inverse of `value_attribute`."""
    kind, value = next(iter(attribute.items()))
    if kind == "N":
        return float(value)
    if kind == "B":
        number: float = _DOUBLE.unpack(bytes(value))[0]
        return number
    return value if kind == "S" else bool(value)


def number(count: int) -> Item:
    return {"N": str(count)}


def key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def if_version(version: int) -> Item:
    """What makes a write one of an item that is still of this version."""
    return {
        "ConditionExpression": "#version = :was",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":was": number(version)},
    }


def batch_get(
    client: "DynamoDBClient",
    table: str,
    keys: Iterable[tuple[str, str]],
    attributes: Sequence[str],
    *,
    consistent: bool,
    backoff: Backoff,
    error: type[AdapterError],
) -> list[Item]:
    """The items that exist, in any order; raises `error` when some stay unread."""
    names = {f"#a{at}": name for at, name in enumerate(attributes)}

    def read(some: list[Item]) -> list[Item]:
        items: list[Item] = []
        asked: Any = {
            table: {
                "Keys": some,
                "ConsistentRead": consistent,
                "ProjectionExpression": ", ".join(names),
                "ExpressionAttributeNames": names,
            }
        }
        for _ in backoff:
            with wrapped(error, f"reading {len(some)} items of {table}"):
                answer = client.batch_get_item(RequestItems=asked)
            items += [dict(item) for item in answer["Responses"].get(table, [])]
            asked = answer.get("UnprocessedKeys")
            if not asked:
                return items
        raise error(f"reading {len(some)} items of {table}: left unprocessed by DynamoDB")

    wanted = [key(*each) for each in dict.fromkeys(keys)]
    batches = [wanted[at : at + _KEYS_AT_ONCE] for at in range(0, len(wanted), _KEYS_AT_ONCE)]
    return [item for items in side_by_side(read, batches) for item in items]
