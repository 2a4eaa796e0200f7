"""The quarantine in the events table. An entry, a mark that its bytes were seen, and its counts in the state item are
one transaction, so that a message delivered again is neither kept nor counted again: be it by the queue, which repeats
the time of its receipt, or by MQTT, which gives it another.
"""

import re
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code, side_by_side, wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_items import Item, number
from functions.adapters.dynamodb_state_items import state_key
from functions.adapters.quarantine_items import entry_of, item_of, notice_of, partition, sort_key
from functions.adapters.shards import SHARDS
from functions.domain.cursors import seal, unseal
from functions.domain.ingest import QuarantineEntry
from functions.domain.quarantine import (
    REPEAT_MS,
    NoticePage,
    Quarantined,
    QuarantinePage,
    digest_of,
    parse_entry_id,
)
from functions.errors import CursorError, QuarantineError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SPARE = 4
"""What a shard of a day is asked for beyond its share of a page."""
_PARTS = 3
_REFUSED = "ConditionalCheckFailed"
_MARKS = "SEEN#"
"""How the sort keys of marks begin: behind those of entries, which begin with a digit."""
_TRY_AGAIN = {
    "TransactionConflict",
    "TransactionConflictException",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
    "TransactionInProgressException",
}
_SORT_KEY = re.compile(r"\d{13}#[0-9a-f]{24}")


class DynamoDBQuarantine:
    def __init__(
        self,
        client: "DynamoDBClient",
        events_table: str,
        state_table: str,
        *,
        retention_days: int = 30,
        backoff: Backoff | None = None,
    ) -> None:
        self._client = client
        self._events_table = events_table
        self._state_table = state_table
        self._retention_s = retention_days * 86_400
        self._backoff = backoff or Backoff()

    def put(self, entries: Sequence[QuarantineEntry]) -> None:
        things: dict[str, list[int]] = {}
        for position, entry in enumerate(entries):
            things.setdefault(entry.thing, []).append(position)
        # One device's entries one after the other: their transactions would conflict on its state item.
        problems = side_by_side(lambda positions: self._put_all(entries, positions), things.values())
        failed = {position: why for some in problems for position, why in some.items()}
        if failed:
            why = next(iter(failed.values()))
            raise QuarantineError(f"{len(failed)} of {len(entries)} entries were not kept: {why}", frozenset(failed))

    def page(self, thing: str, limit: int, cursor: str | None) -> QuarantinePage:
        question = ("quarantine", thing)
        request: dict[str, Any] = {
            "TableName": self._events_table,
            "KeyConditionExpression": "pk = :pk AND sk < :marks",
            "ExpressionAttributeValues": {":pk": {"S": partition(thing)}, ":marks": {"S": _MARKS}},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if cursor is not None:
            received_at, digest = unseal(cursor, question, (int, str))
            if not _SORT_KEY.fullmatch(sort_key(received_at, digest)):
                raise CursorError(cursor)
            request["ExclusiveStartKey"] = {"pk": {"S": partition(thing)}, "sk": {"S": sort_key(received_at, digest)}}
        with wrapped(QuarantineError, f"reading the quarantine of {thing}"):
            answer = self._client.query(**request)
        entries = tuple(entry_of(dict(item)) for item in answer["Items"])
        last = answer.get("LastEvaluatedKey")
        if not last:
            return QuarantinePage(entries, None)
        received_at, _, digest = str(last["sk"]["S"]).partition("#")
        return QuarantinePage(entries, seal(question, (int(received_at), digest)))

    def entry(self, thing: str, entry: str) -> Quarantined | None:
        known = parse_entry_id(entry)
        if known is None:
            return None
        with wrapped(QuarantineError, f"reading an entry of {thing}"):
            answer = self._client.get_item(
                TableName=self._events_table, Key={"pk": {"S": partition(thing)}, "sk": {"S": sort_key(*known)}}
            )
        item = answer.get("Item")
        return entry_of(dict(item)) if item else None

    def of_day(self, day: str, limit: int, cursor: str | None) -> NoticePage:
        """From the index `by_day` (E2): 16 shards at once, merged."""
        question = ("quarantine of", day)
        position = None if cursor is None else tuple(map(str, unseal(cursor, question, (str, str))))
        before = None if position is None else position[0]
        shards = [f"QUARANTINE#{day}#{shard:02d}" for shard in range(SHARDS)]
        first_pages = side_by_side(lambda shard: self._notices(shard, limit, before), shards)
        streams = [self._notice_stream(shard, limit, page) for shard, page in zip(shards, first_pages, strict=True)]
        left = (
            item
            for item in merge(*streams, key=_day_key, reverse=True)
            if position is None or _day_key(item) < position
        )
        found = list(islice(left, limit + 1))
        page = found[:limit]
        more = len(found) > limit
        return NoticePage(tuple(map(notice_of, page)), seal(question, _day_key(page[-1])) if more else None)

    def _notice_stream(self, shard: str, limit: int, page: dict[str, Any]) -> Iterator[Item]:
        def rows(page: dict[str, Any]) -> Iterator[Item]:
            while True:
                yield from (dict(item) for item in page["Items"])
                last = page.get("LastEvaluatedKey")
                if not last:
                    return
                page = self._notices(shard, limit, None, last)

        # Several of one device and millisecond share a key of the index, which leaves their order open.
        for _, same in groupby(rows(page), key=lambda item: str(item["dsk"]["S"])):
            yield from sorted(same, key=_day_key, reverse=True)

    def _notices(self, shard: str, limit: int, before: str | None, start: Item | None = None) -> dict[str, Any]:
        request: dict[str, Any] = {
            "TableName": self._events_table,
            "IndexName": "by_day",
            "KeyConditionExpression": "dpk = :shard",
            "ExpressionAttributeValues": {":shard": {"S": shard}},
            "ScanIndexForward": False,
            "Limit": limit // SHARDS + _SPARE,
        }
        if start is not None:
            request["ExclusiveStartKey"] = start
        if before is not None:
            request["KeyConditionExpression"] += " AND dsk <= :before"
            request["ExpressionAttributeValues"][":before"] = {"S": before}
        with wrapped(QuarantineError, "reading the quarantine of a day"):
            return dict(self._client.query(**request))

    def _put_all(self, entries: Sequence[QuarantineEntry], positions: list[int]) -> dict[int, str]:
        problems = {position: self._put(entries[position]) for position in positions}
        return {position: problem for position, problem in problems.items() if problem is not None}

    def _put(self, entry: QuarantineEntry) -> str | None:
        """None once it is kept, else why not."""
        transaction = [self._kept(entry), self._marked(entry), self._counted(entry)]
        problem = ""
        counts_exist = True
        for _ in self._backoff:
            try:
                if not counts_exist:
                    self._make_room_for_counts(entry.thing)
                    counts_exist = True
                self._client.transact_write_items(TransactItems=transaction)
            except ClientError as exc:
                problem = str(exc)
                refusals = kept, marked, counted = _refusals(exc)
                if _REFUSED in (kept, marked):
                    return None  # it is there already, and was counted with it
                if counted == _REFUSED:
                    counts_exist = False
                elif _TRY_AGAIN.isdisjoint(refusals):
                    return problem
            except BotoCoreError as exc:
                return str(exc)
            else:
                return None
        return problem

    def _kept(self, entry: QuarantineEntry) -> Any:
        return {
            "Put": {
                "TableName": self._events_table,
                "Item": item_of(entry, self._retention_s),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }

    def _marked(self, entry: QuarantineEntry) -> Any:
        return {
            "Put": {
                "TableName": self._events_table,
                "Item": {
                    "pk": {"S": partition(entry.thing)},
                    "sk": {"S": f"{_MARKS}{digest_of(entry.raw)}"},
                    "received_at": number(entry.received_at),
                    "expires": number((entry.received_at + REPEAT_MS) // 1000 + 1),
                },
                # Its time is compared too, since an expired item may stand for days. In milliseconds, unlike `expires`.
                "ConditionExpression": "attribute_not_exists(pk) OR received_at <= :before",
                "ExpressionAttributeValues": {":before": number(entry.received_at - REPEAT_MS)},
            }
        }

    def _counted(self, entry: QuarantineEntry) -> Any:
        reasons = {f"#r{at}": reason for at, reason in enumerate(entry.reasons)}
        moves = ", ".join(f"#quarantined.{name} = if_not_exists(#quarantined.{name}, :zero) + :one" for name in reasons)
        return {
            "Update": {
                "TableName": self._state_table,
                "Key": state_key(entry.thing),
                "UpdateExpression": f"SET {moves}, #at = :at",
                # A path can only be set inside a map that is there.
                "ConditionExpression": "attribute_exists(#quarantined)",
                "ExpressionAttributeNames": {"#quarantined": "quarantined", "#at": "quarantined_at", **reasons},
                "ExpressionAttributeValues": {
                    ":zero": number(0),
                    ":one": number(1),
                    ":at": number(entry.received_at),
                },
            }
        }

    def _make_room_for_counts(self, thing: str) -> None:
        self._client.update_item(
            TableName=self._state_table,
            Key=state_key(thing),
            UpdateExpression="SET #quarantined = if_not_exists(#quarantined, :none)",
            ExpressionAttributeNames={"#quarantined": "quarantined"},
            ExpressionAttributeValues={":none": {"M": {}}},
        )


def _day_key(item: Item) -> tuple[str, str]:
    return str(item["dsk"]["S"]), str(item["sk"]["S"])


def _refusals(exc: ClientError) -> tuple[str, str, str]:
    """Why the entry, the mark and the counts were refused, "None" where that part was not the reason."""
    reasons: Any = dict(exc.response).get("CancellationReasons")
    if error_code(exc) != "TransactionCanceledException" or not isinstance(reasons, list) or len(reasons) != _PARTS:
        return error_code(exc), "None", "None"
    kept, marked, counted = (str(reason.get("Code")) for reason in reasons)
    return kept, marked, counted
