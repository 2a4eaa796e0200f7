"""Recipients and maintenance windows in the core table (docs/data-model.md C27 to C28a)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from functions.adapters.aws import wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_items import Item, batch_get, if_version, key, number
from functions.adapters.dynamodb_writes import Writes
from functions.domain.audit import Note
from functions.domain.maintenance import KEEP_MS, MAX_WINDOWS, Window, WindowPage
from functions.domain.recipients import Recipient
from functions.errors import DeliveriesError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_RECIPIENTS: Final = "RECIPIENTS"
_MAINTENANCE: Final = "MAINTENANCE"

_recipients = msgspec.json.Decoder(Recipient)
_windows = msgspec.json.Decoder(Window)
_encoder = msgspec.json.Encoder()


class DynamoDBRecipients:
    """Without `audit` it only reads."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        audit: AuditedWrites | None = None,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self._client = client
        self._table = table
        self._backoff = backoff or Backoff()
        self._writes = Writes(client, audit, error=DeliveriesError, backoff=self._backoff)

    def find(self, ids: Iterable[str]) -> dict[str, Recipient]:
        items = batch_get(
            self._client,
            self._table,
            [(_RECIPIENTS, one) for one in ids],
            ("body", "version"),
            consistent=True,
            backoff=self._backoff,
            error=DeliveriesError,
        )
        return {one.id: one for one in map(_recipient, items)}

    def all(self) -> list[Recipient]:
        found: list[Recipient] = []
        more: dict[str, Any] = {}
        while True:
            with wrapped(DeliveriesError, "reading the recipients"):
                answer = self._client.query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk",
                    ExpressionAttributeValues={":pk": {"S": _RECIPIENTS}},
                    ConsistentRead=True,
                    **more,
                )
            found += [_recipient(dict(item)) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return found
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def save(self, was: Recipient | None, becomes: Recipient, note: Note) -> Recipient | None:
        written = msgspec.structs.replace(becomes, version=(was.version if was else 0) + 1)
        item = {**key(_RECIPIENTS, written.id), "version": number(written.version), "body": _body(written)}
        put = {"TableName": self._table, "Item": item, **_if_still(was)}
        refused = self._writes.commit([{"Put": put}], [note], f"writing the recipient {written.id}")
        return written if refused is None else None

    def delete(self, recipient: Recipient, note: Note) -> bool:
        delete = {"TableName": self._table, "Key": key(_RECIPIENTS, recipient.id), **_if_still(recipient)}
        doing = f"deleting the recipient {recipient.id}"
        return self._writes.commit([{"Delete": delete}], [note], doing) is None


class DynamoDBWindows:
    """Without `audit` it only reads."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        audit: AuditedWrites | None = None,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self._client = client
        self._table = table
        self._writes = Writes(client, audit, error=DeliveriesError, backoff=backoff or Backoff())

    def create(self, window: Window, note: Note) -> Window:
        written = msgspec.structs.replace(window, version=1)
        items = [self._put(written, None), self._ending(written)]
        if self._writes.commit(items, [note], f"creating the maintenance window {window.id}") is not None:
            raise DeliveriesError(f"creating the maintenance window {window.id}: there is one already")
        return written

    def read(self, id: str) -> Window | None:  # noqa: A002 - as the port has it
        with wrapped(DeliveriesError, f"reading the maintenance window {id}"):
            answer = self._client.get_item(
                TableName=self._table, Key=key(_MAINTENANCE, f"WINDOW#{id}"), ConsistentRead=True
            )
        item = dict(answer.get("Item") or {})
        return _window(item) if item else None

    def save(self, was: Window, becomes: Window, note: Note) -> Window | None:
        written = msgspec.structs.replace(becomes, version=was.version + 1)
        items = [self._put(written, was), self._ending(written)]
        if written.end != was.end:
            items.append({"Delete": {"TableName": self._table, "Key": key(_MAINTENANCE, _until(was))}})
        refused = self._writes.commit(items, [note], f"writing the maintenance window {was.id}")
        return written if refused is None else None

    def page(self, limit: int, before: str | None) -> WindowPage:
        more: dict[str, Any] = {}
        if before is not None:
            more = {"ExclusiveStartKey": key(_MAINTENANCE, f"WINDOW#{before}")}
        with wrapped(DeliveriesError, "reading the maintenance windows"):
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :first)",
                ExpressionAttributeValues={":pk": {"S": _MAINTENANCE}, ":first": {"S": "WINDOW#"}},
                ScanIndexForward=False,
                Limit=limit,
                **more,
            )
        windows = tuple(_window(dict(item)) for item in answer["Items"])
        return WindowPage(windows, windows[-1].id if "LastEvaluatedKey" in answer and windows else None)

    def ahead(self, now: int, limit: int) -> list[Window]:
        found: list[Window] = []
        more: dict[str, Any] = {}
        while len(found) < limit:
            with wrapped(DeliveriesError, "reading the maintenance windows that are not over"):
                answer = self._client.query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                    ExpressionAttributeValues={
                        ":pk": {"S": _MAINTENANCE},
                        ":first": {"S": f"UNTIL#{now + 1:013d}"},
                        ":last": {"S": "UNTIL#~"},
                    },
                    ConsistentRead=True,
                    Limit=limit - len(found),
                    **more,
                )
            found += [_window(dict(item)) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                break
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return found

    def holding(self, now: int) -> list[Window]:
        return self.ahead(now, MAX_WINDOWS)

    def _put(self, window: Window, was: Window | None) -> Any:
        item = {**key(_MAINTENANCE, f"WINDOW#{window.id}"), **_attributes(window)}
        return {"Put": {"TableName": self._table, "Item": item, **_if_still(was)}}

    def _ending(self, window: Window) -> Any:
        item = {**key(_MAINTENANCE, _until(window)), **_attributes(window)}
        return {"Put": {"TableName": self._table, "Item": item}}


def _until(window: Window) -> str:
    return f"UNTIL#{window.end:013d}#{window.id}"


def _if_still(was: Recipient | Window | None) -> Item:
    return {"ConditionExpression": "attribute_not_exists(pk)"} if was is None else if_version(was.version)


def _body(of: Recipient | Window) -> Item:
    return {"S": _encoder.encode(of).decode()}


def _attributes(window: Window) -> Item:
    return {
        "version": number(window.version),
        "body": _body(window),
        "expires": number((window.end + KEEP_MS) // 1000),
    }


def _recipient(item: Item) -> Recipient:
    return msgspec.structs.replace(_recipients.decode(item["body"]["S"]), version=int(item["version"]["N"]))


def _window(item: Item) -> Window:
    return msgspec.structs.replace(_windows.decode(item["body"]["S"]), version=int(item["version"]["N"]))
