"""rules why ALARM and rules explain DEVICE RULE: the traces of rules, as trees."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.commands.options import DeviceArgument, JsonOption, ProfileOption, checked, device_path, signed_in
from cli.durations import DurationError, format_instant, parse_instant
from cli.errors import InputError
from cli.output import console, note, print_heading, print_json, print_line
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import printable, shown
from contract.identity import parse_alarm
from contract.traces import lines

_MARKS = {"true": ("✓", "green"), "false": ("✗", "red"), "unknown": ("?", "yellow")}
_OUTLOOKS = {
    "active": "has fired",
    "waiting": "has not fired yet: a condition must hold for longer",
    "inactive": "has not fired",
    "unknown": "has not fired: something is unknown",
    "refused": "does not run: the device has no room for more rules",
    "disabled": "is disabled",
}


def why(
    alarm: Annotated[str, typer.Argument(metavar="ALARM", help="Its id, for example pump-7.42.")],
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="The most steps of its history.")] = 50,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Show why an alarm was raised, changed and cleared: what its rule saw at each of its transitions.

    Example: fieldline rules why pump-7.42
    """
    with signed_in(profile) as api:
        document = api.get(f"/alarms/{checked(parse_alarm, alarm)}", [("limit", str(limit))])
    if as_json:
        print_json(document)
        return
    rule, version = printable(str(document.get("rule"))), document.get("rule_version")
    print_line(f"{printable(str(document.get('title')))}: {shown(document.get('message'))}")
    print_line(f"rule {rule} on {printable(str(document.get('device')))}")
    found = [one for one in reversed(document.get("history") or []) if isinstance(one.get("transition"), dict)]
    for step in found:
        transition = step["transition"]
        at = transition["at"]
        clearing = f" ({_words(transition.get('clearing'))})" if transition.get("clearing") else ""
        print_heading(
            f"{format_instant(at)} {_words(step.get('kind'))}{clearing}, {transition.get('severity')}, "
            f"rule version {transition.get('rule_version', version)}"
        )
        if transition.get("why"):
            print_tree(transition["why"], at)
        else:
            print_line("no trace: nothing that the rule saw decided it")
    if document.get("cursor"):
        note("There is more of its history: raise --limit.")


def explain(
    device: DeviceArgument,
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Its id; MODEL:KEY of one that a model brings along.")],
    *,
    at: Annotated[
        str | None, typer.Option("--at", help="When: a duration ago (2h) or a time, by what is stored; now if absent.")
    ] = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Show how a rule stands on a device, and why it has fired or has not.

    Now, it is what the rule itself remembers. At an earlier time the stored telemetry is gone through anew, with the
    device's tags as they are now and without knowing when it was connected.

    Example: fieldline rules explain cold-1 too-warm

    Example: fieldline rules explain cold-1 too-warm --at 2026-01-31T08:00:00Z
    """
    query = []
    if at is not None:
        try:
            query = [("at", str(parse_instant(at, wall_clock_ms())))]
        except DurationError as exc:
            raise InputError(f"--at: {exc}.") from exc
    with signed_in(profile) as api:
        document = api.get(f"{device_path(device)}/rules/{quote(rule, safe=':')}/explain", query)
    if as_json:
        print_json(document)
        return
    outlook = str(document.get("outlook"))
    since = document.get("since")
    alarm = f", alarm {printable(document['alarm'])}" if document.get("alarm") else ""
    for_ = f" at {format_instant(since)}{alarm}" if isinstance(since, int) else ""
    when = document.get("at")
    stood = f"{format_instant(when)}: " if isinstance(when, int) else ""
    print_line(f"{stood}{printable(rule)} (version {document.get('version')}) {_OUTLOOKS.get(outlook, outlook)}{for_}")
    for reason in document.get("reasons", ()):
        print_line(f"  because {printable(reason)}")
    for band in document.get("bands", ()):
        fired = "has fired" if band.get("fired") else "has not fired"
        print_heading(f"{band.get('severity')}: {fired}")
        print_tree(band["when"], when or 0)
        if band.get("clear"):
            print_line("clears when:")
            print_tree(band["clear"], when or 0)


def print_tree(trace: Mapping[str, Any], at: int) -> None:
    """Each part on a line of its own, with its verdict before it."""
    out = console()
    for line in lines(trace, at):
        mark, colour = _MARKS.get(line.verdict, _MARKS["unknown"])
        out.print(f"{'  ' * line.depth}{mark} {printable(line.text)}", style=colour, soft_wrap=True)


def _words(text: Any) -> str:
    return printable(str(text)).replace("_", " ")
