"""What of rules and alarms waits for its time: C19a to C19c of docs/data-model.md, in the index `due`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from functions.adapters.aws import wrapped
from functions.adapters.due_index import read_due, shards
from functions.adapters.dynamodb_alarm_items import OUTBOX, TIMER, entry_of, outbox_key
from functions.adapters.dynamodb_device_rows import key_attributes
from functions.domain.outbox import OutboxEntry, OutboxPage, TimersPage
from functions.errors import AlarmsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class _Due:
    def __init__(self, client: "DynamoDBClient", core_table: str) -> None:
        self._client = client
        self._table = core_table

    def shards(self) -> Sequence[str]:
        return shards()

    def _due(self, partition: str, until: int, after: str | None, limit: int) -> tuple[list[str], str | None]:
        """Sort keys of what is due, and the one to go on from."""
        items, more = read_due(self._client, self._table, partition, until, after, limit, error=AlarmsError)
        return [str(item["duesk"]["S"]) for item in items], more


class DynamoDBTimers(_Due):
    def due(self, shard: str, until: int, after: str | None, limit: int) -> TimersPage:
        keys, more = self._due(f"{TIMER}#{shard}", until, after, limit)
        return TimersPage(tuple(key.partition("#")[2] for key in keys), more)


class DynamoDBOutbox(_Due):
    """Whoever plans deletes an entry by `outbox_key` (`dynamodb_alarm_items`), in his own transaction."""

    def read(self, thing: str, number: int, step: int) -> OutboxEntry | None:
        with wrapped(AlarmsError, f"reading what is to be done about {thing}"):
            answer = self._client.get_item(
                TableName=self._table, Key=key_attributes(outbox_key(thing, number, step)), ConsistentRead=True
            )
        return entry_of(dict(answer["Item"])) if answer.get("Item") else None

    def due(self, shard: str, until: int, after: str | None, limit: int) -> OutboxPage:
        keys, more = self._due(f"{OUTBOX}{shard}", until, after, limit)
        return OutboxPage(tuple(map(_place, keys)), more)


def _place(key: str) -> tuple[str, int, int]:
    _, thing, number, step = key.split("#")
    return thing, int(number), int(step)
