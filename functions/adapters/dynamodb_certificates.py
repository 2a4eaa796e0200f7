"""Who had certificates issued and revoked, in the core table (docs/data-model.md, C34)."""

from typing import TYPE_CHECKING, Any

from functions.adapters.aws import wrapped
from functions.adapters.dynamodb_audit import AuditedWrites, Refused
from functions.adapters.dynamodb_items import Item, key, number
from functions.domain.access import By
from functions.domain.audit import Note
from functions.domain.certificates import KEEP_ENDED_MS, CertificateRecord
from functions.errors import AuditError, CertificatesError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PREFIX = "CERTIFICATE#"


class DynamoDBCertificates:
    def __init__(self, client: "DynamoDBClient", table: str, writes: AuditedWrites) -> None:
        self._client = client
        self._table = table
        self._writes = writes

    def add(self, record: CertificateRecord, note: Note) -> None:
        put = {"TableName": self._table, "Item": _item(record), "ConditionExpression": "attribute_not_exists(pk)"}
        if not self._committed(put, note):
            raise CertificatesError(f"keeping a certificate of {record.thing}: it is kept already")

    def end(self, record: CertificateRecord, note: Note) -> bool:
        put = {
            "TableName": self._table,
            "Item": _item(record),
            # One that the deployment made is kept from here on.
            "ConditionExpression": "attribute_not_exists(#revoked_at)",
            "ExpressionAttributeNames": {"#revoked_at": "revoked_at"},
        }
        return self._committed(put, note)

    def of(self, thing: str) -> tuple[CertificateRecord, ...]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": {":pk": {"S": _pk(thing)}, ":sk": {"S": _PREFIX}},
            "ConsistentRead": True,
        }
        with wrapped(CertificatesError, f"reading the certificates of {thing}"):
            pages = self._client.get_paginator("query").paginate(**request)
            return tuple(_record(dict(item), thing) for page in pages for item in page["Items"])

    def _committed(self, put: dict[str, Any], note: Note) -> bool:
        try:
            self._writes.commit([{"Put": put}], [note])
        except Refused:
            return False
        except AuditError as exc:
            raise CertificatesError(f"keeping a certificate: {exc}") from exc
        return True


def _pk(thing: str) -> str:
    return f"DEVICE#{thing}"


def _item(record: CertificateRecord) -> Item:
    by = record.issued_by
    maker = {} if by is None else {"by": {"S": by.id}, "by_name": {"S": by.name}}
    ended = record.revoked_at
    end = {} if ended is None else {"revoked_at": number(ended), "expires": number((ended + KEEP_ENDED_MS) // 1000)}
    return {**key(_pk(record.thing), f"{_PREFIX}{record.id}"), "issued_at": number(record.issued_at), **maker, **end}


def _record(item: Item, thing: str) -> CertificateRecord:
    return CertificateRecord(
        id=item["sk"]["S"].removeprefix(_PREFIX),
        thing=thing,
        issued_at=int(item["issued_at"]["N"]),
        issued_by=By(item["by"]["S"], item["by_name"]["S"]) if "by" in item else None,
        revoked_at=int(item["revoked_at"]["N"]) if "revoked_at" in item else None,
    )
