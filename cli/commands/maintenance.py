"""maintenance: times in which nobody is told of some devices' alarms, and nothing is done about them."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.commands.listing import print_list
from cli.commands.options import JsonOption, ProfileOption, duration_of, instant_of, signed_in
from cli.errors import InputError
from cli.output import print_fields, print_json, print_line
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import printable, shown, until

app = typer.Typer(no_args_is_help=True, help="Have nobody told of alarms while somebody works on the devices.")

_LARGEST_PAGE = 100
_For = Annotated[str | None, typer.Option("--for", metavar="DURATION", help="How long it holds, at most 31d.")]
_To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Until when: 2026-07-01T18:00:00Z, or +2h.")]
_From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="From when, spelled alike; now if absent.")]
_Window = Annotated[str, typer.Argument(metavar="WINDOW", help="The window's id, as `list` shows it.")]


@app.command("list")
def list_windows(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over, newest first.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The most windows to list.")] = 100,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List the windows that are not over, the first to end first.

    Example: fieldline maintenance list --all
    """
    params = [("state", "all" if everything else "ahead")]
    with signed_in(profile) as api:
        pages = list(api.pages("/maintenance", params, limit, largest=_LARGEST_PAGE))
    now = wall_clock_ms()

    def row(item: dict[str, Any]) -> list[str]:
        return [
            printable(item["id"]),
            printable(item["state"]),
            printable(item["scope"]),
            until(item["from"], now),
            until(item["to"], now),
            printable(item["reason"]),
            printable(item["by"]["name"]),
        ]

    columns = ["Window", "Is", "Scope", "From", "To", "Reason", "By"]
    print_list(pages, columns, row, as_json=as_json, limit=limit, what="windows")


@app.command("show")
def show(window: _Window, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show a window.

    Example: fieldline maintenance show 01KAV9FT000000000000000000
    """
    with signed_in(profile) as api:
        document = api.get(_path(window))
    _print(document, as_json=as_json)


@app.command("create")
def create(
    scope: Annotated[str, typer.Argument(metavar="SCOPE", help="*, group:PATH or device:ID.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="What is done meanwhile: a person reads it.")],
    lasts: _For = None,
    to: _To = None,
    start: _From = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Have nobody told and nothing done about the alarms of some devices. The alarms themselves are kept.

    Example: fieldline maintenance create group:plant-1/line-2 --for 2h --reason 'Change of filters'
    """
    if (lasts is None) == (to is None):
        raise InputError("Give either --for or --to.")
    now = wall_clock_ms()
    begin = None if start is None else _instant("--from", start, now)
    end = (begin or now) + duration_of("--for", lasts) if lasts is not None else _instant("--to", to or "", now)
    with signed_in(profile) as api:
        made = api.create("/maintenance", {"scope": scope, "from": begin, "to": end, "reason": reason})
    _print(made, as_json=as_json)


@app.command("end")
def end_window(window: _Window, *, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """End a window now. One that has not begun never does.

    Example: fieldline maintenance end 01KAV9FT000000000000000000
    """
    with signed_in(profile) as api:
        api.change("DELETE", _path(window))
    print_line(printable(f"Ended {window}."))


def _path(window: str) -> str:
    return f"/maintenance/{quote(window, safe='')}"


def _instant(option: str, text: str, now: int) -> int:
    return now + duration_of(option, text[1:]) if text.startswith("+") else instant_of(option, text, now)


def _print(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    now = wall_clock_ms()

    def field(name: str, value: Any) -> str:
        if name in {"from", "to", "created_at"} and isinstance(value, int):
            return until(value, now)
        return printable(value["name"]) if isinstance(value, dict) else shown(value)

    print_fields((printable(name), field(name, value)) for name, value in document.items())
