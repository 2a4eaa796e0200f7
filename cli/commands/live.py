"""live watch: what devices do, as it happens."""

import json
from typing import Annotated, Any

import typer

from cli.commands.options import ProfileOption, checked, duration_of, signed_in
from cli.errors import InputError
from cli.live import Watch
from cli.live_reading import Event, Wanted
from cli.output import note, print_line
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import printable, shown
from contract.identity import parse_command_id, parse_group, parse_thing

_MOST = 100

app = typer.Typer(no_args_is_help=True, help="Watch devices as they work.")


@app.callback()
def live() -> None:
    """Watch devices as they work."""


@app.command("watch")
def watch(
    *,
    device: Annotated[list[str] | None, typer.Option("--device", "-d", metavar="ID", help="This device.")] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", "-g", metavar="PATH", help="All devices in this group and below.")
    ] = None,
    command: Annotated[
        list[str] | None, typer.Option("--command", "-c", metavar="DEVICE/ID", help="The progress of this command.")
    ] = None,
    alarms: Annotated[
        bool, typer.Option("--alarms", help="Alarms of all devices that you may see, and nothing else of them.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="All that you may see.")] = False,
    for_: Annotated[str | None, typer.Option("--for", metavar="DURATION", help="End after so long.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as a line of JSON.")] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Show values, presence, state, commands and alarms as they change, until Ctrl-C.

    It connects again by itself and reads by REST what a gap has cost. With --command alone it ends with the command.

    Example: fieldline live watch --device press-4

    Example: fieldline live watch --group plant-1/line-2 --for 10m --json

    Example: fieldline live watch --command press-4/01JD4Q8Z

    Example: fieldline live watch --alarms
    """
    wanted = Wanted(
        devices=tuple(dict.fromkeys(checked(parse_thing, one) for one in device or ())),
        groups=tuple(dict.fromkeys(checked(parse_group, one) for one in group or ())),
        commands=tuple(dict.fromkeys(_command(one) for one in command or ())),
        everything=everything,
        alarms=alarms,
    )
    count = len(wanted.devices) + len(wanted.groups) + len(wanted.commands) + wanted.everything + wanted.alarms
    if not count:
        raise InputError("Say what to watch: --device, --group, --command, --alarms or --all.")
    if count > _MOST:
        raise InputError(f"Watch at most {_MOST} devices, groups and commands at once; got {count}. Name a group.")
    until_ms = None if for_ is None else wall_clock_ms() + duration_of("--for", for_)
    with signed_in(profile) as api:
        try:
            for event in Watch(api, wanted, say=note).events(until_ms):
                for line in [_json(event)] if as_json else lines(event):
                    print_line(line, flush=True)
        except KeyboardInterrupt:
            return


def lines(event: Event) -> list[str]:
    """An event as people read it: when, which device, what."""
    data: dict[str, Any] = event.get("data") or {}
    device = event["device"]
    match event["kind"]:
        case "latest":
            return [
                _line(one["ts"], device, metric, shown(one["value"]), "" if one["q"] == "good" else one["q"])
                for metric, one in sorted(data.items())
            ]
        case "command":
            detail = data.get("reason") or data.get("progress") or data.get("result")
            name = data.get("name") or event["command"]
            return [_line(event["at"], device, name, data.get("status"), "" if detail is None else shown(detail))]
        case "alarm" if data:
            told = data.get("message") or data.get("title")
            seen = "seen" if data.get("acknowledged") else ""
            return [_line(event["at"], event["alarm"], data.get("severity"), data.get("state"), told, seen)]
        case kind:
            told = "read it with the API" if event.get("truncated") else shown(data)
            return [_line(event["at"], device, kind, told)]


def _line(ts: int, *cells: Any) -> str:
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(ts / 1000, UTC).strftime("%H:%M:%S")
    return "  ".join([moment, *(printable(str(cell)) for cell in cells if cell not in {None, ""})])


def _json(event: Event) -> str:
    """One line, in which no terminal finds a command."""
    return json.dumps(event, separators=(",", ":")).replace("\x7f", "\\u007f")


def _command(text: str) -> tuple[str, str]:
    device, slash, command = text.partition("/")
    if not slash:
        raise InputError(f"--command: expected DEVICE/ID, such as press-4/01JD4Q8Z; got {text!r}.")
    return checked(parse_thing, device), checked(parse_command_id, command)
