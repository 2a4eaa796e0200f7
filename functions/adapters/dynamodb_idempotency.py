"""The memory of requests in the core table: an item for each key of a principal (C24), gone by TTL a day later."""

from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code
from functions.adapters.dynamodb_items import Item, number
from functions.domain.idempotency import (
    Begun,
    Claim,
    KeptAnswer,
    KeyedRequest,
    Standing,
    claimed,
    finished,
)
from functions.errors import IdempotencyError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NAMES = {"#owner": "owner", "#done": "done"}
_OWNED = "#owner = :owner AND #done = :no"
_answers = msgspec.json.Decoder(KeptAnswer)


class DynamoDBRequestMemory:
    def __init__(self, client: "DynamoDBClient", core_table: str) -> None:
        self._client = client
        self._table = core_table

    def begin(self, request: KeyedRequest, owner: str, now: int) -> Begun:
        stands = self._put(
            request,
            claimed(request, owner, now),
            # As Claim.free_for has it.
            "attribute_not_exists(pk) OR (#until <= :now AND (#done = :yes OR #digest = :digest))",
            {**_NAMES, "#until": "until_ms", "#digest": "digest"},
            {":now": number(now), ":yes": {"BOOL": True}, ":digest": {"S": request.digest}},
        )
        if stands is None:
            return Begun(Standing.MINE)
        return _claim(stands).seen_by(request, owner, now) if stands else Begun(Standing.RUNNING, wait_ms=1000)

    def finish(self, request: KeyedRequest, owner: str, answer: KeptAnswer | None, now: int) -> None:
        self._put(request, finished(request, owner, answer, now), _OWNED, _NAMES, _owned(owner))

    def abandon(self, request: KeyedRequest, owner: str) -> None:
        self._once(
            self._client.delete_item,
            Key=_key(request),
            ConditionExpression=_OWNED,
            ExpressionAttributeNames=_NAMES,
            ExpressionAttributeValues=_owned(owner),
        )

    def _put(
        self, request: KeyedRequest, claim: Claim, condition: str, names: dict[str, str], values: Item
    ) -> Item | None:
        return self._once(
            self._client.put_item,
            Item=_item(request, claim),
            ConditionExpression=condition,
            ExpressionAttributeNames={name: names[name] for name in names if name in condition},
            ExpressionAttributeValues=values,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    def _once(self, call: Any, **request: Any) -> Item | None:
        """None when it was done, what stands there where the condition does not hold."""
        try:
            call(TableName=self._table, **request)
        except ClientError as exc:
            if error_code(exc) == "ConditionalCheckFailedException":
                response: Any = exc.response
                return dict(response.get("Item") or {})
            raise IdempotencyError(f"remembering a request: {exc}") from exc
        except BotoCoreError as exc:
            raise IdempotencyError(f"remembering a request: {exc}") from exc
        return None


def _key(request: KeyedRequest) -> Item:
    return {"pk": {"S": f"IDEMPOTENCY#{request.principal}#{request.key}"}, "sk": {"S": "META"}}


def _owned(owner: str) -> Item:
    return {":owner": {"S": owner}, ":no": {"BOOL": False}}


def _item(request: KeyedRequest, claim: Claim) -> Item:
    kept = {"answer": {"S": msgspec.json.encode(claim.answer).decode()}} if claim.answer else {}
    return {
        **_key(request),
        "digest": {"S": claim.digest},
        "owner": {"S": claim.owner},
        "until_ms": number(claim.until_ms),
        "done": {"BOOL": claim.done},
        # A claim whose request died is worth nothing, but deleting it early would free the key for another request.
        "expires": number(claim.until_ms // 1000 + 3600),
        **kept,
    }


def _claim(item: Item) -> Claim:
    return Claim(
        digest=item["digest"]["S"],
        owner=item["owner"]["S"],
        until_ms=int(item["until_ms"]["N"]),
        done=item["done"]["BOOL"],
        answer=_answers.decode(item["answer"]["S"]) if "answer" in item else None,
    )
