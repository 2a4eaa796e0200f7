"""Lists of devices, read from the rows and indexes of docs/data-model.md: 16 shards at once, merged by sort key.

What a caller may see is a part of the question: a range of keys where the list has the group in its key, else a
condition that DynamoDB checks. Devices that somebody was granted one by one are read by their keys.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from typing import TYPE_CHECKING, Any, NamedTuple

from functions.adapters.aws import side_by_side, wrapped
from functions.adapters.dynamodb_device_rows import (
    created_partition,
    device_of,
    name_partition,
    status_partition,
    tag_partition,
    word_partition,
)
from functions.adapters.dynamodb_items import Item
from functions.adapters.shards import SHARDS
from functions.domain.access import EVERYTHING, lineage
from functions.domain.cursors import seal
from functions.domain.devices import Device, DeviceFilter, DevicePage, Path, span
from functions.domain.search import key_word
from functions.errors import RegistryError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_PAGE_BYTES = 1_200_000
"""Of what people wrote of a page's devices: an answer of the API holds 6 MB, where a quotation mark is four bytes."""
_SPARE = 4
"""What a shard is asked for beyond its share of a page, so that an uneven spread seldom needs a second query."""
_MERGED = 4
"""Lists read at once for somebody who sees several groups; beyond that a wider one is read with a condition."""
_IN_TURN = 8
"""Groups that one page reads one after the other: somebody may hold grants over many that are empty."""
_LOWEST, _HIGHEST = " ", "\U0010ffff"

Keyed = tuple[str, Device | None]
"""A device with its place on the list; or, without one, the place at which the page ends: enough was read for it."""


class _Leg(NamedTuple):
    """A range of one list. `within` are the groups that a row must be in, where its key does not say."""

    partition: str
    low: str = _LOWEST
    high: str = _HIGHEST
    within: tuple[str, ...] = ()


class _Index(NamedTuple):
    table: str
    name: str | None
    pk: str
    sk: str


class Listing:
    """One page of one list."""

    def __init__(
        self,
        client: "DynamoDBClient",
        core: str,
        state: str,
        wanted: DeviceFilter,
        limit: int,
        after: str | None,
    ) -> None:
        self._client = client
        self._wanted = wanted
        self._limit = limit
        self._after = after
        self._path = wanted.path
        self._down = wanted.descending
        self._index = {
            Path.GROUP: _Index(core, "listing", "lpk", "lsk"),
            Path.MODEL: _Index(core, "by_model", "mpk", "msk"),
            Path.STATUS: _Index(state, "by_status", "spk", "ssk"),
        }.get(self._path, _Index(core, None, "pk", "sk"))

    def page(self, singles: Iterable[Device]) -> DevicePage:
        """`singles` match, and are in none of the groups that are listed."""
        keyed = sorted(((self._wanted.key(one), one) for one in singles), key=_key, reverse=self._down)
        legs = self._legs()
        found: list[tuple[str, Device]] = []
        size = 0
        for key, device in merge(self._rows(legs), self._beyond(keyed), key=_key, reverse=self._down):
            if len(found) == self._limit or size > MAX_PAGE_BYTES:
                return self._page(found, found[-1][0])
            if device is None:
                return self._page(found, key)
            found.append((key, device))
            size += _bytes(device)
        return self._page(found, None)

    def _page(self, found: Sequence[tuple[str, Device]], last: str | None) -> DevicePage:
        cursor = None if last is None else seal(self._wanted.question, (last,))
        return DevicePage(tuple(device for _, device in found), cursor)

    def _beyond(self, keyed: Iterable[tuple[str, Device]]) -> Iterator[Keyed]:
        for key, device in keyed:
            if self._is_beyond(key):
                yield key, device

    def _is_beyond(self, key: str) -> bool:
        return self._after is None or (key < self._after if self._down else key > self._after)

    def _legs(self) -> list[_Leg]:
        wanted, spans = self._wanted, self._wanted.spans()
        match self._path:
            case Path.NAME:
                return [_Leg(name_partition(scope), within=within) for scope, within in lists_of(spans, deep=True)]
            case Path.CREATED:
                return [_Leg(created_partition(scope), within=within) for scope, within in lists_of(spans, deep=False)]
            case Path.WORD:
                word = key_word(wanted.words)
                return [
                    _Leg(word_partition(scope, word), word, word + _HIGHEST, within)
                    for scope, within in lists_of(spans, deep=False)
                ]
        partition = {
            Path.MODEL: lambda: f"MODEL#{wanted.model}",
            Path.TAG: lambda: tag_partition(*wanted.tags[0]),
            Path.STATUS: lambda: status_partition(str(wanted.status)),
        }.get(self._path, lambda: "DEVICES")()
        if spans is None:
            return [_Leg(partition)]
        legs = [_Leg(partition, span(one), span(one) + _HIGHEST) for one in spans]
        return legs[::-1] if self._down else legs

    def _rows(self, legs: list[_Leg]) -> Iterator[Keyed]:
        if self._path in {Path.NAME, Path.CREATED, Path.WORD}:
            yield from self._merged(legs)
            return
        # In the order of groups one range follows the other, and is read when the page gets there.
        left = [leg for leg in legs if self._is_beyond(leg.low if self._down else leg.high)]
        for leg in left[:_IN_TURN]:
            yield from self._merged([leg])
        if len(left) > _IN_TURN:
            last = left[_IN_TURN - 1]
            yield last.low if self._down else last.high, None

    def _merged(self, legs: Sequence[_Leg]) -> Iterator[Keyed]:
        shards = [(leg, f"{leg.partition}#{shard:02d}") for leg in legs for shard in range(SHARDS)]
        first_pages = side_by_side(lambda one: self._query(*one), shards)
        picked = self._picks(legs)
        streams = [self._stream(*shard, page, picked) for shard, page in zip(shards, first_pages, strict=True)]
        return merge(*streams, key=_key, reverse=self._down)

    def _stream(self, leg: _Leg, shard: str, page: dict[str, Any], picked: bool) -> Iterator[Keyed]:  # noqa: FBT001
        while True:
            for item in page["Items"]:
                key = str(item[self._index.sk]["S"])
                if self._is_beyond(key):
                    yield key, device_of(item["device"]["M"] if self._path is Path.STATUS else item)
            last = page.get("LastEvaluatedKey")
            if not last:
                return
            if picked:
                # A page looks at about as many devices as it may hold, and holds those of them that match.
                yield str(last[self._index.sk]["S"]), None
            page = self._query(leg, shard, last)

    def _query(self, leg: _Leg, shard: str, start: Item | None = None) -> dict[str, Any]:
        low, high = leg.low, leg.high
        if self._after is not None:
            # The key itself is passed over when it is read again: no key is the next one in both directions.
            low, high = (low, min(high, self._after)) if self._down else (max(low, self._after), high)
        if low > high:
            return {"Items": []}
        condition, names, values = self._filter(leg)
        index = self._index
        request: dict[str, Any] = {
            "TableName": index.table,
            "KeyConditionExpression": f"{index.pk} = :shard AND {index.sk} BETWEEN :low AND :high",
            "ExpressionAttributeValues": {":shard": {"S": shard}, ":low": {"S": low}, ":high": {"S": high}, **values},
            "ScanIndexForward": not self._down,
            "Limit": self._limit // SHARDS + _SPARE,
        }
        if index.name is not None:
            request["IndexName"] = index.name
        if condition:
            request["FilterExpression"] = condition
            request["ExpressionAttributeNames"] = names
        if start is not None:
            request["ExclusiveStartKey"] = start
        with wrapped(RegistryError, "listing devices"):
            return dict(self._client.query(**request))

    def _picks(self, legs: Iterable[_Leg]) -> bool:
        """Whether the keys alone do not say what is on the list, so that rows are read which are not."""
        wanted = self._wanted
        by_key = int(self._path in {Path.MODEL, Path.TAG, Path.WORD})
        asked = (wanted.model is not None) + len(wanted.tags) + len(wanted.words)
        return asked > by_key or any(leg.within for leg in legs)

    def _filter(self, leg: _Leg) -> tuple[str, dict[str, str], Item]:
        wanted, path = self._wanted, self._path
        conditions: list[str] = []
        names: dict[str, str] = {}
        values: Item = {}
        at = ""
        if path is Path.STATUS:
            at, names["#device"] = "#device.", "device"
        if wanted.model is not None and path is not Path.MODEL:
            names["#model"], values[":model"] = "model", {"S": wanted.model}
            conditions.append(f"{at}#model = :model")
        for nr, (key, value) in enumerate(wanted.tags[1:] if path is Path.TAG else wanted.tags):
            names |= {"#tags": "tags", f"#tag{nr}": key}
            values[f":tag{nr}"] = {"S": value}
            conditions.append(f"{at}#tags.#tag{nr} = :tag{nr}")
        if wanted.words:
            word = key_word(wanted.words)
            names["#before"], values[":word"] = "word_before", {"S": word}
            conditions.append("NOT begins_with(#before, :word)")
            for nr, other in enumerate(one for one in wanted.words if one != word):
                names["#words"], values[f":word{nr}"] = "words", {"S": f" {other}"}
                conditions.append(f"contains(#words, :word{nr})")
        if leg.within:
            names["#place"] = "place"
            values |= {f":in{nr}": {"S": span(one)} for nr, one in enumerate(leg.within)}
            inside = " OR ".join(f"begins_with(#place, :in{nr})" for nr in range(len(leg.within)))
            conditions.append(f"({inside})")
        return " AND ".join(conditions), names if conditions else {}, values


def lists_of(spans: tuple[str, ...] | None, *, deep: bool) -> list[tuple[str, tuple[str, ...]]]:
    """Which lists together hold these groups, each with those that a row of it must be in.

    Lists by name are kept for every group (`deep`), others for the outermost ones only.
    """
    if spans is None:
        return [(EVERYTHING, ())]
    if deep and len(spans) <= _MERGED:
        return [(one, ()) for one in spans]
    roots: dict[str, list[str]] = {}
    for one in spans:
        roots.setdefault(lineage(one)[0], []).append(one)
    if len(roots) <= _MERGED:
        return [(root, () if some == [root] else tuple(some)) for root, some in roots.items()]
    return [(EVERYTHING, spans)]


def _bytes(device: Device) -> int:
    """About what people wrote of it: all else is small."""
    texts = [device.name, device.group, *device.tags, *device.tags.values()]
    return sum(len(text.encode()) for text in texts)


def _key(keyed: Keyed) -> str:
    return keyed[0]
