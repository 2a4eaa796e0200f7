"""The live table of docs/data-model.md: tickets, connections, who watches what, and the set of all that is watched.

That set is read by every function that changes something, so it holds six bytes a topic, in sets that DynamoDB adds to
and takes from atomically. Whoever takes a topic out looks once more for a watcher who came meanwhile, and whoever comes
enters himself before the topic: in whatever order the two interleave, a watched topic ends in the set.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code, side_by_side, wrapped
from functions.adapters.dynamodb_items import Item, number
from functions.domain.live import LIFE_MS, Connection, Watcher, mark_of
from functions.errors import LiveError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEPT_S = 600
"""How long after its end something that nobody took away stays, before TTL does."""
_MINUTE_MS = 60_000
_REFUSED = "ConditionalCheckFailedException"


class DynamoDBLiveTickets:
    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def put(self, digest: str, principal: str, expires_at: int) -> None:
        item = {
            **_ticket_key(digest),
            "principal": {"S": principal},
            "expires_at": number(expires_at),
            "expires": number(expires_at // 1000 + _KEPT_S),
        }
        with wrapped(LiveError, "keeping a ticket"):
            self._client.put_item(TableName=self._table, Item=item)

    def take(self, digest: str, now: int) -> str | None:
        try:
            answer = self._client.delete_item(
                TableName=self._table,
                Key=_ticket_key(digest),
                ConditionExpression="attribute_exists(pk)",
                ReturnValues="ALL_OLD",
            )
        except ClientError as exc:
            if error_code(exc) == _REFUSED:
                return None
            raise LiveError(f"taking a ticket: {exc}") from exc
        except BotoCoreError as exc:
            raise LiveError(f"taking a ticket: {exc}") from exc
        item: Any = answer["Attributes"]
        return str(item["principal"]["S"]) if now < int(item["expires_at"]["N"]) else None


class DynamoDBWatchedTopics:
    """For those who only ask what is watched."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def marks(self) -> frozenset[bytes]:
        query = {":set": {"S": "WATCHED"}}
        found: set[bytes] = set()
        for item in _items(self._client, self._table, query, consistent=False):
            found.update(bytes(mark) for mark in item.get("marks", {}).get("BS", ()))
        return frozenset(found)


class DynamoDBLiveConnections(DynamoDBWatchedTopics):
    def open(self, connection: Connection) -> None:
        lasting = _lasting(connection.opened_at)
        item: Item = {
            **_connection_key(connection.id),
            "principal": {"S": connection.principal},
            "opened_at": number(connection.opened_at),
            "expires": lasting,
        }
        own: Item = {**_own_key(connection), "connection": {"S": connection.id}, "expires": lasting}
        with wrapped(LiveError, "opening a connection"):
            # In this order: what is opened can always be found and closed by its principal's list.
            self._client.put_item(TableName=self._table, Item=own)
            self._client.put_item(TableName=self._table, Item=item)

    def of(self, principal: str) -> list[str]:
        items = _items(self._client, self._table, {":set": {"S": f"PRINCIPAL#{principal}"}}, consistent=True)
        return [item["connection"]["S"] for item in items]

    def heard(self, connection: str, now: int) -> Connection | None:
        minute = number(now // _MINUTE_MS)
        same = self._update(
            connection, "ADD #messages :one", "#minute = :minute", {":one": number(1), ":minute": minute}
        )
        if same is not None:
            return _connection(connection, same)
        first = self._update(
            connection,
            "SET #minute = :minute, #messages = :one",
            "attribute_exists(pk)",
            {":one": number(1), ":minute": minute},
        )
        return None if first is None else _connection(connection, first)

    def watch(self, connection: Connection, topics: frozenset[str], limit: int) -> bool:
        new = topics - connection.topics
        room = limit - len(new)
        if room < 0:
            return False
        if new:
            taken = self._update(
                connection.id,
                "ADD #topics :topics",
                "attribute_exists(pk) AND (attribute_not_exists(#topics) OR size(#topics) <= :room)",
                {":topics": {"SS": sorted(new)}, ":room": number(room)},
            )
            if taken is None:
                return False
        rows = [
            {
                **_watcher_key(topic, connection.id),
                "principal": {"S": connection.principal},
                "expires": _lasting(connection.opened_at),
            }
            for topic in sorted(topics)
        ]

        def put(row: Item) -> None:
            self._client.put_item(TableName=self._table, Item=row)

        with wrapped(LiveError, "watching"):
            side_by_side(put, rows)
            self._mark("ADD", topics)
        return True

    def unwatch(self, connection: str, topics: frozenset[str]) -> None:
        if topics:
            self._update(
                connection, "DELETE #topics :topics", "attribute_exists(pk)", {":topics": {"SS": sorted(topics)}}
            )
            self._drop(connection, topics)

    def forget(self, connection: str) -> bool:
        with wrapped(LiveError, "forgetting a connection"):
            old: Any = self._client.delete_item(
                TableName=self._table, Key=_connection_key(connection), ReturnValues="ALL_OLD"
            ).get("Attributes")
            if not old:
                return False
            known = _connection(connection, old)
            self._client.delete_item(TableName=self._table, Key=_own_key(known))
        self._drop(connection, known.topics)
        return True

    def reassert(self, connection: Connection, now: int) -> None:
        with wrapped(LiveError, "watching on"):
            self._mark("ADD", connection.topics)
        self._update(connection.id, "SET asserted_at = :now", "attribute_exists(pk)", {":now": number(now)})

    def watchers(self, topics: Iterable[str]) -> dict[str, list[Watcher]]:
        wanted = sorted(topics)
        found = side_by_side(self._watchers, wanted)
        return {topic: some for topic, some in zip(wanted, found, strict=True) if some}

    def release(self, topics: Iterable[str]) -> None:
        with wrapped(LiveError, "releasing what nobody watches"):
            idle = self._idle(sorted(topics))
            self._mark("DELETE", idle)
            still = self._idle(idle)
            self._mark("ADD", [topic for topic in idle if topic not in still])

    def _watchers(self, topic: str) -> list[Watcher]:
        items = _items(self._client, self._table, {":set": {"S": f"WATCH#{topic}"}}, consistent=False)
        return [Watcher(item["sk"]["S"], item["principal"]["S"]) for item in items]

    def _drop(self, connection: str, topics: Iterable[str]) -> None:
        def delete(topic: str) -> None:
            self._client.delete_item(TableName=self._table, Key=_watcher_key(topic, connection))

        with wrapped(LiveError, "watching no longer"):
            side_by_side(delete, topics)
        self.release(topics)

    def _idle(self, topics: list[str]) -> list[str]:
        def watched(topic: str) -> bool:
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :set",
                ExpressionAttributeValues={":set": {"S": f"WATCH#{topic}"}},
                ConsistentRead=True,
                Limit=1,
            )
            return bool(answer["Items"])

        return [topic for topic, some in zip(topics, side_by_side(watched, topics), strict=True) if not some]

    def _mark(self, action: str, topics: Iterable[str]) -> None:
        shards: dict[str, set[bytes]] = defaultdict(set)
        for topic in topics:
            mark = mark_of(topic)
            shards[f"{mark[0] % 16:02d}"].add(mark)

        def change(shard: str) -> None:
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": "WATCHED"}, "sk": {"S": shard}},
                UpdateExpression=f"{action} marks :marks",
                ExpressionAttributeValues={":marks": {"BS": sorted(shards[shard])}},
            )

        side_by_side(change, sorted(shards))

    def _update(self, connection: str, change: str, condition: str, values: dict[str, Any]) -> Item | None:
        """The connection's item after the change; None where the condition does not hold."""
        used = {f"#{name}": name for name in ("minute", "messages", "topics") if f"#{name}" in change + condition}
        request: dict[str, Any] = {"ExpressionAttributeNames": used} if used else {}
        try:
            answer: Any = self._client.update_item(
                TableName=self._table,
                Key=_connection_key(connection),
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                **request,
            )
        except ClientError as exc:
            if error_code(exc) == _REFUSED:
                return None
            raise LiveError(f"changing a connection: {exc}") from exc
        except BotoCoreError as exc:
            raise LiveError(f"changing a connection: {exc}") from exc
        item: Item = answer["Attributes"]
        return item


def _items(client: "DynamoDBClient", table: str, partition: Any, *, consistent: bool) -> Iterator[Any]:
    query: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": "pk = :set",
        "ExpressionAttributeValues": partition,
        "ConsistentRead": consistent,
    }
    while True:
        with wrapped(LiveError, "reading who watches"):
            answer = client.query(**query)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _connection(identifier: str, item: Item) -> Connection:
    return Connection(
        identifier,
        item["principal"]["S"],
        int(item["opened_at"]["N"]),
        frozenset(item.get("topics", {}).get("SS", ())),
        int(item.get("messages", {}).get("N", 0)),
        int(item.get("asserted_at", {}).get("N", 0)),
    )


def _lasting(opened_at: int) -> Item:
    return number((opened_at + LIFE_MS) // 1000 + _KEPT_S)


def _ticket_key(digest: str) -> Item:
    return {"pk": {"S": f"TICKET#{digest}"}, "sk": {"S": "META"}}


def _connection_key(connection: str) -> Item:
    return {"pk": {"S": f"CONNECTION#{connection}"}, "sk": {"S": "META"}}


def _own_key(connection: Connection) -> Item:
    return {
        "pk": {"S": f"PRINCIPAL#{connection.principal}"},
        "sk": {"S": f"{connection.opened_at:013d}#{connection.id}"},
    }


def _watcher_key(topic: str, connection: str) -> Item:
    return {"pk": {"S": f"WATCH#{topic}"}, "sk": {"S": connection}}
