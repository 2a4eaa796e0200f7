"""Device events in the events table, by the time that the device gave each, so that MQTT may deliver one twice."""

from typing import TYPE_CHECKING, Any

from functions.adapters.aws import wrapped
from functions.adapters.dynamodb_items import Item, number
from functions.domain.cursors import seal, unseal
from functions.domain.events import DeviceEvent, EventFilter, EventPage
from functions.domain.quarantine import digest_of
from functions.errors import CursorError, EventLogError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LOOKED_AT = 200
"""Events that a page with a filter reads: one of a kind may be rare."""


class DynamoDBEventLog:
    def __init__(self, client: "DynamoDBClient", table: str, *, retention_days: int = 90) -> None:
        self._client = client
        self._table = table
        self._retention_s = retention_days * 86_400

    def append(self, event: DeviceEvent) -> None:
        with wrapped(EventLogError, f"keeping an event of {event.thing}"):
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": _partition(event.thing)},
                    "sk": {"S": _sort_key(event.at, digest_of(event.raw))},
                    "thing": {"S": event.thing},
                    "at": number(event.at),
                    "received_at": number(event.received_at),
                    "kind": {"S": event.kind},
                    "raw": {"B": event.raw},
                    "expires": number(event.received_at // 1000 + self._retention_s),
                },
            )

    def page(self, wanted: EventFilter, limit: int, cursor: str | None) -> EventPage:
        question = ("events", wanted.thing, wanted.kind)
        # Keys of the times themselves, without a digest, stand before all events of those milliseconds.
        low, high = _sort_key(wanted.start, ""), _sort_key(wanted.end, "")
        before: str | None = None
        if cursor is not None:
            at, digest = unseal(cursor, question, (int, str))
            before = _sort_key(int(at), str(digest))
            if not 0 <= int(at) < 10**15 or not low <= before:
                raise CursorError(cursor)
            high = min(high, before)
        if low >= high:
            return EventPage((), None)
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": {
                ":pk": {"S": _partition(wanted.thing)},
                ":low": {"S": low},
                ":high": {"S": high},
            },
            "ScanIndexForward": False,
            "Limit": limit + 1,  # the one of the cursor is read again
        }
        if wanted.kind is not None:
            request["FilterExpression"] = "kind = :kind"
            request["ExpressionAttributeValues"][":kind"] = {"S": wanted.kind}
            request["Limit"] = max(limit + 1, _LOOKED_AT)
        with wrapped(EventLogError, f"reading the events of {wanted.thing}"):
            answer = self._client.query(**request)
        found = [dict(item) for item in answer["Items"] if str(item["sk"]["S"]) != before]
        page = found[:limit]
        last = page[-1]["sk"]["S"] if len(found) > limit else answer.get("LastEvaluatedKey", {}).get("sk", {}).get("S")
        return EventPage(tuple(map(_event, page)), None if last is None else seal(question, _position(str(last))))


def _partition(thing: str) -> str:
    return f"EVENT#{thing}"


def _sort_key(at: int, digest: str) -> str:
    return f"{at:015d}#{digest}"


def _position(sort_key: str) -> tuple[int, str]:
    at, _, digest = sort_key.partition("#")
    return int(at), digest


def _event(item: Item) -> DeviceEvent:
    return DeviceEvent(
        thing=item["thing"]["S"],
        received_at=int(item["received_at"]["N"]),
        at=int(item["at"]["N"]),
        kind=item["kind"]["S"],
        raw=bytes(item["raw"]["B"]),
    )
