"""Who may do what, in the core table (docs/data-model.md C13 and C14)."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from functions.adapters.aws import wrapped
from functions.adapters.dynamodb_audit import AuditedWrites, Refused
from functions.adapters.dynamodb_items import Item, number
from functions.domain.access import Grant, Kind, Role
from functions.domain.audit import Note
from functions.domain.cursors import seal, unseal
from functions.domain.grants import Held, HeldPage, Holder
from functions.errors import ConflictError, CursorError, PreconditionError, PrincipalsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

META = "META"


class DynamoDBPrincipals:
    """Without `writes` it only reads."""

    def __init__(self, client: "DynamoDBClient", table: str, writes: AuditedWrites | None = None) -> None:
        self._client = client
        self._table = table
        self._writes = writes

    def find(self, principal: str) -> Holder | None:
        meta, grants = read_principal(self._client, self._table, principal)
        if meta is None or meta["kind"]["S"] != Kind.USER:
            return None
        return Holder(
            id=principal,
            kind=Kind.USER,
            name=meta["name"]["S"],
            disabled=meta["disabled"]["BOOL"],
            version=int(meta["version"]["N"]),
            grants=grants,
            forget_at=int(meta["expires"]["N"]) * 1000 if "expires" in meta else None,
        )

    def save(self, before: Holder, after: Holder, note: Note, relies_on: Sequence[Holder] = ()) -> Holder:
        if self._writes is None:
            raise PrincipalsError("writing principals: expected a writer, got none")
        kept = set(before.grants) & set(after.grants) if before.name == after.name else set()
        scopes = {one.scope for one in after.grants}
        others = {one.id: one for one in relies_on if one.id != before.id}
        items: list[dict[str, Any]] = [
            self._meta(before, after),
            *(self._unchanged(other) for other in others.values()),
            *(
                {"Put": {"TableName": self._table, "Item": grant_item(after.id, after.kind, after.name, one)}}
                for one in after.grants
                if one not in kept
            ),
            *(
                {"Delete": {"TableName": self._table, "Key": grant_key(before.id, one.scope)}}
                for one in before.grants
                if one.scope not in scopes
            ),
        ]
        try:
            self._writes.commit(items, [note])
        except Refused as refused:
            if refused.index == 0:
                raise PreconditionError("the grants were changed since they were read") from refused
            raise ConflictError("another administrator was changed at the same moment; try again") from refused
        return Holder(
            id=after.id,
            kind=after.kind,
            name=after.name,
            disabled=after.disabled,
            version=before.version + 1,
            grants=after.grants,
            forget_at=after.forget_at,
        )

    def over(self, scope: str, limit: int, cursor: str | None) -> HeldPage:
        question = ("grants", scope)
        start: dict[str, Any] = {}
        if cursor is not None:
            (after,) = unseal(cursor, question, (str,))
            if not str(after).startswith(tuple(f"{kind}:" for kind in Kind)):
                raise CursorError(cursor)
            start = {":after": {"S": str(after)}}
        values = {":scope": {"S": f"GRANTS#{scope}"}, **start}
        with wrapped(PrincipalsError, "listing grants"):
            answer = self._client.query(
                TableName=self._table,
                IndexName="listing",
                KeyConditionExpression="lpk = :scope" + (" AND lsk > :after" if start else ""),
                ExpressionAttributeValues=values,
                Limit=limit + 1,
            )
        held = [_held(dict(item)) for item in answer["Items"]]
        page = held[:limit]
        return HeldPage(tuple(page), seal(question, (page[-1].principal,)) if len(held) > limit else None)

    def _meta(self, before: Holder, after: Holder) -> dict[str, Any]:
        sets = "SET #kind = :kind, #name = :name, #disabled = :disabled, #version = :next"
        names = {f"#{name}": name for name in ("kind", "name", "disabled", "version", "expires")}
        values = {
            ":kind": {"S": after.kind.value},
            ":name": {"S": after.name},
            ":disabled": {"BOOL": after.disabled},
            ":next": number(before.version + 1),
        }
        if after.forget_at is not None:
            sets += ", #expires = :expires"
            values[":expires"] = number(after.forget_at // 1000)
        else:
            sets += " REMOVE #expires"
        condition = "attribute_not_exists(#version)"
        if before.version:
            condition = "#version = :known"
            values[":known"] = number(before.version)
        return {
            "Update": {
                "TableName": self._table,
                "Key": meta_key(after.id),
                "UpdateExpression": sets,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            }
        }

    def _unchanged(self, other: Holder) -> dict[str, Any]:
        return {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": meta_key(other.id),
                "ConditionExpression": "#version = :known",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {":known": number(other.version)},
            }
        }


def read_principal(client: "DynamoDBClient", table: str, principal: str) -> tuple[Item | None, tuple[Grant, ...]]:
    """All of a principal's items, in one consistent read: who it is, and its grants."""
    with wrapped(PrincipalsError, f"reading {principal}"):
        answer = client.query(
            TableName=table,
            KeyConditionExpression="pk = :principal",
            ExpressionAttributeValues={":principal": {"S": f"PRINCIPAL#{principal}"}},
            ConsistentRead=True,
        )
    items = [dict(item) for item in answer["Items"]]
    meta = next((item for item in items if item["sk"]["S"] == META), None)
    return meta, tuple(_grants(item for item in items if item["sk"]["S"].startswith("GRANT#")))


def meta_key(principal: str) -> Item:
    return {"pk": {"S": f"PRINCIPAL#{principal}"}, "sk": {"S": META}}


def grant_key(principal: str, scope: str) -> Item:
    return {"pk": {"S": f"PRINCIPAL#{principal}"}, "sk": {"S": f"GRANT#{scope}"}}


def grant_item(principal: str, kind: Kind, name: str, grant: Grant) -> Item:
    return {
        **grant_key(principal, grant.scope),
        "principal": {"S": principal},
        "kind": {"S": kind.value},
        "name": {"S": name},
        "role": {"S": grant.role.value},
        "scope": {"S": grant.scope},
        "lpk": {"S": f"GRANTS#{grant.scope}"},
        "lsk": {"S": principal},
    }


def _grants(items: Iterable[Item]) -> list[Grant]:
    """A role of a newer release is passed over: it allows nothing here."""
    known = {role.value for role in Role}
    return [Grant(Role(item["role"]["S"]), item["scope"]["S"]) for item in items if item["role"]["S"] in known]


def _held(item: Item) -> Held:
    return Held(
        item["principal"]["S"],
        Kind(item["kind"]["S"]),
        item["name"]["S"],
        Grant(Role(item["role"]["S"]), item["scope"]["S"]),
    )
