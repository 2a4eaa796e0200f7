"""Rules and models in the core table (docs/data-model.md C9 to C12)."""

from typing import TYPE_CHECKING, Any

import msgspec

from functions.adapters.aws import wrapped
from functions.adapters.dynamodb_audit import AuditedWrites, Refused
from functions.adapters.dynamodb_items import Item, if_version, key, number
from functions.domain.access import By
from functions.domain.audit import Note
from functions.domain.cursors import seal, unseal
from functions.domain.definitions import MAX_MODELS, MAX_RULES, Definition, Definitions, Version, VersionsPage
from functions.errors import ConflictError, RulesError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_REVISION = key("RULES#REVISION", "META")


class _Kind(msgspec.Struct, frozen=True):
    """`name` of one, with `partition` where all are; `count` is the revision's attribute that counts them."""

    name: str
    partition: str
    count: str
    most: int


class DynamoDBShelf:
    """Without `audited` it only reads."""

    def __init__(self, client: "DynamoDBClient", table: str, audited: AuditedWrites | None, kind: _Kind) -> None:
        self._client = client
        self._table = table
        self._audited = audited
        self._kind = kind

    def find(self, id: str) -> Definition | None:  # noqa: A002
        with wrapped(RulesError, f"reading the {self._kind.name} {id}"):
            answer = self._client.get_item(TableName=self._table, Key=self._key(id), ConsistentRead=True)
        item = dict(answer.get("Item") or {})
        return _definition(item) if item else None

    def newest(self, id: str) -> int:  # noqa: A002
        with wrapped(RulesError, f"reading the newest version of the {self._kind.name} {id}"):
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": self._history(id)}},
                ProjectionExpression="#version",
                ExpressionAttributeNames={"#version": "version"},
                ScanIndexForward=False,
                ConsistentRead=True,
                Limit=1,
            )
        return int(answer["Items"][0]["version"]["N"]) if answer["Items"] else 0

    def save(self, before: Definition | None, after: Definition, note: Note) -> bool:
        put: Item = {"TableName": self._table, "Item": {**self._key(after.id), **_item(after)}}
        if before is None:
            put["ConditionExpression"] = "attribute_not_exists(pk)"
        else:
            put |= if_version(before.version)
        version = Version(
            id=after.id, version=after.version, at=after.updated_at, by=after.by, text=after.text, origin=after.origin
        )
        return self._commit({"Put": put}, version, note, 1 if before is None else 0)

    def delete(self, known: Definition, note: Note) -> bool:
        delete: Item = {"TableName": self._table, "Key": self._key(known.id), **if_version(known.version)}
        by = note.actor.principal.by
        version = Version(id=known.id, version=known.version + 1, at=note.at, by=by, text=None)
        return self._commit({"Delete": delete}, version, note, -1)

    def versions(self, id: str, limit: int, cursor: str | None) -> VersionsPage:  # noqa: A002
        question = ("versions", self._kind.name, id)
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": self._history(id)}},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if cursor is not None:
            (before,) = unseal(cursor, question, (int,))
            request["KeyConditionExpression"] += " AND sk < :before"
            request["ExpressionAttributeValues"][":before"] = {"S": _version_sk(int(before))}
        with wrapped(RulesError, f"reading the versions of the {self._kind.name} {id}"):
            answer = self._client.query(**request)
        versions = tuple(_version(dict(item)) for item in answer["Items"])
        more = bool(answer.get("LastEvaluatedKey")) and bool(versions)
        return VersionsPage(versions, seal(question, (versions[-1].version,)) if more else None)

    def all(self) -> tuple[Definition, ...]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": self._kind.partition}},
            # What a replica has that is behind would be taken for what the revision promises, and kept.
            "ConsistentRead": True,
        }
        found: list[Definition] = []
        while True:
            with wrapped(RulesError, f"reading all {self._kind.name}s"):
                answer = self._client.query(**request)
            found += [_definition(dict(item)) for item in answer["Items"]]
            if not answer.get("LastEvaluatedKey"):
                return tuple(found)
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _commit(self, change: Any, version: Version, note: Note, more: int) -> bool:
        if self._audited is None:
            raise RulesError(f"writing {self._kind.name}s: expected a writer, got none")
        keep = {
            "TableName": self._table,
            "Item": key(self._history(version.id), _version_sk(version.version)) | _version_item(version),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        try:
            self._audited.commit([change, {"Put": keep}, {"Update": self._moved(more)}], [note])
        except Refused as refused:
            if refused.index == 2:  # noqa: PLR2004 - the revision, which counts them
                raise ConflictError(
                    f"there are {self._kind.most} {self._kind.name}s, and no more may be kept"
                ) from refused
            return False
        return True

    def _moved(self, more: int) -> Item:
        update: Item = {
            "TableName": self._table,
            "Key": _REVISION,
            "UpdateExpression": "ADD #revision :one, #count :more",
            "ExpressionAttributeNames": {"#revision": "revision", "#count": self._kind.count},
            "ExpressionAttributeValues": {":one": number(1), ":more": number(more)},
        }
        if more > 0:
            update["ConditionExpression"] = "attribute_not_exists(#count) OR #count < :most"
            update["ExpressionAttributeValues"][":most"] = number(self._kind.most)
        return update

    def _key(self, id: str) -> Item:  # noqa: A002
        return key(self._kind.partition, id)

    def _history(self, id: str) -> str:  # noqa: A002
        return f"{self._kind.name.upper()}#{id}"


class DynamoDBRules:
    """Without `audited` it only reads."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        audited: AuditedWrites | None = None,
        *,
        max_rules: int = MAX_RULES,
        max_models: int = MAX_MODELS,
    ) -> None:
        self.rules = DynamoDBShelf(client, table, audited, _Kind("rule", "RULES", "rules", max_rules))
        self.models = DynamoDBShelf(client, table, audited, _Kind("model", "MODELS", "models", max_models))
        self._client = client
        self._table = table

    def revision(self, *, consistent: bool = False) -> int:
        with wrapped(RulesError, "reading the revision of rules and models"):
            answer = self._client.get_item(
                TableName=self._table,
                Key=_REVISION,
                ProjectionExpression="#revision",
                ExpressionAttributeNames={"#revision": "revision"},
                ConsistentRead=consistent,
            )
        item = dict(answer.get("Item") or {})
        return int(item["revision"]["N"]) if item else 0

    def everything(self) -> Definitions:
        return Definitions(self.rules.all(), self.models.all())


def _version_sk(version: int) -> str:
    return f"VERSION#{version:06d}"


def _origin(origin: str | None) -> Item:
    return {} if origin is None else {"origin": {"S": origin}}


def _item(one: Definition) -> Item:
    return {
        "id": {"S": one.id},
        "text": {"S": one.text},
        "version": number(one.version),
        "created_at": number(one.created_at),
        "updated_at": number(one.updated_at),
        "by": _by_item(one.by),
        **_origin(one.origin),
    }


def _definition(item: Item) -> Definition:
    return Definition(
        id=item["id"]["S"],
        text=item["text"]["S"],
        version=int(item["version"]["N"]),
        created_at=int(item["created_at"]["N"]),
        updated_at=int(item["updated_at"]["N"]),
        by=_by(item),
        origin=item["origin"]["S"] if "origin" in item else None,
    )


def _version_item(one: Version) -> Item:
    text = {} if one.text is None else {"text": {"S": one.text}}
    return {
        "id": {"S": one.id},
        "version": number(one.version),
        "at": number(one.at),
        "by": _by_item(one.by),
        **text,
        **_origin(one.origin),
    }


def _version(item: Item) -> Version:
    return Version(
        id=item["id"]["S"],
        version=int(item["version"]["N"]),
        at=int(item["at"]["N"]),
        by=_by(item),
        text=item["text"]["S"] if "text" in item else None,
        origin=item["origin"]["S"] if "origin" in item else None,
    )


def _by_item(by: By) -> Item:
    return {"M": {"id": {"S": by.id}, "name": {"S": by.name}}}


def _by(item: Item) -> By:
    return By(item["by"]["M"]["id"]["S"], item["by"]["M"]["name"]["S"])
