"""What the core table holds of a device: its entry, and a row for each list that it is on (docs/data-model.md)."""

from typing import Any

from functions.adapters.dynamodb_items import Item, number
from functions.adapters.shards import shard_of
from functions.domain.access import EVERYTHING, lineage
from functions.domain.devices import Device, Source, created_key, listing_key, name_key, span, word_key
from functions.domain.search import MIN_KEY_CHARS, words_of
from functions.settings import REGISTRY_LAYOUT

Key = tuple[str, str]


def entry_key(thing: str) -> Key:
    return f"DEVICE#{thing}", "META"


def key_attributes(key: Key) -> Item:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def name_partition(scope: str) -> str:
    return f"NAMES#{scope}"


def created_partition(scope: str) -> str:
    return f"CREATED#{scope}"


def word_partition(scope: str, word: str) -> str:
    return f"SEARCH#{scope}#{word[:MIN_KEY_CHARS]}"


def tag_partition(key: str, value: str) -> str:
    return f"TAG#{key}={value}"


def status_partition(status: str) -> str:
    return f"STATUS#{status}"


def sharded(partition: str, thing: str) -> str:
    return f"{partition}#{shard_of(thing)}"


def entry_indexes(device: Device) -> Item:
    """The keys of the entry in the indexes `listing` and `by_model`; none for a decommissioned one."""
    if device.decommissioned:
        return {}
    place = {"S": listing_key(device.group, device.thing)}
    return {
        "lpk": {"S": sharded("DEVICES", device.thing)},
        "lsk": place,
        "mpk": {"S": sharded(f"MODEL#{device.model}", device.thing)},
        "msk": place,
    }


def rows_of(device: Device) -> dict[Key, Item]:
    """A copy of the device for each list that no index of the entry serves, by key; none for a decommissioned one."""
    if device.decommissioned:
        return {}
    thing, copy = device.thing, attributes_of(device)
    rows: dict[Key, Item] = {}
    for scope in (EVERYTHING, *lineage(device.group)):
        rows[sharded(name_partition(scope), thing), name_key(device.name, thing)] = copy
    root = lineage(device.group)[0]
    for scope in (EVERYTHING, root):
        rows[sharded(created_partition(scope), thing), created_key(device.created_at, thing)] = copy
    for key, value in device.tags.items():
        rows[sharded(tag_partition(key, value), thing), listing_key(device.group, thing)] = copy
    words = words_of(thing, device.name)
    text = {"S": "".join(f" {word}" for word in words)}
    # Words that share a beginning stand side by side: only the first of them is found by it.
    for word, before in zip(words, ("", *words), strict=False):
        if len(word) >= MIN_KEY_CHARS:
            for scope in (EVERYTHING, root):
                key_of = (sharded(word_partition(scope, word), thing), word_key(word, thing))
                rows[key_of] = {**copy, "words": text, "word_before": {"S": before}}
    return {key: {**key_attributes(key), **item} for key, item in rows.items()}


def attributes_of(device: Device) -> Item:
    return {
        "thing": {"S": device.thing},
        "name": {"S": device.name},
        "model": {"S": device.model},
        "grp": {"S": device.group},
        "place": {"S": span(device.group)},
        "tags": {"M": {key: {"S": value} for key, value in sorted(device.tags.items())}},
        "source": {"S": device.source.value},
        "created_at": number(device.created_at),
        "updated_at": number(device.updated_at),
        "version": number(device.version),
        "layout": number(REGISTRY_LAYOUT),
    }


ENTRY_ATTRIBUTES = (
    "thing",
    "name",
    "model",
    "grp",
    "tags",
    "source",
    "created_at",
    "updated_at",
    "version",
    "layout",
    "decommissioned_at",
)


def device_of(item: Item) -> Device:
    """From an entry, a row or the copy in a state item."""
    return Device(
        thing=item["thing"]["S"],
        name=item["name"]["S"],
        model=item["model"]["S"],
        group=item["grp"]["S"],
        tags={key: value["S"] for key, value in item.get("tags", {"M": {}})["M"].items()},
        source=Source(item["source"]["S"]),
        created_at=int(item["created_at"]["N"]),
        updated_at=int(item["updated_at"]["N"]),
        version=int(item["version"]["N"]),
        decommissioned="decommissioned_at" in item,
        indexed=item.get("layout") == number(REGISTRY_LAYOUT),
    )


def entry_write(table: str, before: Device | None, after: Device) -> Any:
    """The entry as it is to be, if it is as it was. Attributes that this release does not know stay."""
    sets = {**attributes_of(after), **entry_indexes(after)}
    if after.decommissioned:
        sets["decommissioned_at"] = number(after.updated_at)
    gone = [name for name in ("lpk", "lsk", "mpk", "msk", "decommissioned_at") if name not in sets]
    values = {f":{name}": value for name, value in sets.items()}
    condition = "attribute_not_exists(#thing)"
    if before is not None:
        condition = "#version = :was"
        values[":was"] = number(before.version)
    return {
        "Update": {
            "TableName": table,
            "Key": key_attributes(entry_key(after.thing)),
            "UpdateExpression": f"SET {', '.join(f'#{name} = :{name}' for name in sets)} "
            f"REMOVE {', '.join(f'#{name}' for name in gone)}",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in (*sets, *gone)},
            "ExpressionAttributeValues": values,
        }
    }


def row_writes(table: str, before: Device | None, after: Device) -> list[Any]:
    old = rows_of(before) if before is not None and before.indexed else {}
    new = rows_of(after)
    gone = [{"Delete": {"TableName": table, "Key": key_attributes(key)}} for key in old if key not in new]
    return [*gone, *({"Put": {"TableName": table, "Item": item}} for item in new.values())]


def state_write(table: str, key: Item, after: Device) -> Any:
    """The copy in the state item, by which `by_status` lists the device; its status is the presence function's."""
    names = {"#device": "device", "#ssk": "ssk"}
    if after.decommissioned:
        change: Item = {"UpdateExpression": "REMOVE #device, #ssk"}
    else:
        names["#spk"] = "spk"
        change = {
            "UpdateExpression": "SET #device = :device, #ssk = :ssk, #spk = if_not_exists(#spk, :unknown)",
            "ExpressionAttributeValues": {
                ":device": {"M": attributes_of(after)},
                ":ssk": {"S": listing_key(after.group, after.thing)},
                ":unknown": {"S": sharded(status_partition("unknown"), after.thing)},
            },
        }
    return {"Update": {"TableName": table, "Key": key, "ExpressionAttributeNames": names, **change}}
