"""deliveries: what was done about alarms, each attempt at it, and trying again what failed."""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.commands.alarms import alarm_path
from cli.commands.listing import print_list
from cli.commands.options import JsonOption, ProfileOption, signed_in
from cli.errors import InputError
from cli.output import print_fields, print_heading, print_json, print_line, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown, until

app = typer.Typer(no_args_is_help=True, help="See whom alarms were told and what was done, and try again what failed.")

_LARGEST_PAGE = 100
_Delivery = Annotated[str, typer.Argument(metavar="DELIVERY", help="The delivery's id, as `list` shows it.")]


@app.command("list")
def list_deliveries(
    *,
    alarm: Annotated[str | None, typer.Option("--alarm", help="Of this alarm, such as press-4.42.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="pending, delivered, failed, muted or digested.")] = None,
    recipient: Annotated[str | None, typer.Option("--recipient", "-r", help="To this recipient.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The most deliveries to list.")] = 50,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List what was done about alarms, newest first.

    Example: fieldline deliveries list --state failed

    Example: fieldline deliveries list --alarm press-4.42
    """
    if alarm is not None and (state is not None or recipient is not None):
        raise InputError("--alarm: expected without --state and --recipient; got both.")
    path = "/deliveries" if alarm is None else f"{alarm_path(alarm)}/deliveries"
    asked = {"state": state and state.upper(), "recipient": recipient}
    params = [(name, value) for name, value in asked.items() if value]
    with signed_in(profile) as api:
        pages = list(api.pages(path, params, limit, largest=_LARGEST_PAGE))
    now = wall_clock_ms()

    def row(item: dict[str, Any]) -> list[str]:
        return [
            printable(item["state"]),
            shown(item["reason"]),
            _what(item),
            shown(item["alarm"]),
            shown(item["moment"]),
            age(item["created_at"], now),
            str(item["attempt_count"]),
            printable(item["id"]),
        ]

    columns = ["State", "Why", "What", "Alarm", "Moment", "Planned", "Tries", "Delivery"]
    print_list(pages, columns, row, as_json=as_json, limit=limit, what="deliveries", right=["Tries"])


@app.command("show")
def show(delivery: _Delivery, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show a delivery with every attempt at it.

    Example: fieldline deliveries show press-4.42.0.1f2e3d4c5b6a79880f1e2d3c
    """
    with signed_in(profile) as api:
        document = api.get(_path(delivery))
    if as_json:
        print_json(document)
        return
    # An older API knows of no waits.
    attempts, waits = document.pop("attempts"), document.pop("waits", ())
    _print(document)
    now = wall_clock_ms()
    if waits:
        print_heading("waits")
        print_table(
            ["Since", "Why", "Note"],
            ([age(one["at"], now), printable(one["reason"]), shown(one["note"])] for one in waits),
        )
    if attempts:
        print_heading("attempts")
        rows = (
            [
                str(one["number"]),
                age(one["at"], now),
                printable(one["outcome"]),
                shown(one["status"]),
                shown(one["note"]),
            ]
            for one in attempts
        )
        print_table(["No.", "At", "Outcome", "Status", "Note"], rows, right=["No."])


@app.command("replay")
def replay(delivery: _Delivery, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Try one that failed anew. Its id stays: a receiver that has it already takes it for the same.

    Example: fieldline deliveries replay press-4.42.0.1f2e3d4c5b6a79880f1e2d3c
    """
    with signed_in(profile) as api:
        document = api.change("POST", f"{_path(delivery)}/replay")
    if as_json:
        print_json(document)
        return
    print_line(printable(f"It is tried again. What becomes of it: fieldline deliveries show {document['id']}"))


def _path(delivery: str) -> str:
    return f"/deliveries/{quote(delivery, safe='')}"


def _what(item: dict[str, Any]) -> str:
    match item["kind"]:
        case "command":
            return printable(f"command {item['actuator']} {json.dumps(item['parameters'], ensure_ascii=False)}")
        case "desire":
            return printable(f"desire {json.dumps(item['desired'], ensure_ascii=False)}")
        case "escalation":
            return printable(f"escalate to {', '.join(item['recipients'] or ())}")
        case "notice":
            return printable(f"tell {item['recipient']}")
    return printable(f"{item['kind']} to {item['recipient']}")


def _print(document: dict[str, Any]) -> None:
    now = wall_clock_ms()

    def field(name: str, value: Any) -> str:
        if name.endswith("_at") and isinstance(value, int):
            return until(value, now) if name == "next_at" else age(value, now)
        return shown(value)

    print_fields((printable(name), field(name, value)) for name, value in document.items() if value is not None)
