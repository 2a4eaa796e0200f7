"""The items of deliveries and their keys: C29 to C32 and E8 of docs/data-model.md."""

from typing import Final

import msgspec

from functions.adapters.dynamodb_items import Item, key, number
from functions.adapters.shards import shard_of
from functions.domain.deliveries import KEEP_MS, Attempt, Delivery, Due, State
from functions.domain.delivery_ids import place_of

LISTS: Final = ("DELIVERIES", "DELIVERIES#FAILED")
"""Of what is open or well, and of what failed."""

_deliveries = msgspec.json.Decoder(Delivery)
_attempts = msgspec.json.Decoder(Attempt)
_encoder = msgspec.json.Encoder()


def place(id: str) -> tuple[str, str]:  # noqa: A002 - its name everywhere
    said = place_of(id)
    if said.recipient:
        return f"RECIPIENT#{said.recipient}", f"DELIVERY#{said.what}"
    return f"DEVICE#{said.thing}", f"DELIVERY#{said.number:08d}#{said.step:04d}#{said.what}"


def gathered_prefix(digest: str) -> str:
    return f"GATHERED#{int(digest.rpartition('.')[2]):08d}#"


def written(delivery: Delivery, was: Delivery | None = None) -> Delivery:
    return msgspec.structs.replace(delivery, version=(was.version if was else 0) + 1)


def expires(delivery: Delivery) -> Item:
    return number((delivery.created_at + KEEP_MS) // 1000)


def delivery_item(delivery: Delivery) -> Item:
    item = {
        **key(*place(delivery.id)),
        "version": number(delivery.version),
        "body": {"S": _encoder.encode(delivery).decode()},
        "expires": expires(delivery),
        "lpk": {"S": f"{LISTS[delivery.state is State.FAILED]}#{shard_of(delivery.id)}"},
        "lsk": {"S": f"{delivery.created_at:013d}#{delivery.id}"},
    }
    if delivery.due is not None:
        item["duepk"] = {"S": f"DELIVERY#{shard_of(delivery.id)}"}
        item["duesk"] = {"S": due_key(delivery.due, delivery.id)}
    if delivery.gathers:
        item["open"] = {"BOOL": True}
    return item


def attempt_item(delivery: Delivery, attempt: Attempt) -> Item:
    return {
        **key(f"DELIVERY#{delivery.id}", f"{attempt.number:04d}"),
        "body": {"S": _encoder.encode(attempt).decode()},
        "expires": expires(delivery),
    }


def delivery_of(item: Item) -> Delivery:
    return msgspec.structs.replace(_deliveries.decode(item["body"]["S"]), version=int(item["version"]["N"]))


def attempt_of(item: Item) -> Attempt:
    return _attempts.decode(item["body"]["S"])


def due_key(due: int, id: str) -> str:  # noqa: A002 - its name everywhere
    return f"{due:013d}#{id}"


def due_of(key: str) -> Due:
    due, _, id = key.partition("#")  # noqa: A001 - its name everywhere
    return Due(int(due), id)


def listing_key(item: Item) -> str:
    return str(item["lsk"]["S"])
