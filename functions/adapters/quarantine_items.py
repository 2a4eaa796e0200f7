"""A quarantined message as an item of the events table."""

from collections.abc import Iterable
from datetime import UTC, datetime
from zlib import compress, decompress

import msgspec

from functions.adapters.dynamodb_items import Item, number
from functions.adapters.shards import shard_of
from functions.domain.ingest import Fault, QuarantineEntry
from functions.domain.quarantine import Quarantined, QuarantineNotice, Replay, digest_of, entry_id

MAX_RAW_BYTES = 280_000
MAX_FAULTS = 100
"""Of an item's 400 KB: a fault is 1 KB at the very most. Every reason is kept, whatever becomes of the details."""

_DETAIL_CHARS = 240
_faults = msgspec.json.Decoder(tuple[Fault, ...])
_replay = msgspec.json.Decoder(Replay)
_kept = msgspec.json.Decoder(dict[str, list[int]])


def partition(thing: str) -> str:
    return f"QUARANTINE#{thing}"


def sort_key(received_at: int | str, digest: int | str) -> str:
    return f"{received_at:013d}#{digest}"


def item_of(entry: QuarantineEntry, retention_s: int) -> Item:
    day = datetime.fromtimestamp(entry.received_at // 1000, UTC)
    item: Item = {
        "pk": {"S": partition(entry.thing)},
        "sk": {"S": sort_key(entry.received_at, digest_of(entry.raw))},
        "dpk": {"S": f"QUARANTINE#{day:%Y-%m-%d}#{shard_of(entry.thing)}"},
        "dsk": {"S": f"{entry.received_at:013d}#{entry.thing}"},
        "thing": {"S": entry.thing},
        "received_at": number(entry.received_at),
        "origin": {"S": entry.origin},
        **fault_attributes(entry.faults),
        "raw": {"B": entry.raw[:MAX_RAW_BYTES]},
        "bytes": number(len(entry.raw)),
        "truncated": {"BOOL": len(entry.raw) > MAX_RAW_BYTES},
        "expires": number(entry.received_at // 1000 + retention_s),
    }
    return {**item, "kept": kept_attribute(entry.kept)} if entry.kept else item


def fault_attributes(faults: tuple[Fault, ...]) -> Item:
    reasons = dict.fromkeys(fault.reason for fault in faults)
    return {
        "reasons": {"L": [{"S": reason} for reason in reasons]},
        "faults": {"S": msgspec.json.encode(_bounded(faults)).decode()},
    }


def kept_attribute(kept: Iterable[tuple[str, int]]) -> Item:
    """Packed: times repeat from metric to metric, so that it is far smaller than the message that it speaks of."""
    times: dict[str, list[int]] = {}
    for metric, ts in sorted(kept):
        times.setdefault(metric, []).append(ts)
    return {"B": compress(msgspec.json.encode(times))}


def kept_of(item: Item) -> frozenset[tuple[str, int]]:
    if "kept" not in item:
        return frozenset()
    times = _kept.decode(decompress(bytes(item["kept"]["B"])))
    return frozenset((metric, ts) for metric, some in times.items() for ts in some)


def replay_attribute(replay: Replay) -> Item:
    return {"S": msgspec.json.encode(replay).decode()}


def _bounded(faults: tuple[Fault, ...]) -> list[Fault]:
    """As many as there is room for, among them the first of each reason."""
    firsts: dict[str, Fault] = {}
    for fault in faults:
        firsts.setdefault(fault.reason, fault)
    others = [fault for fault in faults if firsts[fault.reason] is not fault]
    return [
        msgspec.structs.replace(fault, detail=fault.detail[:_DETAIL_CHARS])
        for fault in [*firsts.values(), *others][:MAX_FAULTS]
    ]


def entry_of(item: Item) -> Quarantined:
    return Quarantined(
        id=_id(item),
        received_at=int(item["received_at"]["N"]),
        raw=bytes(item["raw"]["B"]),
        size=int(item["bytes"]["N"]),
        truncated=item["truncated"]["BOOL"],
        faults=_faults.decode(item["faults"]["S"]),
        # Of an older release's entry it is not known; what was no telemetry cannot be read as such either.
        origin=item.get("origin", {"S": "telemetry"})["S"],
        replay=_replay.decode(item["replay"]["S"]) if "replay" in item else None,
    )


def notice_of(item: Item) -> QuarantineNotice:
    return QuarantineNotice(
        thing=item["thing"]["S"],
        id=_id(item),
        received_at=int(item["received_at"]["N"]),
        reasons=tuple(reason["S"] for reason in item["reasons"]["L"]),
        size=int(item["bytes"]["N"]),
    )


def _id(item: Item) -> str:
    received_at, _, digest = str(item["sk"]["S"]).partition("#")
    return entry_id(int(received_at), digest)
