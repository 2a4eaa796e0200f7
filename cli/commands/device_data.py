"""devices summary, loss, send: sums over the fleet, what was lost of a device, and telemetry without MQTT."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.commands.devices import app
from cli.commands.options import DeviceArgument, JsonOption, ProfileOption, checked, device_path, signed_in
from cli.durations import format_instant
from cli.errors import InputError
from cli.output import print_fields, print_heading, print_json, print_line, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown
from contract.errors import ContractError
from contract.identity import parse_thing
from contract.telemetry import MAX_MESSAGE_BYTES, decode

__all__ = ["app"]

_LOSS = {"Received": "received", "Duplicates": "duplicates", "Late": "late", "Lost": "lost"}
_COUNTED = (
    *("devices", "online", "offline", "unknown", "stale"),
    *("messages", "points", "duplicates", "late", "unmodeled", "received", "lost"),
)
_REASONS = ("offline", "stale", "lossy", "quarantined")
_WORST = 10


@app.command("summary")
def summary(*, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Sum up the devices that you may see: how many, how many online, what they sent, what was lost or quarantined.

    The worst off are named, with the reason. What was received and lost is of this hour and the one before.

    Example: fieldline devices summary
    """
    sums: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    worst: list[dict[str, Any]] = []
    cursor: str | None = None
    with signed_in(profile) as api:
        while True:
            page = api.get("/fleet/summary", [("cursor", cursor)] if cursor else [])
            sums.update({name: page[name] for name in _COUNTED})
            reasons.update(page["quarantined"])
            worst += page["worst"]
            cursor = page["cursor"]
            if cursor is None:
                break
    counted = {name: sums[name] for name in _COUNTED}
    worst = sorted(worst, key=_place)[:_WORST]
    if as_json:
        print_json({**counted, "quarantined": dict(reasons), "worst": worst})
        return
    print_fields((name, shown(count)) for name, count in counted.items())
    if reasons:
        rows = ([printable(reason), shown(count)] for reason, count in sorted(reasons.items()))
        print_table(["Quarantined as", "Values"], rows, right=["Values"])
    if worst:
        now = wall_clock_ms()
        print_heading("not well")
        print_table(
            ["Device", "Group", "Why"], ([shown(one["id"]), shown(one["group"]), _why(one, now)] for one in worst)
        )


def _place(device: dict[str, Any]) -> tuple[int, int, int]:
    """As the API orders a page: by the worst trouble, then by how many there are, then the newest first."""
    troubles = device["troubles"]
    first = troubles[0]
    known = first["reason"] in _REASONS
    rank = _REASONS.index(first["reason"]) if known else len(_REASONS)
    return rank, -len(troubles), -(first["since"] or 0)


def _why(device: dict[str, Any], now: int) -> str:
    texts = []
    for one in device["troubles"]:
        count = "" if one["count"] is None else f" {one['count']}"
        since = "" if one["since"] is None else f" ({age(one['since'], now)})"
        texts.append(f"{printable(one['reason'])}{count}{since}")
    return ", ".join(texts)


@app.command("loss")
def loss(device: DeviceArgument, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show what was lost of a device's messages on the way, came late or twice: each hour of the last two days.

    Example: fieldline devices loss press-4
    """
    with signed_in(profile) as api:
        document = api.get(f"{device_path(device)}/loss")
    if as_json:
        print_json(document)
        return
    hours = [[_hour(one["hour"]), *_loss(one)] for one in document["items"]]
    columns = [*_LOSS, "Loss %"]
    print_table(["Hour (UTC)", *columns], [*hours, ["all", *_loss(document["total"])]], right=columns)


def _hour(ms: int) -> str:
    """To the minute: `2026-03-01 16:00`."""
    return format_instant(ms)[:16].replace("T", " ")


def _loss(one: dict[str, Any]) -> list[str]:
    return [*(shown(one[name]) for name in _LOSS.values()), f"{one['loss_percent']:.2f}"]


@app.command("send")
def send(
    device: DeviceArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A telemetry envelope in JSON; - is standard input.")],
    *,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Send an envelope in a device's name, as one that speaks no MQTT does with its key. For administrators.

    Example: fieldline devices send press-4 envelope.json
    """
    thing = checked(parse_thing, device)
    envelope = _envelope(file)
    with signed_in(profile) as api:
        taken = api.change("POST", "/telemetry", envelope, params=[("device", thing)])
    if as_json:
        print_json(taken)
        return
    print_line(f"Queued {taken['bytes']} bytes of {printable(taken['device'])}.")


def _envelope(file: Path) -> object:
    """As JSON, once the contract has found nothing wrong with it."""
    import msgspec

    try:
        raw = sys.stdin.buffer.read(MAX_MESSAGE_BYTES + 1) if str(file) == "-" else file.read_bytes()
        decode(raw)
    except OSError as exc:
        raise InputError(f"{file}: {exc.strerror}.") from exc
    except ContractError as exc:
        raise InputError(f"{file}: {exc}") from exc
    return msgspec.Raw(raw)
