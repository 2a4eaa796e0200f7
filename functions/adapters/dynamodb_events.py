"""Device events in the events table, by the time that the device gave each, so that MQTT may deliver one twice."""

from hashlib import blake2b
from typing import TYPE_CHECKING

from functions.adapters.aws import wrapped
from functions.adapters.dynamodb_items import number
from functions.domain.events import DeviceEvent
from functions.errors import EventLogError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBEventLog:
    def __init__(self, client: "DynamoDBClient", table: str, *, retention_days: int) -> None:
        self._client = client
        self._table = table
        self._retention_s = retention_days * 86_400

    def append(self, event: DeviceEvent) -> None:
        digest = blake2b(event.raw, digest_size=12).hexdigest()
        with wrapped(EventLogError, f"keeping an event of {event.thing}"):
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": f"EVENT#{event.thing}"},
                    "sk": {"S": f"{event.at:015d}#{digest}"},
                    "thing": {"S": event.thing},
                    "at": number(event.at),
                    "received_at": number(event.received_at),
                    "kind": {"S": event.kind},
                    "raw": {"B": event.raw},
                    "expires": number(event.received_at // 1000 + self._retention_s),
                },
            )
