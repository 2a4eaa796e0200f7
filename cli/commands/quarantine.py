"""quarantine list, show, replay: what could not be kept, over the fleet and by entry, and having it taken up again."""

import sys
from base64 import b64decode
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.commands.devices import LimitOption
from cli.commands.listing import print_list
from cli.commands.options import DeviceArgument, JsonOption, ProfileOption, checked, device_path, signed_in
from cli.durations import format_instant
from cli.errors import InputError
from cli.output import note, print_fields, print_json, print_line, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown
from contract.identity import parse_thing

app = typer.Typer(no_args_is_help=True, help="Look at messages that could not be kept, and replay them.")

_LARGEST = 100
_AT_ONCE = 50
_EntryArgument = Annotated[str, typer.Argument(metavar="ENTRY", help="The entry's id, as the lists tell it.")]


@app.command("list")
def list_day(
    *,
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The UTC day of receipt; today if absent.")
    ] = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List what was quarantined in a day over the whole fleet, newest first.

    `fieldline devices quarantine ID` lists one device's, of all days.

    Example: fieldline quarantine list --day 2026-03-01
    """
    today = datetime.fromtimestamp(wall_clock_ms() / 1000, UTC).date().isoformat()
    with signed_in(profile) as api:
        pages = list(api.pages("/quarantine", [("day", day or today)], limit, largest=_LARGEST))
    now = wall_clock_ms()

    def row(one: dict[str, Any]) -> list[str]:
        received = age(one["received_at"], now)
        return [received, printable(one["device"]), shown(one["reasons"]), shown(one["bytes"]), printable(one["id"])]

    columns = ["Received", "Device", "Reasons", "Bytes", "Entry"]
    print_list(pages, columns, row, as_json=as_json, limit=limit, what="entries", right=["Bytes"])


@app.command("show")
def show_entry(
    device: DeviceArgument,
    entry: _EntryArgument,
    *,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write the message's bytes as they came, and nothing else.")
    ] = False,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Show one quarantined message: everything that was wrong with it, and its bytes.

    Example: fieldline quarantine show press-4 1764000000000-5f3a --raw
    """
    with signed_in(profile) as api:
        document = api.get(f"{device_path(device)}/quarantine/{quote(entry, safe='')}")
    if raw:
        sys.stdout.buffer.write(b64decode(document["raw"]))
        return
    if as_json:
        print_json(document)
        return
    kept = ", of which the beginning was kept" if document["truncated"] else ""
    print_fields(
        [
            ("received", age(document["received_at"], wall_clock_ms())),
            ("reasons", shown(document["reasons"])),
            ("bytes", f"{document['bytes']}{kept}"),
            ("replay", replay_of(document, wall_clock_ms())),
            ("message", printable(b64decode(document["raw"]).decode(errors="backslashreplace"))),
        ]
    )
    print_table(["Reason", "Metric", "Time", "Detail"], map(_fault, document["faults"]))


@app.command("replay")
def replay(
    device: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The device's id; of all devices where --day stands alone.")
    ] = None,
    entry: Annotated[
        str | None, typer.Argument(metavar="[ENTRY]", help="One entry's id; all of the device's if absent.")
    ] = None,
    *,
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Only what was received on this UTC day.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Only entries with this reason, for example out_of_range.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="The most entries to look at.")] = 1000,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Have messages assessed again once their model is mended: what it accepts now is stored, once.

    What becomes of each stands on its entry some seconds later. No replay fires a rule.

    Example: fieldline quarantine replay press-4 --reason out_of_range

    Example: fieldline quarantine replay press-4 1764000000000-5f3a

    Example: fieldline quarantine replay --day 2026-03-01
    """
    if entry is not None and device is not None:
        with signed_in(profile) as api:
            document = api.change("POST", f"{device_path(device)}/quarantine/{quote(entry, safe='')}/replay")
        if as_json:
            print_json(document)
        else:
            print_line(f"Queued {printable(entry)}; `fieldline quarantine show` tells what became of it.")
        return
    if device is None and day is None:
        raise InputError("Say what to replay: a device, one of its entries, or a --day.")
    wanted: dict[str, Any] = {"device": None if device is None else checked(parse_thing, device)}
    wanted |= {"day": day, "reason": reason}
    done = _replayed(profile, wanted, limit)
    if as_json:
        print_json(done)
        return
    skipped = done["skipped"]
    print_line(f"Queued {len(done['queued'])} entries, passed over {len(skipped)}.")
    if skipped:
        rows = ([printable(one["device"]), printable(one["entry"]), printable(one["why"])] for one in skipped)
        print_table(["Device", "Entry", "Why not"], rows)
    if done["cursor"]:
        note(f"There are more than {limit} entries: raise --limit to replay them.")


def _replayed(profile: str, wanted: dict[str, Any], limit: int) -> dict[str, Any]:
    """All pages as one."""
    queued: list[Any] = []
    skipped: list[Any] = []
    cursor: str | None = None
    with signed_in(profile) as api:
        while limit > 0:
            page = {**wanted, "limit": min(limit, _AT_ONCE), "cursor": cursor}
            begun = api.change("POST", "/quarantine/replay", page)
            queued += begun["queued"]
            skipped += begun["skipped"]
            limit -= page["limit"]
            cursor = begun["cursor"]
            if cursor is None:
                break
    return {"queued": queued, "skipped": skipped, "cursor": cursor}


def replay_of(entry: dict[str, Any], now: int) -> str:
    """What became of an entry's last replay, in a line."""
    done = entry.get("replay")
    if not done:
        return shown(None)
    points = f", {done['points']} points stored" if done["points"] else ""
    return f"{shown(done['outcome'])}{points}, asked for {age(done['at'], now)} by {printable(done['name'])}"


def _fault(fault: dict[str, Any]) -> list[str]:
    at = fault.get("ts")
    time = format_instant(at) if at is not None else shown(None)
    return [printable(fault["reason"]), shown(fault.get("metric")), time, printable(fault["detail"])]
