"""rules backtest RULE: what it would have found in a device's history, beside what is installed."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.api import Api
from cli.commands.options import JsonOption, ProfileOption, checked, instant_of, signed_in
from cli.device_view import latest_units
from cli.durations import format_duration, format_instant
from cli.errors import CliError, InputError, NotFoundError, UnreachableError
from cli.output import console, note, print_heading, print_json, print_line, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.rule_files import SUFFIXES, read_rules
from cli.session import wall_clock_ms
from cli.text import printable, shown
from cli.units import with_unit
from contract.identity import parse_thing
from contract.traces import span

_OPERATORS = ("above", "below", "at_least", "at_most")
_BINS = 200
_ROWS_SHOWN = 40
_BETWEEN_S = 0.5
_ENDED = ("DONE", "FAILED")


def backtest(
    rule: Annotated[
        str,
        typer.Argument(metavar="RULE", help="The id of an installed rule, or a file; FILE#ID where it has several."),
    ],
    *,
    device: Annotated[str, typer.Option("--device", "-d", metavar="ID", help="Whose history to look at.")],
    since: Annotated[str, typer.Option("--since", help="From when: a duration ago (30d) or a time.")] = "30d",
    until: Annotated[
        str, typer.Option("--until", help="Until when, not included: a duration ago, a time, or now.")
    ] = "now",
    plot: Annotated[bool, typer.Option("--plot/--no-plot", help="Draw the value with thresholds and alarms.")] = True,
    wait_s: Annotated[int, typer.Option("--wait", min=1, max=3600, help="For how many seconds to wait for it.")] = 300,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Run a rule over a device's stored telemetry: what it would have found, and what a change of it would change.

    It is the same engine. Data that came too late is passed over, as it was then.

    Example: fieldline rules backtest too-warm --device cold-1 --since 30d

    Example: fieldline rules backtest rules/cold.yaml#too-warm --device cold-1 --since 7d
    """
    thing = checked(parse_thing, device)
    now_ms = wall_clock_ms()
    start, end = instant_of("--since", since, now_ms), instant_of("--until", until, now_ms)
    if start >= end:
        raise InputError(f"--since must be before --until; got {since!r} and {until!r}.")
    body = {"device": thing, "from": start, "to": end, **_wanted(rule)}
    with signed_in(profile) as api:
        job = _ended(api, api.create("/rules/backtests", body), wait_s)
        if as_json:
            print_json(job)
        elif job["state"] == "DONE":
            _print_result(job)
            if plot:
                _plot(api, job)
    if job["state"] != "DONE":
        raise CliError(f"The backtest {job['id']} failed: {job.get('problem')}.")


def levels(document: Mapping[str, Any], metric: str) -> list[float]:
    """The thresholds that a rule sets beside values of a metric, for a plot of them."""
    found = []
    for node in _comparisons(document):
        if node.get("metric") == metric and not {"rate_over_ms", "aggregate"} & node.keys():
            found += [node[key] for key in (*_OPERATORS, "until") if type(node.get(key)) in {int, float}]
    return sorted(set(found))


def watched(document: Mapping[str, Any]) -> str | None:
    """The metric of the first comparison, which alarms of a rule tell the value of."""
    return next((str(node["metric"]) for node in _comparisons(document) if "metric" in node), None)


def _wanted(rule: str) -> dict[str, Any]:
    name, _, wanted = rule.partition("#")
    if not (name.endswith(SUFFIXES) or Path(name).is_file()):
        return {"rule": rule}
    found = read_rules(Path(name))
    if not wanted and len(found) > 1:
        raise InputError(f"There are several rules in {name}: name one, as {name}#{next(iter(found))}.")
    one = found.get(wanted) if wanted else next(iter(found.values()))
    if one is None:
        raise InputError(f"There is no rule {wanted!r} in {name}: it has {', '.join(found)}.")
    return {"document": one.document}


def _ended(api: Api, job: dict[str, Any], wait_s: int) -> dict[str, Any]:
    give_up = time.monotonic() + wait_s
    while job["state"] not in _ENDED:
        if time.monotonic() > give_up:
            raise UnreachableError(f"The backtest {job['id']} has not ended within {wait_s} s: it is {job['state']}.")
        time.sleep(_BETWEEN_S)
        job = api.get(f"/rules/backtests/{job['id']}")
    return job


def _print_result(job: dict[str, Any]) -> None:
    result = job["result"]
    tested = result["tested"]
    counts = ", ".join(f"{count} {kind}" for kind, count in tested["counts"].items()) or "nothing"
    print_line(
        f"{printable(str(job['rule'].get('rule')))} on {job['device']}, {format_instant(job['from'])} to "
        f"{format_instant(job['to'])}: {result['samples']} samples, {counts}."
    )
    if tested["raised"]:
        print_line(f"{tested['raised']} alarms, active for {span(tested['active_ms'])} in all.")
    transitions = tested["transitions"]
    if transitions:
        print_heading("transitions")
        rows = (
            [format_instant(one["at"]), *(shown(one[key]) for key in ("kind", "severity", "value"))]
            for one in transitions
        )
        rows_shown = [row for _, row in zip(range(_ROWS_SHOWN), rows, strict=False)]
        print_table(["Time", "What", "Severity", "Value"], rows_shown, right=["Value"])
        more = sum(tested["counts"].values()) - len(rows_shown)
        if more > 0:
            note(f"{more} more: --json has the first {len(transitions)}.")
    if result["difference"] is not None:
        _print_difference(job, result["difference"])


def _print_difference(job: dict[str, Any], difference: dict[str, Any]) -> None:
    print_heading(f"beside version {job['installed_version']}, which is installed")
    counts = [f"{difference[key]} {word}" for key, word in _COUNTED.items()]
    print_line(f"{', '.join(counts)}.")
    out = console()
    for sign, style, key in (("+", "green", "additions"), ("-", "red", "removals")):
        for one in difference[key][:_ROWS_SHOWN]:
            out.print(f"{sign} {_episode(one)}", style=style, soft_wrap=True)
    for one in difference["changes"][:_ROWS_SHOWN]:
        out.print(f"~ {_episode(one['installed'])} → {_episode(one['tested'])}", style="yellow", soft_wrap=True)


_COUNTED = {"same": "alarms the same", "changed": "changed", "added": "added", "removed": "removed"}


def _episode(one: dict[str, Any]) -> str:
    ended = one["cleared_at"]
    until = "still active" if ended is None else format_instant(ended)
    return f"{format_instant(one['raised_at'])} – {until}, {one['severity']}"


def _plot(api: Api, job: dict[str, Any]) -> None:
    metric = watched(job["rule"])
    if metric is None or metric.startswith(("$", "@")):
        return
    start, end = job["from"], job["to"]
    bin_ms = max(1000, -(-(end - start) // _BINS))
    query = [
        ("metric", metric),
        ("from", str(start)),
        ("to", str(end)),
        ("bin", format_duration(bin_ms - bin_ms % 1000)),
        ("agg", "avg"),
    ]
    rows = [row for page in api.telemetry(job["device"], query, 10 * _BINS) for row in page["items"]]
    series = [(row["ts"], row["avg"]) for row in rows if isinstance(row.get("avg"), int | float)]
    if not series:
        note(f"{metric}: no numbers in this time, so nothing to draw.")
        return
    from cli.plot import panel

    out = console()
    try:
        unit = latest_units(api.device(job["device"])).get(metric)
    except NotFoundError:
        unit = None
    periods = [(one["raised_at"], one["cleared_at"] or end) for one in job["result"]["tested"]["alarms"]]
    drawn = panel(
        f"{with_unit(metric, unit)}, UTC; alarms along the foot",
        series,
        out.width if out.is_terminal else 80,
        colour=out.is_terminal and not out.no_color,
        levels=levels(job["rule"], metric),
        periods=periods,
    )
    print_line(f"\n{drawn}")


def _comparisons(node: Any) -> Iterator[dict[str, Any]]:
    """All parts of a rule's conditions that set something beside a value."""
    if isinstance(node, list):
        for one in node:
            yield from _comparisons(one)
    elif isinstance(node, dict):
        if any(key in node for key in (*_OPERATORS, "equals", "not_equals")):
            yield node
        for key, one in node.items():
            if key in {"when", "clear", "bands", "all", "any", "not"}:
                yield from _comparisons(one)
