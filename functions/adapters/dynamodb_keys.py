"""The keys of apps and devices, in the core table (docs/data-model.md C13 and C15)."""

from typing import TYPE_CHECKING, Any

from functions.adapters.aws import conditional_update, wrapped
from functions.adapters.dynamodb_audit import AuditedWrites, Refused
from functions.adapters.dynamodb_items import Item, number
from functions.adapters.dynamodb_principals import grant_item, grant_key, meta_key
from functions.domain.access import Grant, Kind, Role
from functions.domain.audit import Note
from functions.domain.cursors import seal, unseal
from functions.domain.keys import KEEP_ENDED_MS, Key, KeyPage, key_holder
from functions.errors import ConflictError, PrincipalsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ROLES = frozenset(role.value for role in Role)
_NUMBERS = ("created_at", "expires_at", "revoked_at", "used_day")


class DynamoDBKeys:
    """Without `writes` it reads, and notes use."""

    def __init__(self, client: "DynamoDBClient", table: str, writes: AuditedWrites | None = None) -> None:
        self._client = client
        self._table = table
        self._writes = writes

    def find(self, key: str) -> Key | None:
        with wrapped(PrincipalsError, f"reading key {key}"):
            answer = self._client.get_item(TableName=self._table, Key=meta_key(key_holder(key)), ConsistentRead=True)
        item = dict(answer.get("Item") or {})
        return _key(item) if item else None

    def add(self, key: Key, note: Note) -> None:
        put = {"TableName": self._table, "Item": _item(key), "ConditionExpression": "attribute_not_exists(pk)"}
        grants = [grant_item(key.holder, key.kind, key.name, one) for one in key.grants]
        self._commit(
            [{"Put": put}, *({"Put": {"TableName": self._table, "Item": _ending(item, key)}} for item in grants)], note
        )

    def revoke(self, key: Key, now: int, note: Note) -> bool:
        update = {
            "TableName": self._table,
            "Key": meta_key(key.holder),
            "UpdateExpression": "SET #revoked_at = :now, #expires = :expires",
            "ConditionExpression": "attribute_exists(#digest) AND attribute_not_exists(#revoked_at)",
            "ExpressionAttributeNames": {f"#{name}": name for name in ("revoked_at", "expires", "digest")},
            "ExpressionAttributeValues": {":now": number(now), ":expires": number((now + KEEP_ENDED_MS) // 1000)},
        }
        gone = [{"Delete": {"TableName": self._table, "Key": grant_key(key.holder, one.scope)}} for one in key.grants]
        try:
            self._commit([{"Update": update}, *gone], note)
        except ConflictError:
            return False
        return True

    def page(self, thing: str, limit: int, cursor: str | None) -> KeyPage:
        question = ("keys", thing)
        values: Item = {":list": {"S": _list(thing)}}
        if cursor is not None:
            (before,) = unseal(cursor, question, (str,))
            values[":before"] = {"S": str(before)}
        with wrapped(PrincipalsError, "listing keys"):
            answer = self._client.query(
                TableName=self._table,
                IndexName="listing",
                KeyConditionExpression="lpk = :list" + (" AND lsk < :before" if cursor is not None else ""),
                ExpressionAttributeValues=values,
                ScanIndexForward=False,
                Limit=limit + 1,
            )
        items = [dict(item) for item in answer["Items"]]
        keys = [_key(item) for item in items[:limit]]
        more = len(items) > limit
        return KeyPage(tuple(keys), seal(question, (items[limit - 1]["lsk"]["S"],)) if more else None)

    def used(self, key: str, day: int) -> None:
        doing = f"noting the use of key {key}"
        try:
            conditional_update(
                self._client,
                PrincipalsError,
                doing,
                TableName=self._table,
                Key=meta_key(key_holder(key)),
                UpdateExpression="SET #used_day = :day",
                ConditionExpression=(
                    "attribute_exists(#digest) AND (attribute_not_exists(#used_day) OR #used_day < :day)"
                ),
                ExpressionAttributeNames={"#used_day": "used_day", "#digest": "digest"},
                ExpressionAttributeValues={":day": number(day)},
            )
        except PrincipalsError:
            # The key is good all the same, and its next use notes the day.
            return

    def _commit(self, items: list[dict[str, Any]], note: Note) -> None:
        if self._writes is None:
            raise PrincipalsError("writing keys: expected a writer, got none")
        try:
            self._writes.commit(items, [note])
        except Refused as refused:
            raise ConflictError("the key was changed at the same moment") from refused


def _list(thing: str) -> str:
    return f"KEYS#{thing}" if thing else "KEYS"


def _item(key: Key) -> Item:
    numbers = {name: number(value) for name in _NUMBERS if (value := getattr(key, name)) is not None}
    item = {
        **meta_key(key.holder),
        "id": {"S": key.id},
        "kind": {"S": key.kind.value},
        "name": {"S": key.name},
        "digest": {"S": key.digest},
        "created_by": {"S": key.created_by},
        "thing": {"S": key.thing},
        # They never change. The items of grants beside it are for the lists of scopes, and go when the key is revoked.
        "grants": {"L": [{"M": {"role": {"S": one.role.value}, "scope": {"S": one.scope}}} for one in key.grants]},
        "lpk": {"S": _list(key.thing)},
        "lsk": {"S": f"{key.created_at:013d}#{key.id}"},
        **numbers,
    }
    return _ending(item, key)


def _key(item: Item) -> Key:
    return Key(
        id=item["id"]["S"],
        kind=Kind(item["kind"]["S"]),
        name=item["name"]["S"],
        digest=item["digest"]["S"],
        created_at=int(item["created_at"]["N"]),
        created_by=item["created_by"]["S"],
        expires_at=_optional(item, "expires_at"),
        thing=item["thing"]["S"],
        grants=tuple(
            Grant(Role(one["M"]["role"]["S"]), one["M"]["scope"]["S"])
            for one in item["grants"]["L"]
            if one["M"]["role"]["S"] in _ROLES
        ),
        revoked_at=_optional(item, "revoked_at"),
        used_day=_optional(item, "used_day"),
    )


def _optional(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None


def _ending(item: Item, key: Key) -> Item:
    return item if key.forget_at is None else {**item, "expires": number(key.forget_at // 1000)}
