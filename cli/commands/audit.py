"""audit list, audit verify."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from cli.audit_check import AuditCheck, DayReport
from cli.audit_files import opened
from cli.commands.options import JsonOption, ProfileOption, instant_of, signed_in
from cli.csv_output import write_rows
from cli.durations import format_instant
from cli.errors import AuditBrokenError, InputError
from cli.output import console, note, print_json, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.session import wall_clock_ms
from cli.text import printable, shown
from contract.audit_check import Fault

app = typer.Typer(no_args_is_help=True, help="Read who changed what, and check that nobody changed that.")

_LARGEST_PAGE = 200
_MOST_DAYS = 3660
_COLUMNS = ("Time", "Who", "Action", "Subject", "From", "Before", "After")
_CSV_COLUMNS = ("time", "principal", "name", "action", "subject", "source", "request_id", "before", "after")
_SHOWN_CHARS = 60


@app.command("list")
def list_audit(
    *,
    since: Annotated[str, typer.Option(help="From when: a duration ago (24h, 7d) or a time.")] = "7d",
    until: Annotated[str, typer.Option(help="Until when, not included: a duration ago, a time, or now.")] = "now",
    subject: Annotated[
        str | None, typer.Option("--subject", "-s", metavar="KIND:ID", help="Only changes of this, e.g. device:pump-7.")
    ] = None,
    principal: Annotated[str | None, typer.Option("--by", metavar="ID", help="Only changes by this principal.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="Only this action, or what is below it: device, device.update.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="The most entries to list.")] = 200,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List changes that were made through the API, newest first.

    Example: fieldline audit list --since 24h --subject device:pump-7

    Example: fieldline audit list --since 30d --action grants --csv
    """
    if as_json and as_csv:
        raise InputError("Give at most one of --json and --csv.")
    now = wall_clock_ms()
    # What was changed in this very millisecond is not after now.
    end = now + 1 if until == "now" else instant_of("--until", until, now)
    params = [("from", str(instant_of("--since", since, now))), ("to", str(end))]
    wanted = {"subject": subject, "principal": principal, "action": action}
    params += [(name, value) for name, value in wanted.items() if value is not None]
    with signed_in(profile) as api:
        pages = api.pages("/audit", params, limit, largest=_LARGEST_PAGE)
        if as_csv:
            cursor = _print_csv(pages)
        else:
            fetched = list(pages)
            items, cursor = [item for page in fetched for item in page["items"]], fetched[-1].get("cursor")
            if as_json:
                print_json({**fetched[-1], "items": items})
            else:
                print_table(_COLUMNS, map(_row, items))
    if cursor and not as_json:
        note(f"There are more than {limit} entries: narrow the time, or raise --limit.")


@app.command("verify")
def verify(
    *,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="The first UTC day, or a duration ago.")] = "7d",
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="The last UTC day, included.")] = "now",
    export: Annotated[
        str | None,
        typer.Option(metavar="DIRECTORY|s3://BUCKET", help="Also check against what was exported of these days."),
    ] = None,
    region: Annotated[str | None, typer.Option(help="With s3://: the bucket's AWS region.")] = None,
    aws_profile: Annotated[str | None, typer.Option(help="With s3://: the AWS profile to use.")] = None,
    endpoint_url: Annotated[
        str | None, typer.Option(envvar="AWS_ENDPOINT_URL", help="With s3://: where AWS is, on a laptop.")
    ] = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Recompute the hash chains of the audit: is every entry as it was written, and is none missing?

    Exit code 10 says that something was edited, removed or put in; 0 that nothing was. A day older than entries are
    kept is `expired`: what is missing of it says nothing, unless it was exported.

    Example: fieldline audit verify --from 2026-03-01 --to 2026-03-31

    Example: fieldline audit verify --from 90d --export s3://fieldline-audit --region eu-west-1
    """
    now = wall_clock_ms()
    days = _day("--from", first, now), _day("--to", last, now)
    span = (datetime.fromisoformat(days[1]) - datetime.fromisoformat(days[0])).days
    if not 0 <= span < _MOST_DAYS:
        raise InputError(f"--from must not be after --to, nor {_MOST_DAYS} days before it; got {first!r} and {last!r}.")
    files = opened(export, region=region, aws_profile=aws_profile, endpoint_url=endpoint_url) if export else None
    with signed_in(profile) as api:
        reports = list(_watched(AuditCheck(api, files).days(*days), span + 1))
    _print_reports(reports, as_json=as_json, exported=files is not None)
    faults = [fault for report in reports for fault in report.faults]
    if faults:
        raise AuditBrokenError(
            f"The audit was changed: {len(faults)} fault{'s' if len(faults) > 1 else ''} in "
            f"{sum(bool(report.faults) for report in reports)} of {len(reports)} days.",
            [] if as_json else [_told(one) for one in faults],
        )


def _watched(reports: Iterator[DayReport], days: int) -> Iterator[DayReport]:
    out = console(stderr=True)
    if not out.is_terminal or days == 1:
        yield from reports
        return
    from rich.progress import track

    yield from track(reports, description="Checking", total=days, console=out, transient=True)


def _print_reports(reports: list[DayReport], *, as_json: bool, exported: bool) -> None:
    if as_json:
        print_json(
            {
                "days": [
                    {
                        "day": report.day,
                        "result": report.result,
                        "chains": report.chains,
                        "entries": report.entries,
                        "exported": report.exported if exported else None,
                        "faults": [
                            {"kind": one.kind, "day": one.day, "shard": one.shard, "first": one.first, "last": one.last}
                            | {"what": one.what}
                            for one in report.faults
                        ],
                    }
                    for report in reports
                ]
            }
        )
        return
    columns = ["Day", "Result", "Chains", "Entries", *(["Exported"] if exported else [])]
    rows = [
        [one.day, one.result, str(one.chains), str(one.entries), *([str(one.exported)] if exported else [])]
        for one in reports
    ]
    print_table(columns, rows, right=columns[2:])


def _told(fault: Fault) -> str:
    which = f"entry {fault.first}" if fault.first == fault.last else f"entries {fault.first} to {fault.last}"
    return f"{fault.day} chain {fault.shard}, {which}: {fault.kind}: {fault.what}"


def _row(item: dict[str, Any]) -> list[str]:
    who, subject = item.get("who") or {}, item.get("subject") or {}
    at = item.get("at")
    return [
        format_instant(at) if isinstance(at, int) else "?",
        shown(who.get("name") or who.get("id")),
        shown(item.get("action")),
        shown(f"{subject.get('kind')}:{subject.get('id')}"),
        shown(item.get("source")),
        _side(item.get("before")),
        _side(item.get("after")),
    ]


def _side(value: Any) -> str:
    text = "" if value is None else printable(msgspec.json.encode(value).decode())
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _print_csv(pages: Iterator[dict[str, Any]]) -> str | None:
    """Written as it arrives. Returns the cursor of what was left."""
    write_rows(sys.stdout, [_CSV_COLUMNS])
    cursor: str | None = None
    for page in pages:
        write_rows(sys.stdout, map(_csv_row, page["items"]))
        cursor = page.get("cursor")
    return cursor


def _csv_row(item: dict[str, Any]) -> list[str]:
    who, subject = item["who"], item["subject"]
    sides = ["" if item[side] is None else msgspec.json.encode(item[side]).decode() for side in ("before", "after")]
    return [
        format_instant(item["at"]),
        who["id"],
        who["name"],
        item["action"],
        f"{subject['kind']}:{subject['id']}",
        item["source"],
        item["request_id"],
        *sides,
    ]


def _day(option: str, text: str, now_ms: int) -> str:
    return f"{datetime.fromtimestamp(instant_of(option, text, now_ms) // 1000, UTC):%Y-%m-%d}"
