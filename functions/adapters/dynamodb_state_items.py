"""The items of the state table, as DynamoDB has them: what is written of a device, and what is read."""

from typing import Any

import msgspec

from functions.adapters.dynamodb_device_rows import device_of
from functions.adapters.dynamodb_items import Item, attribute_value, number, value_attribute
from functions.adapters.dynamodb_pending import pending_attribute, pending_of
from functions.domain.devices import Device
from functions.domain.presence import Presence, Session, Status
from functions.domain.state import WINDOW, Boot, Counters, DeviceState, Latest
from functions.domain.status import DeviceStatus

SK = "STATE"
_sessions = msgspec.json.Decoder(tuple[Session, ...])


def state_key(thing: str) -> Item:
    return {"pk": {"S": f"DEVICE#{thing}"}, "sk": {"S": SK}}


def written(table: str, thing: str, state: DeviceState, token: str) -> dict[str, Any]:
    """The update of a state whose version is still what was read; `token` tells whose it is."""
    counters = {name: number(count) for name, count in msgspec.structs.asdict(state.counters).items()}
    sets = {
        "#version": number(state.version + 1),
        "#latest": {"M": {metric: _latest_item(latest) for metric, latest in state.latest.items()}},
        "#stream": {"L": [_boot_item(boot) for boot in state.boots]},
        "#writer": {"S": token},
    }
    found = {
        "#rules": {"B": state.rules} if state.rules else None,
        "#alarms": number(state.alarms) if state.alarms else None,
        "#armed": None if state.armed is None else number(state.armed),
        "#pending": pending_attribute(state.pending) if state.pending else None,
        "#replays": {"L": [{"S": key} for key in state.replays]} if state.replays else None,
    }
    sets |= {path: value for path, value in found.items() if value is not None}
    if state.seen_at is not None:
        sets["#seen_at"] = number(state.seen_at)
    gone = [path for path, value in found.items() if value is None]
    names = {name: name[1:] for name in (*sets, *gone, "#counters")}
    values: Item = {}
    if state.version:
        condition = "#version = :read"
        values[":read"] = number(state.version)
        # One by one, so that a counter which only another version of this code knows stays.
        sets |= {f"#counters.#{name}": count for name, count in counters.items()}
        names |= {f"#{name}": name for name in counters}
    else:
        condition = "attribute_not_exists(#version)"
        sets["#counters"] = {"M": counters}
    values |= {f":v{at}": value for at, value in enumerate(sets.values())}
    removed = f" REMOVE {', '.join(gone)}" if gone else ""
    return {
        "TableName": table,
        "Key": state_key(thing),
        "UpdateExpression": "SET " + ", ".join(f"{path} = :v{at}" for at, path in enumerate(sets)) + removed,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def state_of(item: Item) -> DeviceState:
    if "version" not in item:
        return DeviceState(presence=_settled(item), device=_device(item))
    return DeviceState(
        version=int(item["version"]["N"]),
        latest={
            metric: Latest(
                int(entry["M"]["ts"]["N"]),
                attribute_value(entry["M"]["value"]),
                entry["M"]["q"]["S"],
                entry["M"]["unmodeled"]["BOOL"],
            )
            for metric, entry in item["latest"]["M"].items()
        },
        boots=tuple(
            Boot(boot["M"]["boot"]["S"], int(boot["M"]["high"]["N"]), int.from_bytes(boot["M"]["window"]["B"], "big"))
            for boot in item["stream"]["L"]
        ),
        counters=_counters(item["counters"]["M"]),
        rules=bytes(item["rules"]["B"]) if "rules" in item else b"",
        alarms=int(item["alarms"]["N"]) if "alarms" in item else 0,
        armed=int(item["armed"]["N"]) if "armed" in item else None,
        pending=pending_of(item),
        presence=_settled(item),
        device=_device(item),
        replays=tuple(key["S"] for key in item["replays"]["L"]) if "replays" in item else (),
        seen_at=int(item["seen_at"]["N"]) if "seen_at" in item else None,
    )


def _device(item: Item) -> Device | None:
    return device_of(item["device"]["M"]) if "device" in item else None


def _counters(counts: Item) -> Counters:
    """Those that are known here: another version of this code may write others."""
    return Counters(**{name: int(counts[name]["N"]) for name in Counters.__struct_fields__ if name in counts})


def _latest_item(latest: Latest) -> Item:
    return {
        "M": {
            "ts": number(latest.ts),
            "value": value_attribute(latest.value),
            "q": {"S": latest.q},
            "unmodeled": {"BOOL": latest.unmodeled},
        }
    }


def _boot_item(boot: Boot) -> Item:
    window = {"B": boot.seen.to_bytes(WINDOW // 8, "big")}
    return {"M": {"boot": {"S": boot.boot}, "high": number(boot.high), "window": window}}


def presence_of(item: Item) -> Presence:
    if "presence" not in item:
        return Presence()
    sessions = _sessions.decode(item["presence"]["M"]["sessions"]["S"])
    return msgspec.structs.replace(_settled(item), sessions=sessions)


def _settled(item: Item) -> Presence:
    """Without the sessions: every batch reads this, and none asks for those."""
    if "presence" not in item:
        return Presence()
    known = item["presence"]["M"]
    return Presence(
        revision=int(known["revision"]["N"]),
        status=_status(known["status"]["S"]),
        since=int(known["since"]["N"]) if "since" in known else None,
        reason=known["reason"]["S"] if "reason" in known else None,
    )


def _status(text: str) -> Status:
    """Unknown also for one that only another version of this code knows."""
    return Status(text) if text in list(Status) else Status.UNKNOWN


def status_of(item: Item) -> DeviceStatus:
    agent = item.get("agent", {}).get("M")
    return DeviceStatus(
        state=state_of(item),
        presence=presence_of(item),
        quarantined=quarantine_counts(item),
        quarantined_at=int(item["quarantined_at"]["N"]) if "quarantined_at" in item else None,
        agent_version=agent["version"]["S"] if agent else None,
    )


def quarantine_counts(item: Item) -> dict[str, int]:
    counts = item.get("quarantined", {}).get("M", {})
    return {reason: int(count["N"]) for reason, count in counts.items()}
