"""Token buckets in the state table: an item for each principal, moved by one conditional write."""

from typing import TYPE_CHECKING

from functions.adapters.aws import conditional_update
from functions.adapters.dynamodb_items import Item, number
from functions.domain.rates import Bucket, Taken, take
from functions.errors import RatesError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTEMPTS = 4
_KEPT_S = 86_400
"""Longer than a bucket takes to fill."""
_SECOND_US = 1_000_000
_REMEMBERED = 1_000
"""Principals of which this process knows where their bucket stood: it saves a write that would fail."""


class DynamoDBRateBuckets:
    def __init__(self, client: "DynamoDBClient", state_table: str) -> None:
        self._client = client
        self._table = state_table
        self._full_at: dict[str, int] = {}

    def take(self, principal: str, wanted: int, limit: Bucket, now_ms: int) -> Taken:
        """One write, and another where the bucket is not as this process last saw it. Raises RatesError."""
        now = now_ms * 1000
        known = self._full_at.pop(principal, 0)
        for _ in range(_ATTEMPTS):
            taken, full_at = take(known, now, wanted, limit)
            stands = (
                self._move(principal, known, now, taken.tokens * limit.interval_us, limit) if taken.tokens else None
            )
            if stands is None:
                self._remember(principal, full_at)
                return taken
            known = stands
        raise RatesError(f"taking tokens of {principal}: others took some at each attempt")

    def _remember(self, principal: str, full_at: int) -> None:
        if len(self._full_at) >= _REMEMBERED:
            self._full_at.pop(next(iter(self._full_at)))
        self._full_at[principal] = full_at

    def _move(self, principal: str, known: int, now: int, cost: int, limit: Bucket) -> int | None:
        """None once it is moved, else where it stands. A full bucket is set, another one is moved on.

        So it does not matter how far it was moved by others meanwhile, as long as there is room.
        """
        values: Item = {":now": number(now), ":expires": number((now + limit.depth_us) // _SECOND_US + _KEPT_S)}
        if known > now:
            moved, values[":cost"] = "#full_at + :cost", number(cost)
            condition, values[":most"] = "#full_at > :now AND #full_at <= :most", number(now + limit.depth_us - cost)
        else:
            moved, values[":sum"] = ":sum", number(now + cost)
            condition = "attribute_not_exists(#full_at) OR #full_at <= :now"
        refusal = conditional_update(
            self._client,
            RatesError,
            f"taking tokens of {principal}",
            TableName=self._table,
            Key={"pk": {"S": f"RATE#{principal}"}, "sk": {"S": "BUCKET"}},
            UpdateExpression=f"SET #full_at = {moved}, #expires = :expires",
            ConditionExpression=condition,
            ExpressionAttributeNames={"#full_at": "full_at", "#expires": "expires"},
            ExpressionAttributeValues=values,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        if refusal is None:
            return None
        return int(refusal.item["full_at"]["N"]) if "full_at" in refusal.item else 0
