"""quarantine list, quarantine show: what could not be kept, over the fleet and by entry."""

import sys
from base64 import b64decode
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.commands.devices import LimitOption
from cli.commands.listing import print_list
from cli.commands.options import DeviceArgument, JsonOption, ProfileOption, device_path, signed_in
from cli.durations import format_instant
from cli.output import print_fields, print_json, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown

app = typer.Typer(no_args_is_help=True, help="Look at messages that could not be kept, and why.")

_LARGEST = 100


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
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="The entry's id, as the lists tell it.")],
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
            ("message", printable(b64decode(document["raw"]).decode(errors="backslashreplace"))),
        ]
    )
    print_table(["Reason", "Metric", "Time", "Detail"], map(_fault, document["faults"]))


def _fault(fault: dict[str, Any]) -> list[str]:
    at = fault.get("ts")
    time = format_instant(at) if at is not None else shown(None)
    return [printable(fault["reason"]), shown(fault.get("metric")), time, printable(fault["detail"])]
