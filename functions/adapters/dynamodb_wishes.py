"""What devices are wanted to be, in the core table: the current wish and one item for each version (C25, C26)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from functions.adapters.aws import conditional_update, wrapped
from functions.adapters.dynamodb_audit import AuditedWrites, Refused
from functions.adapters.dynamodb_items import Item, number
from functions.adapters.dynamodb_writes import passed_of, passing
from functions.domain.audit import Note
from functions.domain.cursors import seal, unseal
from functions.domain.fences import Fence, Passed
from functions.domain.shadows import ShadowName, Wish, WishPage
from functions.errors import ShadowError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBWishes:
    def __init__(self, client: "DynamoDBClient", table: str, audited: AuditedWrites, *, history_days: int) -> None:
        self._client = client
        self._table = table
        self._audited = audited
        self._history_s = history_days * 86_400

    def current(self, thing: str, name: ShadowName) -> Wish | None:
        with wrapped(ShadowError, f"reading what is desired of {thing}"):
            answer = self._client.get_item(TableName=self._table, Key=_current(thing, name), ConsistentRead=True)
        item = answer.get("Item")
        return None if item is None else _wish(dict(item))

    def save(self, thing: str, name: ShadowName, wish: Wish, note: Note, fences: Sequence[Fence] = ()) -> bool | Passed:
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": _current(thing, name) | _attributes(wish),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if wish.version > 1:
            put["ConditionExpression"] = "#version = :before"
            put["ExpressionAttributeNames"] = {"#version": "version"}
            put["ExpressionAttributeValues"] = {":before": number(wish.version - 1)}
        kept = {
            "pk": {"S": f"DEVICE#{thing}"},
            "sk": {"S": f"{_history(name)}{wish.version:010d}"},
            "expires": number(wish.set_at // 1000 + self._history_s),
            **_attributes(wish),
        }
        items = [{"Put": put}, {"Put": {"TableName": self._table, "Item": kept}}]
        items += [passing(self._table, thing, fence, wish.set_at) for fence in fences]
        try:
            self._audited.commit(items, [note])
        except Refused as refused:
            return passed_of(refused.item) or False
        return True

    def mark_sent(self, thing: str, name: ShadowName, version: int) -> None:
        conditional_update(
            self._client,
            ShadowError,
            f"marking what is desired of {thing} as sent",
            TableName=self._table,
            Key=_current(thing, name),
            UpdateExpression="SET #sent = :yes",
            ConditionExpression="#version = :version",
            ExpressionAttributeNames={"#sent": "sent", "#version": "version"},
            ExpressionAttributeValues={":yes": {"BOOL": True}, ":version": number(version)},
        )

    def page(self, thing: str, name: ShadowName, limit: int, cursor: str | None) -> WishPage:
        question = ("wishes", thing, name)
        last = "9" * 10
        if cursor is not None:
            (after,) = unseal(cursor, question, (int,))
            last = f"{max(0, int(after) - 1):010d}"
        with wrapped(ShadowError, f"reading what was desired of {thing}"):
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues={
                    ":pk": {"S": f"DEVICE#{thing}"},
                    ":first": {"S": _history(name)},
                    ":last": {"S": f"{_history(name)}{last}"},
                },
                ScanIndexForward=False,
                Limit=limit + 1,
            )
        wishes = [_wish(dict(item)) for item in answer["Items"]]
        page = wishes[:limit]
        more = len(wishes) > limit or (bool(page) and "LastEvaluatedKey" in answer)
        return WishPage(tuple(page), seal(question, (page[-1].version,)) if more else None)


def _current(thing: str, name: ShadowName) -> Item:
    return {"pk": {"S": f"DEVICE#{thing}"}, "sk": {"S": f"DESIRED#{name.value}"}}


def _history(name: ShadowName) -> str:
    return f"DESIRED#{name.value}#"


def _attributes(wish: Wish) -> Item:
    return {
        "version": number(wish.version),
        "values": {"S": msgspec.json.encode(wish.values).decode()},
        "set_by": {"S": wish.set_by},
        "set_by_name": {"S": wish.set_by_name},
        "set_at": number(wish.set_at),
        "sent": {"BOOL": wish.sent},
    }


def _wish(item: Item) -> Wish:
    return Wish(
        version=int(item["version"]["N"]),
        values=msgspec.json.decode(item["values"]["S"]),
        set_by=item["set_by"]["S"],
        set_by_name=item["set_by_name"]["S"],
        set_at=int(item["set_at"]["N"]),
        sent=bool(item["sent"]["BOOL"]),
    )
