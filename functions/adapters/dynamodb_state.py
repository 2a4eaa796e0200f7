"""The state table: one item a device. The engine's writers own version, latest, stream, counters and what they find;
presence owns `presence`; the quarantine owns `quarantined`.

What was found changes other tables too: `dynamodb_transitions` has it, in one transaction with the state.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from functions.adapters.aws import conditional_update, side_by_side, wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_alarm_items import Tables, timer_item, timer_key
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_device_rows import sharded, status_partition
from functions.adapters.dynamodb_items import Item, batch_get, number
from functions.adapters.dynamodb_state_items import SK, presence_of, state_key, state_of, status_of, written
from functions.adapters.dynamodb_transitions import Parcel, Transitions
from functions.adapters.dynamodb_writes import Writes, meets_itself
from functions.domain.presence import Presence
from functions.domain.state import AT_ONCE, Change, DeviceState, Saved
from functions.domain.status import DeviceStatus
from functions.errors import StateError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from functions.domain.alarms import Alarm
    from functions.domain.audit import Note
    from functions.domain.outbox import OutboxEntry

_MAX_ITEMS = 100  # of a transaction
_FOUND = ("rules", "alarms", "armed", "pending", "replays")
_SHOWN = ("pk", "version", "latest", "stream", "counters", "seen_at")
_OWN = (*_SHOWN, *_FOUND, "presence", "device")
_ALL = (*_SHOWN, "presence", "quarantined", "quarantined_at", "agent")


class DynamoDBStateStore:
    """`token` makes a mark for each write, by which a write is recognised whose answer was lost on the way.

    Whoever saves what the engine found needs `alarms`, the other tables that it is in; with notes, `audit` too.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        *,
        alarms: Tables | None = None,
        audit: AuditedWrites | None = None,
        backoff: Backoff | None = None,
        token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._client = client
        self._table = table
        self._alarms = alarms
        self._backoff = backoff or Backoff()
        self._writes = Writes(client, audit, error=StateError, backoff=self._backoff)
        self._token = token

    def read(self, things: Iterable[str]) -> dict[str, DeviceState]:
        states = {thing: DeviceState() for thing in things}
        for thing, item in _items(self._client, self._table, states, _OWN, self._backoff, consistent=True):
            states[thing] = state_of(item)
        return states

    def statuses(self, things: Iterable[str], *, engine: bool = False) -> dict[str, DeviceStatus]:
        wanted = (*_ALL, "rules") if engine else _ALL
        found = _items(self._client, self._table, things, wanted, self._backoff, consistent=False)
        return {thing: status_of(item) for thing, item in found}

    def save(self, changes: Mapping[str, Change]) -> Saved:
        conflicts: set[str] = set()
        failed: dict[str, str] = {}
        alarms: dict[str, tuple[Alarm, ...]] = {}

        def save(thing: str) -> None:
            change = changes[thing]
            try:
                if not (change.state.pending or change.transitions or change.notes or change.rearmed):
                    saved = self._update(thing, change.state)
                else:
                    saved = self._transact(thing, change, alarms)
                if not saved:
                    conflicts.add(thing)
            except StateError as exc:
                failed[thing] = str(exc)

        side_by_side(save, changes)
        return Saved(frozenset(conflicts), failed, alarms)

    def _update(self, thing: str, state: DeviceState) -> bool:
        """False when the version has moved."""
        token = self._token()
        refusal = conditional_update(
            self._client, StateError, f"writing the state of {thing}", **written(self._table, thing, state, token)
        )
        # botocore repeats a call whose answer was lost; then it is our own write that stands in the way.
        return refusal is None or refusal.item.get("writer") == {"S": token}

    def _transact(self, thing: str, change: Change, alarms: "dict[str, tuple[Alarm, ...]]") -> bool:
        """False when the version has moved, or somebody was at one of the alarms.

        Once a first part is written the change is saved: whoever saves this device next, or its timer, does the rest.
        """
        left, armed, version = change.entries, change.armed_before, change.state.version
        while True:
            parcel = self._parcel(thing, left, _MAX_ITEMS - 2 - 2 * len(change.notes))
            left = left[parcel.taken :]
            if left and change.notes:
                raise ValueError(f"notes: expected none with more than one transaction, got {len(change.notes)}")
            becomes = msgspec.structs.replace(
                change.state, version=version, pending=left, armed=AT_ONCE if left else change.state.armed
            )
            try:
                done = self._commit(thing, becomes, armed, parcel.items, change.notes)
            except StateError:
                if version == change.state.version:
                    raise
                done = False
            if not done:
                return version > change.state.version
            if parcel.alarms:
                alarms[thing] = (*alarms.get(thing, ()), *parcel.alarms)
            if not left:
                return True
            armed, version = becomes.armed, version + 1

    def _parcel(self, thing: str, entries: "tuple[OutboxEntry, ...]", room: int) -> Parcel:
        if not entries:
            return Parcel([], (), 0)
        return Transitions(self._client, self._tables, self._backoff).parcel(thing, entries, room)

    def _commit(
        self, thing: str, state: DeviceState, armed: int | None, items: list[Any], notes: "tuple[Note, ...]"
    ) -> bool:
        """False when a condition does not hold, unless it is our own write that stands in the way."""
        token = self._token()
        items = [{"Update": written(self._table, thing, state, token)}, *self._timer(thing, armed, state), *items]
        if meets_itself(items):
            # Only what another found meanwhile has numbers of ours, and DynamoDB would call the request malformed.
            return False
        refused = self._writes.commit(items, notes, f"writing the state of {thing} with what comes of it")
        return refused is None or (refused.index == 0 and refused.item.get("writer") == {"S": token})

    def _timer(self, thing: str, before: int | None, state: DeviceState) -> list[Any]:
        if state.armed == before:
            return []
        tables = self._tables
        if state.armed is None:
            return [tables.delete(tables.core, timer_key(thing))]
        return [tables.put(tables.core, timer_item(thing, state.armed))]

    @property
    def _tables(self) -> Tables:
        if self._alarms is None:
            raise ValueError("alarms: expected the tables of what is found, got none")
        return self._alarms


class DynamoDBPresenceStore:
    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, thing: str) -> Presence:
        with wrapped(StateError, f"reading the presence of {thing}"):
            answer = self._client.get_item(
                TableName=self._table,
                Key=state_key(thing),
                ConsistentRead=True,
                ProjectionExpression="#presence",
                ExpressionAttributeNames={"#presence": "presence"},
            )
        return presence_of(dict(answer.get("Item", {})))

    def save(self, thing: str, presence: Presence) -> bool:
        item: Item = {
            "revision": number(presence.revision + 1),
            "status": {"S": presence.status.value},
            "sessions": {"S": msgspec.json.encode(presence.sessions).decode()},
        }
        if presence.since is not None:
            item["since"] = number(presence.since)
        if presence.reason is not None:
            item["reason"] = {"S": presence.reason}
        values: Item = {":presence": {"M": item}, ":spk": {"S": sharded(status_partition(presence.status), thing)}}
        names = {"#presence": "presence", "#spk": "spk"}
        condition = "attribute_not_exists(#presence)"
        if presence.revision:
            condition = "#presence.#revision = :read"
            names["#revision"] = "revision"
            values[":read"] = number(presence.revision)
        refusal = conditional_update(
            self._client,
            StateError,
            f"writing the presence of {thing}",
            TableName=self._table,
            Key=state_key(thing),
            # With the registry's part of the key, `ssk`, this lists the device under its status. Telemetry never
            # touches either, nor does a session that changes nothing of the status.
            UpdateExpression="SET #presence = :presence, #spk = :spk",
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
        return refusal is None


class DynamoDBAgentVersions:
    """The attribute `agent`, which is the event function's own."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def save(self, thing: str, version: str, at: int) -> None:
        refusal = conditional_update(
            self._client,
            StateError,
            f"writing the agent's version of {thing}",
            TableName=self._table,
            Key=state_key(thing),
            UpdateExpression="SET #agent = :agent",
            ConditionExpression="attribute_not_exists(#agent) OR #agent.#at <= :at",
            ExpressionAttributeNames={"#agent": "agent", "#at": "at"},
            ExpressionAttributeValues={
                ":agent": {"M": {"version": {"S": version}, "at": number(at)}},
                ":at": number(at),
            },
        )
        if refusal is not None and refusal.by_transaction:
            raise StateError(f"writing the agent's version of {thing}: a transaction was at it")


def _items(
    client: "DynamoDBClient",
    table: str,
    things: Iterable[str],
    attributes: tuple[str, ...],
    backoff: Backoff,
    *,
    consistent: bool,
) -> list[tuple[str, Item]]:
    keys = [(f"DEVICE#{thing}", SK) for thing in things]
    items = batch_get(client, table, keys, attributes, consistent=consistent, backoff=backoff, error=StateError)
    return [(item["pk"]["S"].removeprefix("DEVICE#"), item) for item in items]
