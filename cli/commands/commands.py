"""commands: have a device do something, follow it to its end, take it back; the same for many devices."""

import json
import time
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.api import Api
from cli.commands.listing import print_list
from cli.commands.options import JsonOption, ProfileOption, assignment, checked, device_path, signed_in
from cli.durations import DurationError, parse_duration
from cli.errors import InputError
from cli.output import console, print_fields, print_heading, print_json, print_line, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown, until
from contract.identity import parse_command_id, parse_group, parse_thing

EXIT_CODES = {"SUCCEEDED": 0, "FAILED": 20, "REJECTED": 21, "TIMED_OUT": 22, "EXPIRED": 23, "CANCELLED": 24}
"""How `follow` ends, by the command's last status."""
BULK_EXIT = 25
"""… and for a bulk in which some devices did not succeed."""
_POLL_S = 1.0

app = typer.Typer(no_args_is_help=True, help="Have devices do something, and follow what becomes of it.")
bulk = typer.Typer(no_args_is_help=True, help="One command for many devices, each with a result of its own.")
app.add_typer(bulk, name="bulk")

_Device = Annotated[str, typer.Argument(metavar="ID", help="The device's id, its AWS IoT thing name.")]
_Command = Annotated[str, typer.Argument(metavar="COMMAND", help="The command's id, as `send` and `list` show it.")]
_Bulk = Annotated[str, typer.Argument(metavar="BULK", help="The bulk's id, as `bulk send` shows it.")]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="An actuator of the device's model, such as relay.")]
_Values = Annotated[
    list[str] | None, typer.Argument(metavar="PARAMETER=VALUE...", help="Such as on=true; values are JSON or text.")
]
_Expires = Annotated[
    str, typer.Option("--expires", metavar="DURATION", help="To be delivered within: at most 24h, else it never acts.")
]
_Timeout = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="To be done within, from its delivery: at most 15m.")
]
_Follow = Annotated[bool, typer.Option("--follow", "-f", help="Stay until it has ended, and exit as `follow` does.")]
_ENDS = "Exit codes: 0 SUCCEEDED, 20 FAILED, 21 REJECTED, 22 TIMED_OUT, 23 EXPIRED, 24 CANCELLED."


@app.command("send", epilog=_ENDS)
def send(
    device: _Device,
    name: _Name,
    values: _Values = None,
    *,
    expires: _Expires = "60s",
    timeout: _Timeout = "2m",
    follow: _Follow = False,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Send a device a command. One that is offline gets it when it is back, unless it has expired.

    Example: fieldline commands send press-4 relay on=true for_s=30 --follow
    """
    asked = _asked(name, values, expires, timeout)
    with signed_in(profile) as api:
        document = api.create(f"{device_path(device)}/commands", asked)
        if follow:
            _follow(api, device, document, as_json=as_json)
    _print_command(document, as_json=as_json)


@app.command("list")
def list_commands(
    device: _Device,
    *,
    status: Annotated[str, typer.Option("--status", help="open, all, or a status such as FAILED.")] = "all",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The most commands to list.")] = 20,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List a device's commands, newest first.

    Example: fieldline commands list press-4 --status open
    """
    wanted = status if status in {"open", "all"} else status.upper()
    with signed_in(profile) as api:
        pages = list(api.pages(f"{device_path(device)}/commands", [("status", wanted)], limit, largest=100))
    now = wall_clock_ms()

    def row(item: dict[str, Any]) -> list[str]:
        return [
            printable(item["id"]),
            printable(item["name"]),
            printable(json.dumps(item["parameters"], ensure_ascii=False)),
            printable(item["status"]),
            age(item["created_at"], now),
            printable(item["by"]["name"]),
        ]

    columns = ["Command", "Name", "Parameters", "Status", "Sent", "By"]
    print_list(pages, columns, row, as_json=as_json, limit=limit, what="commands")


@app.command("show")
def show(
    device: _Device, command: _Command, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE
) -> None:
    """Show a command with every step and every attempt to send it.

    Example: fieldline commands show press-4 01KAV9FT000000000000000000
    """
    with signed_in(profile) as api:
        document = api.get(_command_path(device, command))
    _print_command(document, as_json=as_json)


@app.command("follow", epilog=_ENDS)
def follow_command(
    device: _Device, command: _Command, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE
) -> None:
    """Show each step of a command as it comes, until it has ended. The exit code tells how.

    Example: fieldline commands follow press-4 01KAV9FT000000000000000000
    """
    with signed_in(profile) as api:
        _follow(api, device, api.get(_command_path(device, command)), as_json=as_json)


@app.command("cancel")
def cancel(
    device: _Device, command: _Command, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE
) -> None:
    """Take a command back. Exit code 9: it was sent already, and only the device knows what it does.

    Example: fieldline commands cancel press-4 01KAV9FT000000000000000000
    """
    with signed_in(profile) as api:
        document = api.change("POST", f"{_command_path(device, command)}/cancel")
    _print_command(document, as_json=as_json)


@bulk.command("send", epilog="Exit codes with --follow: 0 every device succeeded, 25 some did not.")
def send_bulk(
    name: _Name,
    values: _Values = None,
    *,
    group: Annotated[str | None, typer.Option("--group", "-g", help="Devices of this group and those below.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Devices of this model.")] = None,
    device: Annotated[
        list[str] | None, typer.Option("--device", "-d", help="This device; may be given up to 1000 times.")
    ] = None,
    expires: _Expires = "60s",
    timeout: _Timeout = "2m",
    follow: _Follow = False,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Send the same command to many devices: by name, or all of a group, of a model, or of both.

    Example: fieldline commands bulk send relay on=false --group plant-1/line-2 --follow
    """
    asked = _asked(name, values, expires, timeout)
    if device:
        asked["devices"] = [checked(parse_thing, one) for one in device]
    if group is not None:
        asked["group"] = checked(parse_group, group)
    if model is not None:
        asked["model"] = model
    with signed_in(profile) as api:
        document = api.create("/commands/bulk", asked)
        if follow:
            _follow_bulk(api, document, as_json=as_json)
    _print_bulk(document, as_json=as_json)


@bulk.command("show")
def show_bulk(bulk: _Bulk, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show how far a bulk is.

    Example: fieldline commands bulk show 01KAV9FT000000000000000000
    """
    with signed_in(profile) as api:
        document = api.get(_bulk_path(bulk))
    _print_bulk(document, as_json=as_json)


@bulk.command("devices")
def bulk_devices(
    bulk: _Bulk,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="The most devices to list.")] = 1000,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List what became of each device.

    Example: fieldline commands bulk devices 01KAV9FT000000000000000000 --json
    """
    with signed_in(profile) as api:
        pages = list(api.pages(f"{_bulk_path(bulk)}/devices", (), limit))
    columns = {"Device": "device", "Status": "status", "Command": "command", "Problem": "problem"}

    def row(item: dict[str, Any]) -> list[str]:
        return [shown(item[key]) for key in columns.values()]

    print_list(pages, list(columns), row, as_json=as_json, limit=limit, what="devices")


@bulk.command("follow", epilog="Exit codes: 0 every device succeeded, 25 some did not.")
def follow_bulk(bulk: _Bulk, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show a bulk's progress until every device has ended.

    Example: fieldline commands bulk follow 01KAV9FT000000000000000000
    """
    with signed_in(profile) as api:
        _follow_bulk(api, api.get(_bulk_path(bulk)), as_json=as_json)


@bulk.command("cancel")
def cancel_bulk(bulk: _Bulk, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Stop a bulk: no device more, and what was not sent is taken back.

    Example: fieldline commands bulk cancel 01KAV9FT000000000000000000
    """
    with signed_in(profile) as api:
        document = api.change("POST", f"{_bulk_path(bulk)}/cancel")
    _print_bulk(document, as_json=as_json)


def _follow(api: Api, device: str, document: dict[str, Any], *, as_json: bool) -> None:
    """Ends the process with the code of the last status."""
    path, told = _command_path(device, document["id"]), 0
    while True:
        if not as_json:
            for step in document["steps"][told:]:
                print_line(_step(step))
        told = len(document["steps"])
        if document["status"] in EXIT_CODES:
            break
        time.sleep(_POLL_S)
        document = api.get(path)
    if as_json:
        print_json(document)
    elif document["result"] is not None:
        print_line(printable(json.dumps(document["result"], ensure_ascii=False)))
    raise typer.Exit(EXIT_CODES[document["status"]])


def _follow_bulk(api: Api, document: dict[str, Any], *, as_json: bool) -> None:
    last = document
    for state in _progress(api, document):
        last = state
    _print_bulk(last, as_json=as_json)
    counts = last["counts"]
    raise typer.Exit(0 if counts["by_status"].get("SUCCEEDED", 0) == counts["devices"] else BULK_EXIT)


def _progress(api: Api, document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each state of a bulk until it has ended, under a bar on standard error."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    path = _bulk_path(document["id"])
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True)) as bar:
        task = bar.add_task("devices", total=None)
        while True:
            counts = document["counts"]
            bar.update(task, total=counts["devices"] or None, completed=counts["done"])
            yield document
            if document["stage"] != "sending" and counts["done"] == counts["devices"]:
                return
            time.sleep(_POLL_S)
            document = api.get(path)


def _print_command(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    now = wall_clock_ms()
    late = next((step for step in document["steps"] if step["late"]), None)
    fields = [
        ("command", printable(document["id"])),
        ("device", printable(document["device"])),
        ("name", printable(document["name"])),
        ("parameters", shown(document["parameters"])),
        ("status", printable(document["status"]) + (", late" if late else "")),
        ("reason", shown(document["reason"])),
        ("result", shown(document["result"])),
        ("sent by", f"{printable(document['by']['name'])}, {age(document['created_at'], now)}"),
        ("expires", until(document["expires_at"], now)),
    ]
    print_fields(fields)
    print_heading("steps")
    for step in document["steps"]:
        print_line(_step(step))
    if document["attempts"]:
        print_heading(f"attempts to send it: {document['attempted']}")
        rows = ([_moment(one["at"]), printable(one["outcome"]), shown(one["note"])] for one in document["attempts"])
        print_table(["Time", "Outcome", "Note"], rows)


def _print_bulk(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    counts, now = document["counts"], wall_clock_ms()
    fields = [
        ("bulk", printable(document["id"])),
        ("name", printable(document["name"])),
        ("parameters", shown(document["parameters"])),
        ("to", shown({key: value for key, value in document["selection"].items() if value is not None})),
        ("stage", printable(document["stage"])),
        ("sent by", f"{printable(document['by']['name'])}, {age(document['created_at'], now)}"),
        ("devices", str(counts["devices"])),
        ("done", str(counts["done"])),
        ("refused", str(counts["refused"])),
    ]
    print_fields([*fields, *((name, str(count)) for name, count in counts["by_status"].items())])


def _step(step: dict[str, Any]) -> str:
    marks = [name for name, there in (("late", step["late"]), ("changes nothing", not step["moved"])) if there]
    text = f"{_moment(step['received_at'])}  {printable(step['status']):<12}{printable(step['source'])}"
    extra = [*marks, *([printable(step["note"])] if step["note"] else [])]
    return f"{text}  {', '.join(extra)}".rstrip()


def _moment(ms: int) -> str:
    whole, part = divmod(ms, 1000)
    return f"{time.strftime('%H:%M:%S', time.localtime(whole))}.{part:03d}"


def _asked(name: str, values: list[str] | None, expires: str, timeout: str) -> dict[str, Any]:
    return {
        "name": name,
        "parameters": dict(assignment(text, "PARAMETER=VALUE such as on=true") for text in values or ()),
        "expires_in_s": _seconds("--expires", expires),
        "timeout_s": _seconds("--timeout", timeout),
    }


def _seconds(option: str, text: str) -> int:
    try:
        return -(-parse_duration(text) // 1000)
    except DurationError as exc:
        raise InputError(f"{option}: {exc}.") from exc


def _command_path(device: str, command: str) -> str:
    return f"{device_path(device)}/commands/{quote(checked(parse_command_id, command), safe='')}"


def _bulk_path(identifier: str) -> str:
    return f"/commands/bulk/{quote(checked(parse_command_id, identifier), safe='')}"
