"""Backtests in the core table (docs/data-model.md C12a)."""

from typing import TYPE_CHECKING

import msgspec

from functions.adapters.aws import conditional_update, wrapped
from functions.adapters.dynamodb_items import Item, key, number
from functions.domain.backtests import Backtest
from functions.errors import RulesError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_decoder = msgspec.json.Decoder(Backtest)


class DynamoDBBacktests:
    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, backtest: Backtest) -> None:
        made = msgspec.structs.replace(backtest, version=1)
        with wrapped(RulesError, f"keeping the backtest {backtest.id}"):
            self._client.put_item(
                TableName=self._table,
                Item={
                    **_key(made.id),
                    "body": {"S": _body(made)},
                    "version": number(made.version),
                    "expires": number(made.forget_at // 1000),
                },
            )

    def read(self, id: str) -> Backtest | None:  # noqa: A002
        with wrapped(RulesError, f"reading the backtest {id}"):
            answer = self._client.get_item(TableName=self._table, Key=_key(id), ConsistentRead=True)
        item = dict(answer.get("Item") or {})
        return _decoder.decode(item["body"]["S"]) if item else None

    def save(self, backtest: Backtest) -> Backtest | None:
        after = msgspec.structs.replace(backtest, version=backtest.version + 1)
        refusal = conditional_update(
            self._client,
            RulesError,
            f"writing the backtest {backtest.id}",
            TableName=self._table,
            Key=_key(backtest.id),
            UpdateExpression="SET #body = :body, #version = :version",
            ConditionExpression="#version = :was",
            ExpressionAttributeNames={"#body": "body", "#version": "version"},
            ExpressionAttributeValues={
                ":body": {"S": _body(after)},
                ":version": number(after.version),
                ":was": number(backtest.version),
            },
        )
        return after if refusal is None else None


def _key(id: str) -> Item:  # noqa: A002
    return key(f"BACKTEST#{id}", "META")


def _body(backtest: Backtest) -> str:
    return msgspec.json.encode(backtest).decode()
