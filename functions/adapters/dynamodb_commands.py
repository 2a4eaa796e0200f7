"""Commands in the core table: C16 to C19 of docs/data-model.md. Knows keys and conditions, not what a step means."""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from functions.adapters.aws import side_by_side, wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.due_index import read_due, shards
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_items import Item, batch_get, key, number
from functions.adapters.dynamodb_writes import Writes, passed_of, passing
from functions.adapters.shards import SHARDS, shard_of
from functions.domain.audit import Note
from functions.domain.bulk_commands import Bulk, BulkPage, BulkRow
from functions.domain.commands import Behind, Command, CommandPage, Due, DuePage
from functions.domain.fences import Fence, Passed
from functions.errors import CommandsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEEP_S: Final = 90 * 86_400

_SPARE: Final = 4
# Things are of a-z, 0-9 and '-': this stands before whatever may follow a '#'.
_BEFORE: Final = "!"

_Body = TypeVar("_Body", Command, Bulk, BulkRow)
_commands = msgspec.json.Decoder(Command)
_bulks = msgspec.json.Decoder(Bulk)
_rows = msgspec.json.Decoder(BulkRow)
_encoder = msgspec.json.Encoder()


class DynamoDBCommands:
    """Both the ledger of commands and that of bulks."""

    def __init__(
        self, client: "DynamoDBClient", table: str, audit: AuditedWrites, *, backoff: Backoff | None = None
    ) -> None:
        self._client = client
        self._table = table
        self._backoff = backoff or Backoff()
        self._writes = Writes(client, audit, error=CommandsError, backoff=self._backoff)

    def create(
        self, command: Command, *, once: str | None = None, fence: Fence | None = None, notes: Sequence[Note] = ()
    ) -> Command | Behind | Passed:
        written = msgspec.structs.replace(command, version=command.version + 1)
        expires = _expires(written)
        last = {
            **self._put(
                {**key(f"DEVICE#{command.thing}", "COMMANDS"), "last": {"S": command.id}, "expires": expires},
                "attribute_not_exists(pk) OR #last < :id",
            ),
            "ExpressionAttributeNames": {"#last": "last"},
            "ExpressionAttributeValues": {":id": {"S": command.id}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        named = {**key(f"DEVICE#{command.thing}", f"ONCE#{once}"), "id": {"S": command.id}, "expires": expires}
        marked = {**self._put(named, "attribute_not_exists(pk)"), "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        items = [
            *([{"Put": marked}] if once is not None else []),
            *([passing(self._table, command.thing, fence, command.created_at)] if fence is not None else []),
            {"Put": last},
            {"Put": self._put(_command_item(written), "attribute_not_exists(pk)")},
            *self._beside(None, written),
        ]
        refused = self._writes.commit(items, notes, f"creating a command of {command.thing}")
        if refused is None:
            return written
        known = self.once(command.thing, once) if once is not None else None
        if known is not None:
            return known
        passed = passed_of(refused.item)
        if passed is not None:
            return passed
        if "last" in refused.item:
            return Behind(refused.item["last"]["S"])
        raise CommandsError(f"creating a command of {command.thing}: {refused}")

    def read(self, thing: str, id: str) -> Command | None:  # noqa: A002 - as the port has it
        item = self._get(f"DEVICE#{thing}", f"COMMAND#{id}")
        return _command(item) if item else None

    def once(self, thing: str, once: str) -> Command | None:
        item = self._get(f"DEVICE#{thing}", f"ONCE#{once}")
        return self.read(thing, item["id"]["S"]) if item else None

    def open(self, thing: str) -> list[Command]:
        marks = self._query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :open)",
            ExpressionAttributeValues={":pk": {"S": f"DEVICE#{thing}"}, ":open": {"S": "OPEN#"}},
            ConsistentRead=True,
        )
        ids = [item["sk"]["S"].removeprefix("OPEN#") for item in marks["Items"]]
        items = batch_get(
            self._client,
            self._table,
            [(f"DEVICE#{thing}", f"COMMAND#{ulid}") for ulid in ids],
            ("body", "version"),
            consistent=True,
            backoff=self._backoff,
            error=CommandsError,
        )
        return sorted(map(_command, items), key=lambda command: command.id)

    def save(self, was: Command, becomes: Command, notes: Sequence[Note] = ()) -> Command | None:
        written = msgspec.structs.replace(becomes, version=was.version + 1)
        put = {
            **self._put(_command_item(written), "#version = :was"),
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":was": number(was.version)},
        }
        items = [{"Put": put}, *self._beside(was, written)]
        refused = self._writes.commit(items, notes, f"writing command {was.id} of {was.thing}")
        return written if refused is None else None

    def page(self, thing: str, limit: int, before: str | None) -> CommandPage:
        pk = f"DEVICE#{thing}"
        more = {} if before is None else {"ExclusiveStartKey": key(pk, f"COMMAND#{before}")}
        answer = self._query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :command)",
            ExpressionAttributeValues={":pk": {"S": pk}, ":command": {"S": "COMMAND#"}},
            ScanIndexForward=False,
            Limit=limit,
            **more,
        )
        commands = tuple(map(_command, answer["Items"]))
        last = answer.get("LastEvaluatedKey")
        return CommandPage(commands, last["sk"]["S"].removeprefix("COMMAND#") if last else None)

    def due(self, shard: str, until: int, after: str | None, limit: int) -> DuePage:
        items, more = read_due(self._client, self._table, f"DUE#{shard}", until, after, limit, error=CommandsError)
        # What is not a command's mark belongs to somebody else's sweep.
        found = [item for item in items if item["sk"]["S"].startswith("OPEN#")]
        return DuePage(tuple(_due(item["duesk"]["S"]) for item in found), more)

    def shards(self) -> Sequence[str]:
        return shards()

    def create_bulk(self, bulk: Bulk, notes: Sequence[Note]) -> Bulk:
        written = msgspec.structs.replace(bulk, version=bulk.version + 1)
        put = self._put(_bulk_item(written), "attribute_not_exists(pk)")
        if self._writes.commit([{"Put": put}], notes, f"creating the bulk {bulk.id}") is None:
            return written
        known = self.read_bulk(bulk.id)
        if known is None:
            raise CommandsError(f"creating the bulk {bulk.id}: it is there, and cannot be read")
        return known

    def read_bulk(self, id: str) -> Bulk | None:  # noqa: A002 - as the port has it
        item = self._get(f"BULK#{id}", "META")
        return _with_version(_bulks.decode(item["body"]["S"]), item) if item else None

    def save_bulk(self, becomes: Bulk, notes: Sequence[Note] = ()) -> Bulk | None:
        written = msgspec.structs.replace(becomes, version=becomes.version + 1)
        put = {
            **self._put(_bulk_item(written), "#version = :was"),
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":was": number(becomes.version)},
        }
        refused = self._writes.commit([{"Put": put}], notes, f"writing the bulk {becomes.id}")
        return written if refused is None else None

    def put_row(self, bulk: str, row: BulkRow) -> None:
        known = self._get(f"BULK#{bulk}", "META")
        expires = known["expires"] if known else number(0)
        put = self._put(_row_item(bulk, row, expires), "attribute_not_exists(pk)")
        self._writes.commit([{"Put": put}], (), f"writing a row of the bulk {bulk}")

    def rows(self, bulk: str, limit: int, after: str | None) -> BulkPage:
        share = limit // SHARDS + _SPARE
        partitions = [f"BULK#{bulk}#{shard}" for shard in self.shards()]
        first = side_by_side(lambda pk: self._rows_of(pk, after, Limit=share), partitions)
        streams = [self._stream(pk, page, Limit=share) for pk, page in zip(partitions, first, strict=True)]
        found = list(islice(merge(*streams, key=lambda row: row.thing), limit + 1))
        page = tuple(found[:limit])
        return BulkPage(page, page[-1].thing if len(found) > limit else None)

    def all_rows(self, bulk: str, *, consistent: bool = False) -> Iterator[BulkRow]:
        how = {"ConsistentRead": consistent}

        def whole(shard: str) -> list[BulkRow]:
            pk = f"BULK#{bulk}#{shard}"
            return list(self._stream(pk, self._rows_of(pk, None, **how), **how))

        return (row for rows in side_by_side(whole, self.shards()) for row in rows)

    def _stream(self, pk: str, page: dict[str, Any], **how: Any) -> Iterator[BulkRow]:
        while True:
            yield from (_rows.decode(item["body"]["S"]) for item in page["Items"])
            last = page.get("LastEvaluatedKey")
            if not last:
                return
            page = self._rows_of(pk, last["sk"]["S"], **how)

    def _rows_of(self, pk: str, after: str | None, **how: Any) -> dict[str, Any]:
        return self._query(
            KeyConditionExpression="pk = :pk AND sk > :after",
            ExpressionAttributeValues={":pk": {"S": pk}, ":after": {"S": after or _BEFORE}},
            **how,
        )

    def _beside(self, was: Command | None, becomes: Command) -> list[Any]:
        """What moves with a command: its mark among the open, and its row in a bulk."""
        items: list[Any] = []
        pk, sk = f"DEVICE#{becomes.thing}", f"OPEN#{becomes.id}"
        if becomes.due is None:
            if was is not None and was.due is not None:
                items.append({"Delete": {"TableName": self._table, "Key": key(pk, sk)}})
        elif was is None or was.due != becomes.due:
            due = Due(becomes.due, becomes.thing, becomes.id)
            mark = {
                **key(pk, sk),
                "duepk": {"S": f"DUE#{shard_of(becomes.thing)}"},
                "duesk": {"S": f"{due.due:013d}#{due.thing}#{due.id}"},
                "expires": _expires(becomes),
            }
            items.append({"Put": {"TableName": self._table, "Item": mark}})
        if becomes.bulk is not None:
            row = BulkRow.of(becomes)
            if was is None or row != BulkRow.of(was):
                item = _row_item(becomes.bulk, row, _expires(becomes))
                items.append({"Put": {"TableName": self._table, "Item": item}})
        return items

    def _put(self, item: Item, condition: str) -> dict[str, Any]:
        return {"TableName": self._table, "Item": item, "ConditionExpression": condition}

    def _get(self, pk: str, sk: str) -> Item:
        with wrapped(CommandsError, f"reading {pk} {sk}"):
            answer = self._client.get_item(TableName=self._table, Key=key(pk, sk), ConsistentRead=True)
        return dict(answer.get("Item") or {})

    def _query(self, **request: Any) -> dict[str, Any]:
        with wrapped(CommandsError, "reading commands"):
            return dict(self._client.query(TableName=self._table, **request))


def _expires(of: Command | Bulk) -> Item:
    return number(of.created_at // 1000 + KEEP_S)


def _body(of: Command | Bulk | BulkRow) -> Item:
    return {"S": _encoder.encode(of).decode()}


def _command_item(command: Command) -> Item:
    return {
        **key(f"DEVICE#{command.thing}", f"COMMAND#{command.id}"),
        "version": number(command.version),
        "body": _body(command),
        "expires": _expires(command),
    }


def _bulk_item(bulk: Bulk) -> Item:
    return {
        **key(f"BULK#{bulk.id}", "META"),
        "version": number(bulk.version),
        "body": _body(bulk),
        "expires": _expires(bulk),
    }


def _row_item(bulk: str, row: BulkRow, expires: Item) -> Item:
    return {**key(f"BULK#{bulk}#{shard_of(row.thing)}", row.thing), "body": _body(row), "expires": expires}


def _command(item: Item) -> Command:
    return _with_version(_commands.decode(item["body"]["S"]), item)


def _with_version(body: _Body, item: Item) -> _Body:
    return msgspec.structs.replace(body, version=int(item["version"]["N"]))


def _due(key: str) -> Due:
    due, thing, id = key.split("#")  # noqa: A001 - its name everywhere
    return Due(int(due), thing, id)
