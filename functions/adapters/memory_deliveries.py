"""The ledger of deliveries in memory, as DynamoDB keeps it."""

from collections.abc import MutableMapping, Sequence
from typing import Any

import msgspec

from functions.adapters.memory_audit import MemoryJournal
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
    digest_of,
)
from functions.domain.delivery_ids import place_of
from functions.errors import DeliveriesError

_ONE_SHARD = "00"


class MemoryDeliveries:
    """`outbox` are the entries that are still to be planned, by thing, alarm and step."""

    def __init__(
        self, outbox: MutableMapping[tuple[str, int, int], Any] | None = None, journal: MemoryJournal | None = None
    ) -> None:
        self.outbox: MutableMapping[tuple[str, int, int], Any] = {} if outbox is None else outbox
        self.journal = journal or MemoryJournal()
        self.deliveries: dict[str, Delivery] = {}
        self.ledger: dict[str, dict[int, Attempt]] = {}
        self._newest_digest: dict[str, int] = {}
        self._gathered: dict[str, list[str]] = {}

    def plan(self, step: tuple[str, int, int], deliveries: Sequence[Delivery]) -> bool:
        if step not in self.outbox:
            return False
        del self.outbox[step]
        for one in deliveries:
            if one.id not in self.deliveries:
                self._put(one)
        return True

    def create(self, delivery: Delivery, note: Note) -> Delivery:
        if delivery.id in self.deliveries:
            raise DeliveriesError(f"creating the delivery {delivery.id}: there is one already")
        self.journal.append(note)
        return self._put(delivery)

    def read(self, id: str) -> Delivery | None:  # noqa: A002 - as the port has it
        place_of(id)
        return self.deliveries.get(id)

    def save(
        self,
        was: Delivery,
        becomes: Delivery,
        *,
        attempt: Attempt | None = None,
        also: Sequence[Delivery] = (),
        notes: Sequence[Note] = (),
    ) -> Delivery | None:
        if self._version(was) != was.version or any(one.id in self.deliveries for one in also):
            return None
        if attempt is not None:
            self.ledger.setdefault(was.id, {})[attempt.number] = attempt
        for one in also:
            self._put(one)
        self.journal.append(*notes)
        return self._put(becomes, was)

    def gather(self, was: Delivery, reason: Reason, now: int, at: int) -> Delivery | None:
        if self._version(was) != was.version:
            return None
        recipient = was.recipient or ""
        newest = self._newest_digest.get(recipient, 0)
        digest = self.deliveries.get(digest_of(recipient, newest, now, at).id)
        if digest is None or not digest.gathers:
            digest = self._put(digest_of(recipient, newest + 1, now, at))
            self._newest_digest[recipient] = newest + 1
        self._gathered.setdefault(digest.id, []).append(was.id)
        return self._put(was.gathered(digest.id, reason, now), was)

    def gathered(self, digest: Delivery, limit: int) -> Gathered:
        ids = sorted(self._gathered.get(digest.id, []))
        found = [self.deliveries[one] for one in ids[:limit]]
        return Gathered(tuple(sorted(found, key=lambda one: (one.created_at, one.id))), len(ids) > limit)

    def attempts(self, id: str) -> tuple[Attempt, ...]:  # noqa: A002 - as the port has it
        return tuple(attempt for _, attempt in sorted(self.ledger.get(id, {}).items()))

    def of_alarm(self, thing: str, number: int, limit: int, cursor: str | None) -> DeliveryPage:
        question = ("deliveries", thing, number)
        placed = {}
        for one in self.deliveries.values():
            place = place_of(one.id)
            if (place.thing, place.number) == (thing, number):
                placed[f"{place.step:04d}#{place.what}"] = one
        keys = sorted(placed, reverse=True)
        if cursor is not None:
            (after,) = unseal(cursor, question, (str,))
            keys = [key for key in keys if key < str(after)]
        page = keys[:limit]
        return DeliveryPage(
            tuple(placed[key] for key in page), seal(question, (page[-1],)) if len(keys) > limit else None
        )

    def page(self, wanted: DeliveryFilter, limit: int, cursor: str | None) -> DeliveryPage:
        found = {f"{one.created_at:013d}#{one.id}": one for one in self.deliveries.values() if wanted.matches(one)}
        keys = sorted(found, reverse=True)
        if cursor is not None:
            (after,) = unseal(cursor, wanted.question, (str,))
            keys = [key for key in keys if key < str(after)]
        page = keys[:limit]
        return DeliveryPage(
            tuple(found[key] for key in page), seal(wanted.question, (page[-1],)) if len(keys) > limit else None
        )

    def due(self, shard: str, until: int, after: str | None, limit: int) -> DuePage:
        if shard != _ONE_SHARD:
            return DuePage((), None)
        waiting = {
            f"{one.due:013d}#{one.id}": Due(one.due, one.id)
            for one in self.deliveries.values()
            if one.due is not None and one.due <= until
        }
        keys = sorted(key for key in waiting if after is None or key > after)
        page = keys[:limit]
        return DuePage(tuple(waiting[key] for key in page), page[-1] if len(keys) > limit else None)

    def defer(self, due: Due, until: int) -> bool:
        known = self.deliveries.get(due.id)
        if known is None or known.due != due.due:
            return False
        self.deliveries[due.id] = msgspec.structs.replace(known, due=until)
        return True

    def shards(self) -> Sequence[str]:
        return (_ONE_SHARD,)

    def _version(self, delivery: Delivery) -> int:
        known = self.deliveries.get(delivery.id)
        return known.version if known else 0

    def _put(self, delivery: Delivery, was: Delivery | None = None) -> Delivery:
        written = msgspec.structs.replace(delivery, version=(was.version if was else 0) + 1)
        self.deliveries[delivery.id] = written
        return written
