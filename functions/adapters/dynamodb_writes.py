"""Conditional writes of several items as one, with their audit or without; what a condition refuses is an answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_audit import AuditedWrites, Refused
from functions.adapters.dynamodb_items import Item, number
from functions.domain.audit import Note
from functions.domain.fences import Fence, Passed
from functions.errors import AdapterError, AuditError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_REFUSED: Final = "ConditionalCheckFailed"
_TRY_AGAIN: Final = frozenset(
    {
        "TransactionConflict",
        "TransactionConflictException",
        "ThrottlingError",
        "ThrottlingException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "TransactionInProgressException",
    }
)
_UNHURT: Final = "None"
_FENCE: Final = "FENCE#"
_FENCE_S: Final = 90 * 86_400
"""As long as deliveries are kept: none that is older can come."""


class Writes:
    """Raises `error` where DynamoDB did not do it; races with other transactions are tried again."""

    def __init__(
        self,
        client: "DynamoDBClient",
        audit: AuditedWrites | None,
        *,
        error: type[AdapterError],
        backoff: Backoff,
    ) -> None:
        self._client = client
        self._audit = audit
        self._error = error
        self._backoff = backoff

    def commit(self, items: Sequence[Any], notes: Sequence[Note], doing: str) -> Refused | None:
        """All of `items`, as in TransactWriteItems, and `notes`. None once it is done."""
        if notes:
            return self._audited(items, notes, doing)
        problem = ""
        for _ in self._backoff:
            try:
                self._write(items)
            except ClientError as exc:
                refused = _refused(exc)
                if refused is not None:
                    return refused
                if not _worth_another_try(exc):
                    raise self._error(f"{doing}: {exc}") from exc
                problem = str(exc)
            except BotoCoreError as exc:
                raise self._error(f"{doing}: {exc}") from exc
            else:
                return None
        raise self._error(f"{doing}: {problem}")

    def _audited(self, items: Sequence[Any], notes: Sequence[Note], doing: str) -> Refused | None:
        if self._audit is None:
            raise self._error(f"{doing}: expected somewhere to keep its audit, got none")
        try:
            self._audit.commit(items, notes)
        except Refused as refused:
            return refused
        except AuditError as exc:
            raise self._error(f"{doing}: {exc}") from exc
        return None

    def _write(self, items: Sequence[Any]) -> None:
        if len(items) == 1 and "Put" in items[0]:
            self._client.put_item(**items[0]["Put"])
        else:
            self._client.transact_write_items(TransactItems=items)


def meets_itself(items: Sequence[Any]) -> bool:
    """Whether two of these writes, as in TransactWriteItems, are of the same item."""
    requests = [request for item in items for request in item.values()]
    keys = [request.get("Key") or request["Item"] for request in requests]
    places = {
        (request["TableName"], key["pk"]["S"], key["sk"]["S"]) for request, key in zip(requests, keys, strict=True)
    }
    return len(places) < len(items)


def passing(table: str, thing: str, fence: Fence, now: int) -> dict[str, Any]:
    """The item of a transaction that passes a fence; where it is refused, what stands there has the `order`."""
    return {
        "Put": {
            "TableName": table,
            "Item": {
                "pk": {"S": f"DEVICE#{thing}"},
                "sk": {"S": f"{_FENCE}{fence.name}"},
                "order": {"S": fence.order},
                "expires": number(now // 1000 + _FENCE_S),
            },
            "ConditionExpression": "attribute_not_exists(pk) OR #order < :order",
            "ExpressionAttributeNames": {"#order": "order"},
            "ExpressionAttributeValues": {":order": {"S": fence.order}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def passed_of(item: Item) -> Passed | None:
    """What stands at a fence that refused; None for what is no fence."""
    if "order" not in item:
        return None
    return Passed(str(item["sk"]["S"]).removeprefix(_FENCE), str(item["order"]["S"]))


def _refused(exc: ClientError) -> Refused | None:
    response: Any = exc.response
    if error_code(exc) == "ConditionalCheckFailedException":
        return Refused(0, dict(response.get("Item") or {}))
    for index, reason in enumerate(response.get("CancellationReasons") or []):
        if reason.get("Code") == _REFUSED:
            return Refused(index, dict(reason.get("Item") or {}))
    return None


def _worth_another_try(exc: ClientError) -> bool:
    if error_code(exc) in _TRY_AGAIN:
        return True
    reasons: Any = dict(exc.response).get("CancellationReasons") or []
    codes = {reason.get("Code", _UNHURT) for reason in reasons}
    return bool(codes) and codes <= _TRY_AGAIN | {_UNHURT}
