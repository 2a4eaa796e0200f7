"""Groups in the core table (C8). Each counts what is in it directly, in the transaction that puts it there: so a group
is only deleted when it is empty, and exists as long as anything is in it.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from contract.identity import GROUP_PATTERN
from functions.adapters.aws import wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_audit import AuditedWrites, Refused
from functions.adapters.dynamodb_items import Item, batch_get, number
from functions.domain.access import EVERYTHING, lineage
from functions.domain.audit import Note
from functions.domain.cursors import seal, unseal
from functions.domain.groups import Group, GroupPage, parent_of
from functions.errors import CursorError, RegistryError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTRIBUTES = ("path", "title", "description", "devices", "children", "created_at", "updated_at", "version")
_PATH = re.compile(GROUP_PATTERN)


class _Move(msgspec.Struct):
    devices: int = 0
    children: int = 0
    new: bool = False


class GroupRows:
    """The part of a transaction by which groups count what is in them."""

    def __init__(self, client: "DynamoDBClient", table: str, backoff: Backoff) -> None:
        self._client = client
        self._table = table
        self._backoff = backoff

    def read(self, paths: Iterable[str], *, consistent: bool) -> dict[str, Group]:
        items = batch_get(
            self._client,
            self._table,
            [(_partition(parent_of(path)), _name(path)) for path in paths],
            _ATTRIBUTES,
            consistent=consistent,
            backoff=self._backoff,
            error=RegistryError,
        )
        return {group.path: group for group in map(group_of, items)}

    def moves(self, left: str | None, joined: str | None, now: int) -> list[Any]:
        """A device leaves a group and joins another, which is made with all above it where it is not there."""
        if left == joined:
            return []
        there = self.read([*lineage(left or ""), *lineage(joined or "")], consistent=True)
        moves: dict[str, _Move] = {}
        if left in there:
            moves.setdefault(str(left), _Move()).devices -= 1
        if joined is not None:
            self._make(joined, there, moves)
            moves.setdefault(joined, _Move()).devices += 1
        return [
            self._write(path, move, Group(path=path, created_at=now, updated_at=now)) for path, move in moves.items()
        ]

    def makes(self, group: Group) -> list[Any]:
        """The group and all above it that is not there. Its own row is the first."""
        there = self.read(lineage(group.path)[:-1], consistent=True)
        moves: dict[str, _Move] = {}
        self._make(group.path, there, moves)
        now = group.updated_at
        rows = {path: Group(path=path, created_at=now, updated_at=now) for path in moves} | {group.path: group}
        own_first = sorted(moves, key=lambda path: path != group.path)
        return [self._write(path, moves[path], rows[path]) for path in own_first]

    def counts_child(self, parent: str, by: int) -> Any:
        return self._write(parent, _Move(children=by), Group(path=parent))

    def _make(self, path: str, there: Iterable[str], moves: dict[str, _Move]) -> None:
        for one in lineage(path):
            if one not in there:
                parent = parent_of(one)
                if parent is not None:
                    moves.setdefault(parent, _Move()).children += 1
                moves.setdefault(one, _Move()).new = True

    def _write(self, path: str, move: _Move, row: Group) -> Any:
        if move.new:
            made = msgspec.structs.replace(row, devices=move.devices, children=move.children)
            return {
                "Put": {
                    "TableName": self._table,
                    "Item": item_of(made),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
        return {
            "Update": {
                "TableName": self._table,
                "Key": group_key(path),
                "UpdateExpression": "ADD #devices :devices, #children :children",
                # One that was deleted meanwhile is not counted back into being.
                "ConditionExpression": "attribute_exists(pk)",
                "ExpressionAttributeNames": {"#devices": "devices", "#children": "children"},
                "ExpressionAttributeValues": {":devices": number(move.devices), ":children": number(move.children)},
            }
        }


class DynamoDBGroups:
    def __init__(
        self, client: "DynamoDBClient", table: str, audited: AuditedWrites, *, backoff: Backoff | None = None
    ) -> None:
        self._client = client
        self._table = table
        self._audited = audited
        self._backoff = backoff or Backoff()
        self._rows = GroupRows(client, table, self._backoff)

    def find(self, paths: Iterable[str]) -> dict[str, Group]:
        asked = list(dict.fromkeys(paths))
        return self._rows.read(asked, consistent=len(asked) == 1)

    def children(self, parent: str | None, limit: int, cursor: str | None) -> GroupPage:
        question = ("groups", parent)
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": _partition(parent)}},
            "Limit": limit,
        }
        if cursor is not None:
            after = str(unseal(cursor, question, (str,))[0])
            if not _PATH.fullmatch(after) or parent_of(after) != parent:
                raise CursorError(cursor)
            request["ExclusiveStartKey"] = group_key(after)
        with wrapped(RegistryError, f"listing the groups in {parent or EVERYTHING}"):
            answer = self._client.query(**request)
        groups = tuple(group_of(dict(item)) for item in answer["Items"])
        more = bool(answer.get("LastEvaluatedKey")) and bool(groups)
        return GroupPage(groups, seal(question, (groups[-1].path,)) if more else None)

    def save(self, before: Group | None, after: Group, note: Note) -> bool:
        for _ in self._backoff:
            items = [self._changed(before, after)] if before is not None else self._rows.makes(after)
            try:
                self._audited.commit(items, [note])
            except Refused as refused:
                if refused.index == 0:
                    return False
                continue  # a group above it was made or deleted at this moment
            return True
        raise RegistryError(f"the groups above {after.path} changed at every attempt")

    def delete(self, group: Group, note: Note) -> bool:
        parent = parent_of(group.path)
        items: list[Any] = [
            {
                "Delete": {
                    "TableName": self._table,
                    "Key": group_key(group.path),
                    "ConditionExpression": "#version = :was AND #devices = :none AND #children = :none",
                    "ExpressionAttributeNames": {"#version": "version", "#devices": "devices", "#children": "children"},
                    "ExpressionAttributeValues": {":was": number(group.version), ":none": number(0)},
                }
            },
            *([] if parent is None else [self._rows.counts_child(parent, -1)]),
        ]
        try:
            self._audited.commit(items, [note])
        except Refused:
            return False
        return True

    def _changed(self, before: Group, after: Group) -> Any:
        sets: Item = {
            "title": {"S": after.title},
            "description": {"S": after.description},
            "updated_at": number(after.updated_at),
            "version": number(after.version),
        }
        return {
            "Update": {
                "TableName": self._table,
                "Key": group_key(after.path),
                "UpdateExpression": f"SET {', '.join(f'#{name} = :{name}' for name in sets)}",
                "ConditionExpression": "#version = :was",
                "ExpressionAttributeNames": {f"#{name}": name for name in sets},
                "ExpressionAttributeValues": {
                    **{f":{name}": value for name, value in sets.items()},
                    ":was": number(before.version),
                },
            }
        }


def group_key(path: str) -> Item:
    return {"pk": {"S": _partition(parent_of(path))}, "sk": {"S": _name(path)}}


def item_of(group: Group) -> Item:
    return {
        **group_key(group.path),
        "path": {"S": group.path},
        "title": {"S": group.title},
        "description": {"S": group.description},
        "devices": number(group.devices),
        "children": number(group.children),
        "created_at": number(group.created_at),
        "updated_at": number(group.updated_at),
        "version": number(group.version),
    }


def group_of(item: Item) -> Group:
    return Group(
        path=item["path"]["S"],
        title=item["title"]["S"],
        description=item["description"]["S"],
        devices=int(item["devices"]["N"]),
        children=int(item["children"]["N"]),
        created_at=int(item["created_at"]["N"]),
        updated_at=int(item["updated_at"]["N"]),
        version=int(item["version"]["N"]),
    )


def _partition(parent: str | None) -> str:
    return f"GROUP#{parent or EVERYTHING}"


def _name(path: str) -> str:
    return path.rpartition("/")[2]
