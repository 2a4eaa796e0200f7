"""telemetry ID METRIC…: what a device measured, as a table, JSON, CSV or plot; telemetry backfill: see its module."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.api import Api
from cli.commands.backfill import backfill
from cli.commands.options import JsonOption, ProfileOption, checked, instant_of, signed_in
from cli.csv_output import write_rows
from cli.device_view import latest_units
from cli.durations import DurationError, format_duration, parse_duration
from cli.errors import InputError, NotFoundError
from cli.output import console, note, print_json, print_line, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.series import Layout
from cli.session import wall_clock_ms
from contract.identity import parse_metric, parse_thing

AGGREGATES = ("avg", "min", "max", "sum", "count", "last")
_DEFAULT_AGGREGATES = "avg,min,max"


def telemetry(
    device: Annotated[str, typer.Argument(metavar="ID", help="The device's id, its AWS IoT thing name.")],
    metrics: Annotated[list[str], typer.Argument(metavar="METRIC...", help="One metric or several.")],
    *,
    since: Annotated[str, typer.Option(help="From when: a duration ago (24h, 7d) or a time.")] = "24h",
    until: Annotated[str, typer.Option(help="Until when, not included: a duration ago, a time, or now.")] = "now",
    bin_: Annotated[
        str | None, typer.Option("--bin", metavar="DURATION", help="Summarise each 5m, 1h, …; raw points if absent.")
    ] = None,
    agg: Annotated[
        str | None,
        typer.Option(help=f"With --bin: which of {','.join(AGGREGATES)}; {_DEFAULT_AGGREGATES} if absent."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000_000, help="The most rows to fetch.")] = 10_000,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw a line for each metric in the terminal.")] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Show what a device measured.

    Times are RFC 3339, such as 2026-01-31T08:00:00Z or 2026-01-31; one without an offset is UTC.

    Example: fieldline telemetry press-4 temperature --since 24h --bin 5m --plot

    Example: fieldline telemetry press-4 temperature vibration --since 2026-01-31 --until 2026-02-01 --csv

    `fieldline telemetry backfill` moves history between stores. A device of that name is asked for behind two dashes:
    fieldline telemetry -- backfill temperature
    """
    if as_json + as_csv + plot > 1:
        raise InputError("Give at most one of --json, --csv and --plot.")
    thing = checked(parse_thing, device)
    names = tuple(dict.fromkeys(checked(parse_metric, metric) for metric in metrics))
    aggregates = _aggregates(bin_, agg)
    query = _query(names, since, until, bin_, aggregates)
    with signed_in(profile) as api:
        pages = api.telemetry(thing, query, limit)
        if as_csv:
            _print_csv(pages, Layout(names, aggregates, {}), limit)
            return
        fetched = list(pages)
        rows = [row for page in fetched for row in page["items"]]
        if as_json:
            print_json({**fetched[-1], "items": rows})
            return
        layout = Layout(names, aggregates, _units(api, thing))
    if plot:
        _print_plots(layout, rows)
    else:
        print_table(layout.table_columns(), layout.table_rows(rows), right=layout.numeric_columns())
    _note_more(fetched[-1].get("cursor"), limit)


def _aggregates(bin_: str | None, agg: str | None) -> tuple[str, ...]:
    if bin_ is None:
        if agg is not None:
            raise InputError("--agg summarises bins: give --bin too, for example --bin 5m.")
        return ()
    chosen = tuple(dict.fromkeys((_DEFAULT_AGGREGATES if agg is None else agg).split(",")))
    for name in chosen:
        if name not in AGGREGATES:
            raise InputError(f"--agg: expected some of {','.join(AGGREGATES)}; got {name!r}.")
    return chosen


def _query(
    metrics: tuple[str, ...], since: str, until: str, bin_: str | None, aggregates: tuple[str, ...]
) -> list[tuple[str, str]]:
    now_ms = wall_clock_ms()
    start, end = instant_of("--since", since, now_ms), instant_of("--until", until, now_ms)
    if start >= end:
        raise InputError(f"--since must be before --until; got {since!r} and {until!r}.")
    query = [*(("metric", metric) for metric in metrics), ("from", str(start)), ("to", str(end))]
    if bin_ is not None:
        try:
            query += [("bin", format_duration(parse_duration(bin_))), ("agg", ",".join(aggregates))]
        except DurationError as exc:
            raise InputError(f"--bin: {exc}.") from exc
    return query


def _units(api: Api, thing: str) -> dict[str, str | None]:
    """Each metric's unit as the device's latest values name it; none for a device that nobody registered."""
    try:
        return latest_units(api.device(thing))
    except NotFoundError:
        return {}


def _print_csv(pages: Iterator[dict[str, Any]], layout: Layout, limit: int) -> None:
    """Written as it arrives: a day of raw points need not fit into memory."""
    write_rows(sys.stdout, [layout.csv_header()])
    cursor = None
    for page in pages:
        write_rows(sys.stdout, layout.csv_rows(page["items"]))
        cursor = page.get("cursor")
    _note_more(cursor, limit)


def _print_plots(layout: Layout, rows: list[dict[str, Any]]) -> None:
    out = console()
    width = out.width if out.is_terminal else 80
    for title, series in layout.plotted(rows):
        if series:
            from cli.plot import panel

            print_line(panel(f"{title}, UTC", series, width, colour=out.is_terminal and not out.no_color))
        else:
            note(f"{title}: no numbers in this time, so nothing to draw.")


def _note_more(cursor: str | None, limit: int) -> None:
    if cursor:
        note(f"There are more than {limit} rows: narrow the time, or raise --limit.")


_shown = typer.Typer(add_completion=False)
_shown.command("telemetry")(telemetry)


class TelemetryGroup(TyperGroup):
    """Whatever does not begin with the name of a command is the question for a device."""

    default = typer.main.get_command(_shown)

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        if args and args[0] in self.commands:
            return super().make_context(info_name, args, parent, **extra)
        return self.default.make_context(info_name, args, parent, **extra)


app = typer.Typer(cls=TelemetryGroup, help="Show what a device measured, or move history between stores.")
app.command("backfill")(backfill)
