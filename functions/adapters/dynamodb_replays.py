"""Replays of the quarantine, noted on its entries in the events table. `revision` counts how often one was settled."""

from typing import TYPE_CHECKING, Any

import msgspec

from functions.adapters.aws import conditional_update, wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_audit import AuditedWrites, Refused
from functions.adapters.dynamodb_items import Item, number
from functions.adapters.quarantine_items import (
    entry_of,
    fault_attributes,
    kept_attribute,
    kept_of,
    partition,
    replay_attribute,
    sort_key,
)
from functions.domain.audit import Note
from functions.domain.quarantine import Quarantined, Replay, parse_entry_id
from functions.domain.replays import Kept, Settlement
from functions.errors import AuditError, QuarantineError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBReplays:
    """`audited` is for whoever begins replays; what settles them does without."""

    def __init__(
        self,
        client: "DynamoDBClient",
        events_table: str,
        audited: AuditedWrites | None = None,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self._client = client
        self._table = events_table
        self._audited = audited
        self._backoff = backoff or Backoff()

    def read(self, thing: str, entry: str) -> Kept | None:
        key = _key(thing, entry)
        if key is None:
            return None
        with wrapped(QuarantineError, f"reading an entry of {thing}"):
            answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        item = dict(answer.get("Item") or {})
        return _kept(thing, item) if item else None

    def begin(self, thing: str, entry: str, replay: Replay, note: Note) -> Quarantined | None:
        if self._audited is None:
            raise QuarantineError(f"replaying an entry of {thing}: expected somewhere to keep its audit, got none")
        key = _key(thing, entry)
        if key is None:
            return None
        update = {
            "Update": {
                "TableName": self._table,
                "Key": key,
                "UpdateExpression": "SET #replay = :replay",
                "ConditionExpression": "attribute_exists(pk)",
                "ExpressionAttributeNames": {"#replay": "replay"},
                "ExpressionAttributeValues": {":replay": replay_attribute(replay)},
            }
        }
        try:
            self._audited.commit([update], [note])
        except Refused:
            return None
        except AuditError as exc:
            raise QuarantineError(str(exc)) from exc
        known = self.read(thing, entry)
        return None if known is None else known.entry

    def settle(self, kept: Kept, settlement: Settlement) -> bool:
        replay = kept.entry.replay or Replay(settlement.at, "", "")
        replay = msgspec.structs.replace(
            replay,
            outcome=settlement.outcome,
            settled_at=settlement.at,
            points=replay.points + settlement.points,
        )
        sets: Item = {
            "revision": number(kept.revision + 1),
            "replay": replay_attribute(replay),
            "kept": kept_attribute(settlement.stored),
            **(fault_attributes(settlement.faults) if settlement.faults else {}),
        }
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": _key(kept.thing, kept.entry.id),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in sets),
            "ExpressionAttributeNames": {f"#{name}": name for name in sets},
            "ExpressionAttributeValues": {f":{name}": value for name, value in sets.items()},
        }
        if kept.revision:
            request["ConditionExpression"] = "#revision = :read"
            request["ExpressionAttributeValues"][":read"] = number(kept.revision)
        else:
            request["ConditionExpression"] = "attribute_exists(pk) AND attribute_not_exists(#revision)"
        for _ in self._backoff:
            refusal = conditional_update(self._client, QuarantineError, f"settling an entry of {kept.thing}", **request)
            if refusal is None or not refusal.by_transaction:
                return refusal is None
        raise QuarantineError(f"an entry of {kept.thing} was written by others at every attempt")


def _key(thing: str, entry: str) -> Item | None:
    known = parse_entry_id(entry)
    return None if known is None else {"pk": {"S": partition(thing)}, "sk": {"S": sort_key(*known)}}


def _kept(thing: str, item: Item) -> Kept:
    return Kept(thing, entry_of(item), kept_of(item), int(item.get("revision", {"N": "0"})["N"]))
