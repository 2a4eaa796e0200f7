"""The devices in the core table, with their rows on every list (docs/data-model.md, C1 to C8)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_audit import AuditedWrites, Refused
from functions.adapters.dynamodb_device_rows import (
    ENTRY_ATTRIBUTES,
    device_of,
    entry_key,
    entry_write,
    row_writes,
    sharded,
    state_write,
    status_partition,
)
from functions.adapters.dynamodb_groups import GroupRows
from functions.adapters.dynamodb_items import batch_get
from functions.adapters.dynamodb_listing import Listing
from functions.adapters.dynamodb_state_items import state_key
from functions.domain.audit import Note
from functions.domain.cursors import unseal
from functions.domain.devices import Device, DeviceFilter, DevicePage, inside
from functions.errors import RegistryError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBDeviceFinder:
    """For functions that only ask which devices there are."""

    def __init__(self, client: "DynamoDBClient", core_table: str, *, backoff: Backoff | None = None) -> None:
        self._client = client
        self._core = core_table
        self._backoff = backoff or Backoff()

    def find(self, things: Iterable[str]) -> dict[str, Device]:
        keys = [entry_key(thing) for thing in things]
        items = batch_get(
            self._client,
            self._core,
            keys,
            ENTRY_ATTRIBUTES,
            # Who asks of one device may just have created or changed it.
            consistent=len(keys) == 1,
            backoff=self._backoff,
            error=RegistryError,
        )
        return {device.thing: device for device in map(device_of, items)}


class DynamoDBRegistry(DynamoDBDeviceFinder):
    """`audited` keeps the notes of what is changed, in the same transaction."""

    def __init__(
        self,
        client: "DynamoDBClient",
        core_table: str,
        state_table: str,
        audited: AuditedWrites,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__(client, core_table, backoff=backoff)
        self._state = state_table
        self._audited = audited
        self._groups = GroupRows(client, core_table, self._backoff)

    def page(self, wanted: DeviceFilter, limit: int, cursor: str | None) -> DevicePage:
        after = None if cursor is None else str(unseal(cursor, wanted.question, (str,))[0])
        listing = Listing(self._client, self._core, self._state, wanted, limit, after)
        return listing.page(self._singles(wanted))

    def save(self, before: Device | None, after: Device, note: Note) -> bool:
        entry = entry_write(self._core, before, after)
        rows = row_writes(self._core, before, after)
        state = state_write(self._state, state_key(after.thing), after)
        for _ in self._backoff:
            try:
                self._audited.commit([entry, *rows, state, *self._counts(before, after)], [note])
            except Refused as refused:
                if refused.index == 0:
                    return False
                continue  # a group was made or deleted at this moment
            return True
        raise RegistryError(f"the groups of {after.thing} changed at every attempt")

    def _counts(self, before: Device | None, after: Device) -> list[Any]:
        left = before.group if before is not None and before.indexed and not before.decommissioned else None
        return self._groups.moves(left, None if after.decommissioned else after.group, after.updated_at)

    def _singles(self, wanted: DeviceFilter) -> list[Device]:
        """Those on the list that the caller may see one by one, beyond the groups that he may see."""
        spans = wanted.spans() or ()
        found = [
            device
            for device in self.find(wanted.singles()).values()
            if wanted.matches(device) and not any(inside(device.group, one) for one in spans)
        ]
        if wanted.status is None or not found:
            return found
        status = status_partition(wanted.status)
        items = batch_get(
            self._client,
            self._state,
            [(key["pk"]["S"], key["sk"]["S"]) for key in (state_key(device.thing) for device in found)],
            ("pk", "spk"),
            consistent=False,
            backoff=self._backoff,
            error=RegistryError,
        )
        listed = {(item["pk"]["S"], item["spk"]["S"]) for item in items if "spk" in item}
        return [one for one in found if (state_key(one.thing)["pk"]["S"], sharded(status, one.thing)) in listed]
