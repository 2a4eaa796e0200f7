"""The devices in the core table, with the listing indexes of docs/data-model.md (C1 to C5)."""

import re
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any

from contract.identity import GROUP_PATTERN, THING_PATTERN
from functions.adapters.aws import conditional_update, side_by_side, wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_items import Item, batch_get, number
from functions.adapters.shards import SHARDS, shard_of
from functions.domain.cursors import seal, unseal
from functions.domain.devices import Device, DeviceFilter, DevicePage, Source, listing_key
from functions.errors import CursorError, RegistryError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTRIBUTES = (
    "thing",
    "name",
    "model",
    "grp",
    "source",
    "created_at",
    "updated_at",
    "version",
    "decommissioned_at",
)
_LISTING_KEY = re.compile(rf"{GROUP_PATTERN}/#{THING_PATTERN}")
# Keys are of a-z, 0-9, '-', '/' and '#': these stand before and behind whatever may follow.
_BEFORE, _BEHIND = "!", "~"
_SPARE = 4
"""What a shard is asked for beyond its share of a page, so that an uneven spread seldom needs a second query."""


class DynamoDBRegistry:
    def __init__(self, client: "DynamoDBClient", table: str, *, backoff: Backoff | None = None) -> None:
        self._client = client
        self._table = table
        self._backoff = backoff or Backoff()

    def find(self, things: Iterable[str]) -> dict[str, Device]:
        keys = [(f"DEVICE#{thing}", "META") for thing in things]
        items = batch_get(
            self._client,
            self._table,
            keys,
            _ATTRIBUTES,
            consistent=False,
            backoff=self._backoff,
            error=RegistryError,
        )
        return {device.thing: device for device in map(_device, items)}

    def page(self, wanted: DeviceFilter, limit: int, cursor: str | None) -> DevicePage:
        question = ("devices", wanted.group, wanted.model)
        prefix = "" if wanted.group is None else f"{wanted.group}/"
        first = prefix or _BEFORE
        if cursor is not None:
            (after,) = unseal(cursor, question, (str,))
            if not _LISTING_KEY.fullmatch(str(after)) or not str(after).startswith(prefix):
                raise CursorError(cursor)
            first = f"{after}{_BEFORE}"
        listing = _Listing(self._client, self._table, wanted.model, first, f"{prefix}{_BEHIND}", limit)
        found = list(islice(listing.devices(), limit + 1))
        page = found[:limit]
        more = len(found) > limit
        return DevicePage(tuple(page), seal(question, (listing_key(page[-1].group, page[-1].thing),)) if more else None)

    def register(self, thing: str, name: str, model: str, group: str, source: Source, now: int) -> bool:
        listing = {"S": listing_key(group, thing)}
        shard = shard_of(thing)
        stated = {"name": {"S": name}, "model": {"S": model}, "grp": {"S": group}, "source": {"S": source.value}}
        keys = {
            "thing": {"S": thing},
            "lpk": {"S": f"DEVICES#{shard}"},
            "lsk": listing,
            "mpk": {"S": f"MODEL#{model}#{shard}"},
            "msk": listing,
        }
        sets = [f"#{name} = :{name}" for name in (*stated, *keys)]
        differs = " OR ".join(f"#{name} <> :{name}" for name in stated)
        return self._update(
            thing,
            f"SET {', '.join(sets)}, #created_at = if_not_exists(#created_at, :now), #updated_at = :now, "
            "#version = if_not_exists(#version, :zero) + :one REMOVE #decommissioned_at",
            # Registering what is registered already changes nothing, so that a repeated deployment moves no version.
            f"attribute_not_exists(#thing) OR attribute_exists(#decommissioned_at) OR {differs}",
            ("created_at", "updated_at", "version", "decommissioned_at", *stated, *keys),
            {
                **{f":{name}": value for name, value in {**stated, **keys}.items()},
                ":now": number(now),
                ":zero": number(0),
                ":one": number(1),
            },
        )

    def decommission(self, thing: str, source: Source, now: int) -> bool:
        return self._update(
            thing,
            "SET #decommissioned_at = :now, #updated_at = :now, #version = #version + :one "
            "REMOVE #lpk, #lsk, #mpk, #msk",
            "#source = :source AND attribute_not_exists(#decommissioned_at)",
            ("decommissioned_at", "updated_at", "version", "lpk", "lsk", "mpk", "msk", "source"),
            {":now": number(now), ":one": number(1), ":source": {"S": source.value}},
        )

    def _update(self, thing: str, expression: str, condition: str, names: Iterable[str], values: Item) -> bool:
        doing = f"writing the entry of {thing}"
        refusal = conditional_update(
            self._client,
            RegistryError,
            doing,
            TableName=self._table,
            Key={"pk": {"S": f"DEVICE#{thing}"}, "sk": {"S": "META"}},
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ExpressionAttributeValues=values,
        )
        if refusal is not None and refusal.by_transaction:
            raise RegistryError(f"{doing}: a transaction was at it")
        return refusal is None


class _Listing:
    """Devices between two keys of a listing index, merged from its shards; a shard is read on only when it runs out."""

    def __init__(
        self, client: "DynamoDBClient", table: str, model: str | None, first: str, last: str, limit: int
    ) -> None:
        self._client = client
        self._first = first
        self._last = last
        self._share = limit // SHARDS + _SPARE
        self._table = table
        self._index, self._pk, self._sk, self._prefix = (
            ("listing", "lpk", "lsk", "DEVICES") if model is None else ("by_model", "mpk", "msk", f"MODEL#{model}")
        )

    def devices(self) -> Iterator[Device]:
        shards = [f"{self._prefix}#{shard:02d}" for shard in range(SHARDS)]
        first_pages = side_by_side(self._page, shards)
        streams = [self._stream(shard, page) for shard, page in zip(shards, first_pages, strict=True)]
        return merge(*streams, key=lambda device: listing_key(device.group, device.thing))

    def _stream(self, shard: str, page: dict[str, Any]) -> Iterator[Device]:
        while True:
            yield from (_device(dict(item)) for item in page["Items"])
            last = page.get("LastEvaluatedKey")
            if not last:
                return
            page = self._page(shard, last)

    def _page(self, shard: str, after: dict[str, Any] | None = None) -> dict[str, Any]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": self._index,
            "KeyConditionExpression": f"{self._pk} = :shard AND {self._sk} BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":shard": {"S": shard},
                ":first": {"S": self._first},
                ":last": {"S": self._last},
            },
            "Limit": self._share,
        }
        if after is not None:
            request["ExclusiveStartKey"] = after
        with wrapped(RegistryError, "listing devices"):
            return dict(self._client.query(**request))


def _device(item: Item) -> Device:
    return Device(
        thing=item["thing"]["S"],
        name=item["name"]["S"],
        model=item["model"]["S"],
        group=item["grp"]["S"],
        source=Source(item["source"]["S"]),
        created_at=int(item["created_at"]["N"]),
        updated_at=int(item["updated_at"]["N"]),
        version=int(item["version"]["N"]),
        decommissioned="decommissioned_at" in item,
    )
