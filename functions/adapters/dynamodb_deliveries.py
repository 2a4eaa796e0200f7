"""The ledger of deliveries (docs/data-model.md C29 to C32 and E8). Knows keys and conditions, not what a step means."""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from functions.adapters.aws import conditional_update, side_by_side, wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.due_index import read_due, shards
from functions.adapters.dynamodb_alarm_items import outbox_key
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_delivery_items import (
    LISTS,
    attempt_item,
    attempt_of,
    delivery_item,
    delivery_of,
    due_key,
    due_of,
    expires,
    gathered_prefix,
    listing_key,
    place,
    written,
)
from functions.adapters.dynamodb_items import Item, batch_get, if_version, key, number
from functions.adapters.dynamodb_writes import Writes
from functions.adapters.shards import SHARDS
from functions.domain.audit import Note
from functions.domain.cursors import seal, unseal
from functions.domain.deliveries import (
    Attempt,
    Delivery,
    DeliveryFilter,
    DeliveryPage,
    Due,
    DuePage,
    Gathered,
    Reason,
    State,
    digest_of,
)
from functions.errors import DeliveriesError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

AT_ONCE: Final = 90
"""Deliveries in one transaction of at most 100 items."""
LOOKED_AT: Final = 500
"""Deliveries that one page of a list looks at."""
_SPARE: Final = 4


class DynamoDBDeliveries:
    def __init__(
        self,
        client: "DynamoDBClient",
        core_table: str,
        events_table: str,
        audit: AuditedWrites | None = None,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self._client = client
        self._core = core_table
        self._events = events_table
        self._backoff = backoff or Backoff()
        self._writes = Writes(client, audit, error=DeliveriesError, backoff=self._backoff)

    def plan(self, step: tuple[str, int, int], deliveries: Sequence[Delivery]) -> bool:
        doing = f"planning what is done about step {step[2]} of alarm {step[0]}.{step[1]}"
        first, last = deliveries[:-AT_ONCE], deliveries[-AT_ONCE:]
        for one in first:
            # Nobody is told of these yet, and the entry still stands: whoever plans again finds them made.
            self._writes.commit([self._new(one)], (), doing)
        entry = {
            "TableName": self._core,
            "Key": key(*outbox_key(*step)),
            "ConditionExpression": "attribute_exists(pk)",
        }
        items = [self._new(one) for one in last]
        while (refused := self._writes.commit([{"Delete": entry}, *items], (), doing)) is not None:
            if refused.index == 0:
                return False
            del items[refused.index - 1]
        return True

    def create(self, delivery: Delivery, note: Note) -> Delivery:
        refused = self._writes.commit([self._new(delivery)], [note], f"creating the delivery {delivery.id}")
        if refused is not None:
            raise DeliveriesError(f"creating the delivery {delivery.id}: there is one already")
        return written(delivery)

    def read(self, id: str) -> Delivery | None:  # noqa: A002 - as the port has it
        item = self._get(place(id))
        return delivery_of(item) if item else None

    def save(
        self,
        was: Delivery,
        becomes: Delivery,
        *,
        attempt: Attempt | None = None,
        also: Sequence[Delivery] = (),
        notes: Sequence[Note] = (),
    ) -> Delivery | None:
        items = [self._changed(was, becomes)]
        if attempt is not None:
            items.append({"Put": {"TableName": self._events, "Item": attempt_item(was, attempt)}})
        items += map(self._new, also[:AT_ONCE])
        refused = self._writes.commit(items, notes, f"writing the delivery {was.id}")
        return written(becomes, was) if refused is None else None

    def gather(self, was: Delivery, reason: Reason, now: int, at: int) -> Delivery | None:
        recipient = was.recipient or ""
        doing = f"gathering the delivery {was.id} for {recipient}"
        for _ in self._backoff:
            newest = self._newest_digest(recipient)
            digest = digest_of(recipient, newest, now, at)
            is_open = newest > 0 and "open" in self._get(place(digest.id))
            if not is_open:
                digest = digest_of(recipient, newest + 1, now, at)
            becomes = was.gathered(digest.id, reason, now)
            row = {
                **key(f"RECIPIENT#{recipient}", f"{gathered_prefix(digest.id)}{was.id}"),
                "expires": expires(was),
            }
            where = [self._still_open(digest)] if is_open else self._opened(recipient, newest, digest)
            items = [self._changed(was, becomes), *where, {"Put": {"TableName": self._core, "Item": row}}]
            refused = self._writes.commit(items, (), doing)
            if refused is None:
                return written(becomes, was)
            if refused.index == 0:
                return None
        raise DeliveriesError(f"{doing}: its digest was begun by others at every attempt")

    def gathered(self, digest: Delivery, limit: int) -> Gathered:
        recipient = digest.recipient or ""
        answer = self._query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :row)",
            ExpressionAttributeValues={
                ":pk": {"S": f"RECIPIENT#{recipient}"},
                ":row": {"S": gathered_prefix(digest.id)},
            },
            ConsistentRead=True,
            Limit=limit + 1,
        )
        ids = [item["sk"]["S"].removeprefix(gathered_prefix(digest.id)) for item in answer["Items"]]
        items = batch_get(
            self._client,
            self._core,
            [place(id) for id in ids[:limit]],  # noqa: A001 - its name everywhere
            ("body", "version"),
            consistent=True,
            backoff=self._backoff,
            error=DeliveriesError,
        )
        found = sorted(map(delivery_of, items), key=lambda one: (one.created_at, one.id))
        return Gathered(tuple(found), len(ids) > limit or "LastEvaluatedKey" in answer)

    def attempts(self, id: str) -> tuple[Attempt, ...]:  # noqa: A002 - as the port has it
        found: list[Attempt] = []
        more: dict[str, Any] = {}
        while True:
            with wrapped(DeliveriesError, f"reading the attempts of {id}"):
                answer = self._client.query(
                    TableName=self._events,
                    KeyConditionExpression="pk = :pk",
                    ExpressionAttributeValues={":pk": {"S": f"DELIVERY#{id}"}},
                    **more,
                )
            found += [attempt_of(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return tuple(found)
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def of_alarm(self, thing: str, number: int, limit: int, cursor: str | None) -> DeliveryPage:
        question = ("deliveries", thing, number)
        pk, first = f"DEVICE#{thing}", f"DELIVERY#{number:08d}#"
        more: dict[str, Any] = {}
        if cursor is not None:
            (after,) = unseal(cursor, question, (str,))
            more = {"ExclusiveStartKey": key(pk, f"{first}{after}")}
        answer = self._query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :first)",
            ExpressionAttributeValues={":pk": {"S": pk}, ":first": {"S": first}},
            ScanIndexForward=False,
            Limit=limit,
            **more,
        )
        last = answer.get("LastEvaluatedKey")
        return DeliveryPage(
            tuple(map(delivery_of, answer["Items"])),
            seal(question, (last["sk"]["S"].removeprefix(first),)) if last else None,
        )

    def page(self, wanted: DeliveryFilter, limit: int, cursor: str | None) -> DeliveryPage:
        after = None
        if cursor is not None:
            (after,) = map(str, unseal(cursor, wanted.question, (str,)))
        lists = LISTS[1:] if wanted.state is State.FAILED else LISTS if wanted.state is None else LISTS[:1]
        share = limit // (SHARDS * len(lists)) + _SPARE
        partitions = [f"{name}#{shard}" for name in lists for shard in self.shards()]
        first = side_by_side(lambda pk: self._listed(pk, after, share), partitions)
        streams = [self._stream(pk, page, share) for pk, page in zip(partitions, first, strict=True)]
        found: list[Delivery] = []
        last = None
        looked_at = islice(merge(*streams, key=listing_key, reverse=True), LOOKED_AT + 1)
        for count, item in enumerate(looked_at):
            if len(found) == limit or count == LOOKED_AT:
                return DeliveryPage(tuple(found), seal(wanted.question, (last or "",)))
            last = listing_key(item)
            delivery = delivery_of(item)
            if wanted.matches(delivery):
                found.append(delivery)
        return DeliveryPage(tuple(found), None)

    def due(self, shard: str, until: int, after: str | None, limit: int) -> DuePage:
        items, more = read_due(
            self._client, self._core, f"DELIVERY#{shard}", until, after, limit, error=DeliveriesError
        )
        return DuePage(tuple(due_of(item["duesk"]["S"]) for item in items), more)

    def defer(self, due: Due, until: int) -> bool:
        refusal = conditional_update(
            self._client,
            DeliveriesError,
            f"deferring the delivery {due.id}",
            TableName=self._core,
            Key=key(*place(due.id)),
            UpdateExpression="SET #duesk = :until",
            ConditionExpression="#duesk = :due",
            ExpressionAttributeNames={"#duesk": "duesk"},
            ExpressionAttributeValues={
                ":due": {"S": due_key(due.due, due.id)},
                ":until": {"S": due_key(until, due.id)},
            },
        )
        return refusal is None

    def shards(self) -> Sequence[str]:
        return shards()

    def _newest_digest(self, recipient: str) -> int:
        """Its number; 0 where there never was one."""
        item = self._get((f"RECIPIENT#{recipient}", "DIGEST"))
        return int(item["number"]["N"]) if item else 0

    def _still_open(self, digest: Delivery) -> Any:
        return {
            "ConditionCheck": {
                "TableName": self._core,
                "Key": key(*place(digest.id)),
                "ConditionExpression": "attribute_exists(#open)",
                "ExpressionAttributeNames": {"#open": "open"},
            }
        }

    def _opened(self, recipient: str, newest: int, digest: Delivery) -> list[Any]:
        put: dict[str, Any] = {
            "TableName": self._core,
            "Item": {**key(f"RECIPIENT#{recipient}", "DIGEST"), "number": number(newest + 1)},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if newest:
            put["ConditionExpression"] = "#number = :was"
            put["ExpressionAttributeNames"] = {"#number": "number"}
            put["ExpressionAttributeValues"] = {":was": number(newest)}
        return [self._new(digest), {"Put": put}]

    def _new(self, delivery: Delivery) -> Any:
        return {
            "Put": {
                "TableName": self._core,
                "Item": delivery_item(written(delivery)),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }

    def _changed(self, was: Delivery, becomes: Delivery) -> Any:
        return {
            "Put": {
                "TableName": self._core,
                "Item": delivery_item(written(becomes, was)),
                **if_version(was.version),
            }
        }

    def _stream(self, pk: str, page: dict[str, Any], share: int) -> Iterator[Item]:
        while True:
            yield from page["Items"]
            last = page.get("LastEvaluatedKey")
            if not last:
                return
            page = self._listed(pk, str(last["lsk"]["S"]), share)

    def _listed(self, pk: str, before: str | None, share: int) -> dict[str, Any]:
        values = {":pk": {"S": pk}}
        if before is not None:
            values[":before"] = {"S": before}
        return self._query(
            IndexName="listing",
            KeyConditionExpression="lpk = :pk" + (" AND lsk < :before" if before is not None else ""),
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            Limit=share,
        )

    def _get(self, where: tuple[str, str]) -> Item:
        with wrapped(DeliveriesError, f"reading {' '.join(where)}"):
            answer = self._client.get_item(TableName=self._core, Key=key(*where), ConsistentRead=True)
        return dict(answer.get("Item") or {})

    def _query(self, **request: Any) -> dict[str, Any]:
        with wrapped(DeliveriesError, "reading deliveries"):
            return dict(self._client.query(TableName=self._core, **request))
