"""alarms: what rules found, who has seen it, and what becomes of it."""

import json
import re
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.api import Api
from cli.commands.listing import print_list
from cli.commands.options import JsonOption, ProfileOption, checked, device_path, signed_in
from cli.commands.users import address_of
from cli.errors import CliError, InputError, NotAllowedError, NotFoundError
from cli.output import note, print_error, print_fields, print_heading, print_json, print_line
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import age, printable, shown
from contract.identity import parse_alarm, parse_group

app = typer.Typer(no_args_is_help=True, help="See what rules found, say that you saw it, and clear what is over.")

_MOST_AT_ONCE = 100
_LARGEST_PAGE = 100
_USER_ID = re.compile(r"(?:user:)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_Alarm = Annotated[str, typer.Argument(metavar="ALARM", help="The alarm's id, its device and a number: press-4.42.")]
_Alarms = Annotated[
    list[str], typer.Argument(metavar="ALARM...", help="Alarms by their ids, such as press-4.42; at most 100.")
]
_Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The most alarms to list.")]


@app.command("list")
def list_alarms(
    *,
    device: Annotated[str | None, typer.Option("--device", "-d", help="Of this device, newest first.")] = None,
    group: Annotated[str | None, typer.Option("--group", "-g", help="Of this group and those below.")] = None,
    severity: Annotated[str | None, typer.Option("--severity", help="critical, major, minor, warning or info.")] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Of this rule.")] = None,
    unseen: Annotated[bool, typer.Option("--unseen", help="That nobody has acknowledged.")] = False,
    mine: Annotated[bool, typer.Option("--mine", help="That are assigned to you.")] = False,
    cleared: Annotated[bool, typer.Option("--cleared", help="That are over, by when they were cleared.")] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DURATION", help="Cleared ones since then: 7d if absent.")
    ] = None,
    limit: _Limit = 50,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List active alarms, worst first, then newest; or those that are over.

    Example: fieldline alarms list --group plant-1 --unseen

    Example: fieldline alarms list --cleared --since 24h
    """
    asked = {
        "group": None if group is None else checked(parse_group, group),
        "severity": severity,
        "rule": rule,
        "acknowledged": "false" if unseen else None,
        "assignee": "me" if mine else None,
        "from": None if since is None else f"-{since}",
    }
    if since is not None and not cleared:
        raise InputError("--since: expected beside --cleared; got it alone.")
    given = [name for name, value in asked.items() if value is not None]
    if device is not None and given:
        raise InputError("--device: expected alone, or with --cleared and --limit; got others beside it.")
    path = "/alarms" if device is None else f"{device_path(device)}/alarms"
    params = [("state", "cleared" if cleared else "active"), *((name, str(asked[name])) for name in given)]
    with signed_in(profile) as api:
        pages = list(api.pages(path, params, limit, largest=_LARGEST_PAGE))
    now = wall_clock_ms()

    def row(item: dict[str, Any]) -> list[str]:
        when = item["cleared_at"] if cleared else item["raised_at"]
        return [
            printable(item["severity"]),
            printable(item["id"]),
            printable(item["message"] or item["title"]),
            printable(item["rule"]),
            age(when, now),
            _seen(item),
            shown((item["assignee"] or {}).get("name")),
        ]

    columns = ["Severity", "Alarm", "Message", "Rule", "Cleared" if cleared else "Raised", "Seen by", "Assignee"]
    print_list(pages, columns, row, as_json=as_json, limit=limit, what="alarms")


@app.command("summary")
def summary(
    *,
    group: Annotated[str | None, typer.Option("--group", "-g", help="Of this group and those below.")] = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Count active alarms by severity, and those that nobody has acknowledged or that are nobody's.

    Example: fieldline alarms summary --group plant-1
    """
    params = [] if group is None else [("group", checked(parse_group, group))]
    with signed_in(profile) as api:
        document = api.get("/alarms/summary", params)
    if as_json:
        print_json(document)
        return
    rest = {key: document[key] for key in ("unacknowledged", "unassigned")}
    print_fields((printable(name), shown(count)) for name, count in (*document["open"].items(), *rest.items()))
    if document["capped"]:
        note("There may be more: the worst ones were counted.")


@app.command("show")
def show(alarm: _Alarm, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show an alarm with its comments and the newest steps of its history.

    Example: fieldline alarms show press-4.42
    """
    with signed_in(profile) as api:
        document = api.get(alarm_path(alarm))
    if as_json:
        print_json(document)
        return
    _print_alarm(document)
    print_heading("history, newest first")
    for step in document["history"]:
        print_line(_step(step))
    if document["cursor"]:
        note(f"There is more: fieldline alarms history {document['id']}.")


@app.command("history")
def history(
    alarm: _Alarm,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="The most steps to list.")] = 100,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List what became of an alarm, newest first: what the rule found, with its values, and what people did.

    Example: fieldline alarms history press-4.42
    """
    steps: list[dict[str, Any]] = []
    with signed_in(profile) as api:
        document, cursor = {}, None
        while len(steps) < limit:
            most = min(limit - len(steps), _LARGEST_PAGE)
            document = api.get(alarm_path(alarm), [("limit", str(most)), *([("cursor", cursor)] if cursor else [])])
            steps += document["history"]
            cursor = document["cursor"]
            if not cursor:
                break
    if as_json:
        print_json({**document, "history": steps})
        return
    for step in steps:
        print_line(_step(step))
    if cursor:
        note(f"There are more than {limit} steps: raise --limit to see them.")


@app.command("ack")
def acknowledge(alarms: _Alarms, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Say that somebody has seen these alarms. Each stays with whoever was first.

    Example: fieldline alarms ack press-4.42 oven-1.3
    """
    _change(alarms, "acknowledge", as_json=as_json, profile=profile)


@app.command("unack")
def unacknowledge(alarms: _Alarms, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Take acknowledgements back, so that these alarms are looked at again.

    Example: fieldline alarms unack press-4.42
    """
    _change(alarms, "unacknowledge", as_json=as_json, profile=profile)


@app.command("clear")
def clear(alarms: _Alarms, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Clear alarms by hand. Their rules must come true anew, and raise other alarms then.

    Example: fieldline alarms clear press-4.42
    """
    _change(alarms, "clear", as_json=as_json, profile=profile)


@app.command("assign")
def assign(
    to: Annotated[str, typer.Argument(metavar="USER", help="me, nobody, or a user's e-mail address or id.")],
    alarms: _Alarms,
    *,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Give alarms to somebody who may see them. Naming him by e-mail takes the right to list users.

    Example: fieldline alarms assign me press-4.42

    Example: fieldline alarms assign nobody press-4.42 press-4.43
    """
    _change(alarms, "assign", to=to, as_json=as_json, profile=profile)


@app.command("comment")
def comment(
    alarm: _Alarm,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="At most 1000 characters.")],
    *,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Comment on an alarm.

    Example: fieldline alarms comment press-4.42 "The fan was off; switched it on."
    """
    with signed_in(profile) as api:
        document = api.create(f"{alarm_path(alarm)}/comments", {"text": text})
    if as_json:
        print_json(document)
    else:
        _print_alarm(document)


def alarm_path(alarm: str) -> str:
    """An alarm's address in the API."""
    return f"/alarms/{quote(checked(parse_alarm, alarm), safe='')}"


def _change(alarms: list[str], action: str, *, as_json: bool, profile: str, to: str | None = None) -> None:
    """Of several each by itself: those that fail are told, and the exit code is that of the first of them."""
    ids = [*dict.fromkeys(checked(parse_alarm, one) for one in alarms)]
    if len(ids) > _MOST_AT_ONCE:
        raise InputError(f"ALARM: expected at most {_MOST_AT_ONCE} alarms; got {len(ids)}.")
    with signed_in(profile) as api:
        body = {} if to is None else {"assignee": _assignee(api, to)}
        answer = api.change("POST", "/alarms/bulk", {"action": action, "alarms": ids, **body})
    items: list[dict[str, Any]] = answer["items"]
    if as_json:
        print_json(answer)
    else:
        for item in items:
            if item["alarm"] is not None:
                print_line(_line(item["alarm"]))
    wrong = [item for item in items if item["problem"] is not None]
    for item in wrong:
        print_error(f"{printable(item['id'])}: {printable(item['detail'])}")
    if wrong:
        kinds: dict[str, type[CliError]] = {"not-found": NotFoundError, "forbidden": NotAllowedError}
        raise typer.Exit(kinds.get(wrong[0]["problem"], CliError).exit_code)


def _assignee(api: Api, to: str) -> str | None:
    if to in {"me", "nobody"}:
        return "me" if to == "me" else None
    return to if _USER_ID.fullmatch(to) else address_of(api, to).removeprefix("/users/")


def _print_alarm(document: dict[str, Any]) -> None:
    now = wall_clock_ms()
    over = document["state"] == "cleared"
    fields = [
        ("alarm", printable(document["id"])),
        ("severity", printable(document["severity"]) + (", flapping" if document["flapping"] else "")),
        ("state", printable(document["state"]) + (f" ({printable(str(document['clearing']))})" if over else "")),
        ("title", printable(document["title"])),
        ("message", printable(document["message"])),
        ("device", printable(document["device"])),
        ("group", printable(document["group"]) or "-"),
        ("rule", f"{printable(document['rule'])}, version {document['rule_version']}"),
        ("raised", age(document["raised_at"], now) + (f", {document['count']} times" if document["count"] > 1 else "")),
        *([("cleared", age(document["cleared_at"], now))] if over else []),
        ("values", ", ".join(f"{name} {shown(document[name])}" for name in ("first", "last", "peak"))),
        ("seen by", _seen(document)),
        ("assignee", shown((document["assignee"] or {}).get("name"))),
    ]
    print_fields(fields)
    if document["comments"]:
        print_heading("comments")
        for one in document["comments"]:
            print_line(f"{age(one['at'], now)}, {printable(one['by']['name'])}: {printable(one['text'])}")


def _line(alarm: dict[str, Any]) -> str:
    cells = [alarm["id"], alarm["severity"], alarm["state"], alarm["title"]]
    seen = f"seen by {_seen(alarm)}" if alarm["acknowledged"] else "not seen"
    assignee = f"assigned to {printable(alarm['assignee']['name'])}" if alarm["assignee"] else ""
    return "  ".join([*(printable(str(cell)) for cell in cells), seen, *([assignee] if assignee else [])])


def _seen(alarm: dict[str, Any]) -> str:
    seen = alarm["acknowledged"]
    return "-" if seen is None else printable((seen["by"] or {}).get("name") or "somebody")


def _step(step: dict[str, Any]) -> str:
    from datetime import UTC, datetime

    found = step["transition"]
    moment = datetime.fromtimestamp((found or step)["at"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    who = "" if step["by"] is None else f"by {printable(step['by']['name'])}"
    told = [who, _told(step), "" if found is None else json.dumps(found["values"], ensure_ascii=False)]
    return "  ".join([moment, f"{printable(step['kind']):<14}", *(printable(one) for one in told if one)]).rstrip()


def _told(step: dict[str, Any]) -> str:
    if step["transition"] is not None:
        return str(step["transition"]["severity"])
    if step["kind"] == "assigned":
        return "to " + ("nobody" if step["assignee"] is None else str(step["assignee"]["name"]))
    return str(step["text"] or step["group"] or "")
