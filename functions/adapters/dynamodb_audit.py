"""Changes together with their audit: what a repository changes, the entry that says so and the head of its chain are
one transaction, so that nothing is changed unseen and nothing is noted that was not changed.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from contract.audit import AuditHead, Change, Link, Record, audit_day, audit_shard, chained
from functions.adapters.aws import error_code, wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_items import Item, batch_get, number
from functions.domain.audit import MAX_NOTES, Note, change_of
from functions.errors import AuditError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEEP_DAYS = 365
LINK_DAYS = 31
"""How far back a chain that begins looks for the one before it."""
HEAD_SK = "HEAD"
"""Behind every entry's key, which begins with a digit."""

_HEAD_OUTLIVES_DAYS = 30
_DAY_MS = 86_400_000
_MAX_ITEMS = 100  # of a transaction
_REFUSED = "ConditionalCheckFailed"
_TRY_AGAIN = frozenset(
    {
        "TransactionConflict",
        "TransactionConflictException",
        "ThrottlingError",
        "ThrottlingException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "TransactionInProgressException",
    }
)
_UNHURT = "None"


class Refused(Exception):  # noqa: N818 - an answer, which the repository turns into an error of its own
    """The condition of the caller's item `index` does not hold.

    `item` is what stands there, where that item asked for it by `ReturnValuesOnConditionCheckFailure`, else empty.
    """

    def __init__(self, index: int, item: Item) -> None:
        super().__init__(f"the condition of item {index} does not hold")
        self.index = index
        self.item = item


class _Chain(NamedTuple):
    day: str
    shard: str

    @property
    def pk(self) -> str:
        return chain_pk(self.day, self.shard)


class _End(NamedTuple):
    """Where a chain goes on; a chain that has not begun has no head and perhaps a link."""

    head: AuditHead | None
    link: Link | None


class AuditedWrites:
    """One for a process: it remembers the heads, so that a change seldom reads one."""

    def __init__(
        self,
        client: "DynamoDBClient",
        events_table: str,
        *,
        keep_days: int = KEEP_DAYS,
        backoff: Backoff | None = None,
    ) -> None:
        self._client = client
        self._table = events_table
        self._keep_days = keep_days
        self._backoff = backoff or Backoff(attempts=12, base_s=0.02, cap_s=0.5, within_s=8)
        self._ends: dict[_Chain, _End] = {}
        self._locks: dict[str, Lock] = {}

    def record(self, note: Note) -> None:
        """Keep a note by itself: of a change outside our tables. Raises AuditError."""
        self.commit([], [note])

    def commit(self, items: Sequence[Any], notes: Sequence[Note]) -> None:
        """All of `items` (as in TransactWriteItems), each with its condition, and `notes`; or nothing of it.

        Only a race for the head, or with another transaction, is tried again. Raises Refused for a condition of
        `items` that does not hold, AuditError where DynamoDB did not do it.
        """
        if not 1 <= len(notes) <= MAX_NOTES or len(items) + 2 * len(notes) > _MAX_ITEMS:
            raise ValueError(
                f"expected 1 to {MAX_NOTES} notes and {_MAX_ITEMS} items at most, two for each note among them, "
                f"got {len(notes)} notes and {len(items)} items"
            )
        changes: dict[_Chain, list[Change]] = {}
        for change in map(change_of, notes):
            changes.setdefault(_Chain(audit_day(change.at), audit_shard(change.subject)), []).append(change)
        problem = ""
        with self._alone({chain.shard for chain in changes}):
            for _ in self._backoff:
                problem = self._attempt(items, changes)
                if not problem:
                    return
        raise AuditError(f"the change could not be made together with its audit: {problem}")

    @contextmanager
    def _alone(self, shards: set[str]) -> Iterator[None]:
        """Within this process nobody else is at the heads of these shards: it would only lose the race."""
        with ExitStack() as held:
            for shard in sorted(shards):
                held.enter_context(self._locks.setdefault(shard, Lock()))
            yield

    def _attempt(self, items: Sequence[Any], changes: dict[_Chain, list[Change]]) -> str:
        """Empty once it is done, else why it is worth trying again."""
        entries: list[Any] = []
        heads: list[Any] = []
        moved: dict[_Chain, _End] = {}
        for chain, some in changes.items():
            end = self._end(chain)
            records, head = self._continued(chain, end, some)
            moved[chain] = _End(head, None)
            entries += [self._entry(chain, head, record) for record in records]
            heads.append(self._moved(chain, end.head, head))
        try:
            self._client.transact_write_items(TransactItems=[*items, *entries, *heads])
        except ClientError as exc:
            return self._refused(exc, len(items), len(entries), list(moved))
        except BotoCoreError as exc:
            # Whether it was done is unknown: the heads are read anew.
            self._forget(moved)
            raise AuditError(f"making a change together with its audit: {exc}") from exc
        self._ends.update(moved)
        return ""

    def _end(self, chain: _Chain) -> _End:
        known = self._ends.get(chain)
        if known is None:
            # Of one day at a time: yesterday's are asked for once more at most.
            self._forget([other for other in list(self._ends) if other.day != chain.day])
            known = self._ends[chain] = self._read_end(chain)
        return known

    def _continued(self, chain: _Chain, end: _End, changes: Sequence[Change]) -> tuple[list[Record], AuditHead]:
        head, link = end
        records = []
        for change in changes:
            record, head = chained(
                change, day=chain.day, shard=chain.shard, head=head, link=link, keep_days=self._keep_days
            )
            records.append(record)
        if head is None:
            raise ValueError("changes: expected one at least, got none")
        return records, head

    def _refused(self, exc: ClientError, items: int, entries: int, chains: Sequence[_Chain]) -> str:
        """Why to try again; raises what the caller needs to know. Learns the heads that stood in the way."""
        response: Any = exc.response
        reasons: list[Any] = response.get("CancellationReasons") or []
        if error_code(exc) != "TransactionCanceledException" or len(reasons) != items + entries + len(chains):
            self._forget(chains)
            if error_code(exc) in _TRY_AGAIN:
                return str(exc)
            raise AuditError(f"making a change together with its audit: {exc}") from exc
        codes = [str(reason.get("Code", _UNHURT)) for reason in reasons]
        if _REFUSED in codes[:items]:
            index = codes.index(_REFUSED)
            raise Refused(index, dict(reasons[index].get("Item") or {})) from exc
        for chain, reason in zip(chains, reasons[items + entries :], strict=True):
            if reason.get("Code") == _REFUSED:
                self._learn(chain, reason.get("Item"))
        if _REFUSED in codes[items : items + entries]:
            self._forget(chains)
        if set(codes) <= _TRY_AGAIN | {_REFUSED, _UNHURT}:
            return str(exc)
        raise AuditError(f"making a change together with its audit: {exc}") from exc

    def _learn(self, chain: _Chain, item: Item | None) -> None:
        if item:
            self._ends[chain] = _End(head_of(item), None)
        else:
            self._forget([chain])

    def _forget(self, chains: Sequence[_Chain] | dict[_Chain, _End]) -> None:
        for chain in chains:
            self._ends.pop(chain, None)

    def _read_end(self, chain: _Chain) -> _End:
        with wrapped(AuditError, f"reading the head of {chain.pk}"):
            answer = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": chain.pk}, "sk": {"S": HEAD_SK}}, ConsistentRead=True
            )
        item = dict(answer.get("Item") or {})
        return _End(head_of(item), None) if item else _End(None, self._link(chain))

    def _link(self, chain: _Chain) -> Link | None:
        """Asked for once a day and shard, by whoever begins the chain."""
        days = [day_before(chain.day, back) for back in range(1, LINK_DAYS + 1)]
        found = batch_get(
            self._client,
            self._table,
            [(chain_pk(day, chain.shard), HEAD_SK) for day in days],
            ("pk", "seq", "hash", "at", "keep_days"),
            consistent=True,
            backoff=self._backoff,
            error=AuditError,
        )
        if not found:
            return None
        latest = max(found, key=lambda item: str(item["pk"]["S"]))
        head = head_of(latest)
        return Link(str(latest["pk"]["S"]).split("#")[1], head.seq, head.hash)

    def _entry(self, chain: _Chain, head: AuditHead, record: Record) -> Any:
        return {
            "Put": {
                "TableName": self._table,
                "Item": {
                    "pk": {"S": chain.pk},
                    "sk": {"S": record.key},
                    "spk": {"S": f"AUDIT#{record.subject}"},
                    "ssk": {"S": f"{record.key}#{chain.shard}"},
                    "hash": {"S": record.hash},
                    "body": {"S": record.body},
                    "expires": number(head.at // 1000 + head.keep_days * 86_400),
                },
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }

    def _moved(self, chain: _Chain, known: AuditHead | None, head: AuditHead) -> Any:
        put: Item = {
            "TableName": self._table,
            "Item": {
                "pk": {"S": chain.pk},
                "sk": {"S": HEAD_SK},
                "seq": number(head.seq),
                "hash": {"S": head.hash},
                "at": number(head.at),
                "keep_days": number(head.keep_days),
                # It outlives its entries, so that these are missed if they go before their time.
                "expires": number(head.at // 1000 + (head.keep_days + _HEAD_OUTLIVES_DAYS) * 86_400),
            },
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if known is not None:
            put["ConditionExpression"] = "#hash = :known"
            put["ExpressionAttributeNames"] = {"#hash": "hash"}
            put["ExpressionAttributeValues"] = {":known": {"S": known.hash}}
        return {"Put": put}


def chain_pk(day: str, shard: str) -> str:
    return f"AUDIT#{day}#{shard}"


def head_of(item: Item) -> AuditHead:
    return AuditHead(int(item["seq"]["N"]), str(item["hash"]["S"]), int(item["at"]["N"]), int(item["keep_days"]["N"]))


def day_before(day: str, back: int) -> str:
    from datetime import date, timedelta

    return (date.fromisoformat(day) - timedelta(days=back)).isoformat()
