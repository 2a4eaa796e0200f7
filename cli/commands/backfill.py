"""telemetry backfill: moves history from the lake or a store into another store, and verifies it."""

import io
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.backfill.driver import Ask, Driver, Failure, Patience, list_page, make_plan
from cli.backfill.function import BackfillFunction, connected, in_stacks, on_laptop
from cli.backfill.journal import Journal, default_path
from cli.backfill.planning import Move, Plan, plan
from cli.backfill.progress import Pace, estimate, print_plan, print_totals, shown
from cli.backfill.totals import REPORT_HEADER, Totals, report
from cli.commands.options import instant_of
from cli.csv_output import write_rows
from cli.durations import format_instant
from cli.errors import CliError, InputError
from cli.files import write_atomically
from cli.output import note, print_json, print_line
from cli.session import wall_clock_ms
from cli.stacks import Place
from contract.backfill import LAKE

AHEAD_MS = 86_400_000
"""No store holds what lies farther ahead than a day: without --until everything is moved."""
_LISTED = 20


def backfill(
    *,
    source: Annotated[
        str, typer.Option("--from", metavar="lake|STORE", help="Where history is: the lake, or a store.")
    ],
    target: Annotated[str, typer.Option("--to", metavar="STORE", help="The store to write into.")],
    since: Annotated[
        str,
        typer.Option("--since", help="From when: a duration ago (30d) or a time; of the lake, when it was received."),
    ],
    until: Annotated[
        str | None, typer.Option("--until", help="Until when, not included; everything if absent.")
    ] = None,
    parallel: Annotated[int, typer.Option("--parallel", min=1, max=64, help="How many pieces at once.")] = 4,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what there is to move, and move nothing.")] = False,
    report_file: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write counts and checksums of each device and day, as CSV."),
    ] = None,
    journal_file: Annotated[
        Path | None, typer.Option("--journal", metavar="FILE", help="What is done; in your state directory if absent.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew where a move was stopped.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    local: Annotated[bool, typer.Option("--local", help="In the laptop cloud that runs here.")] = False,
    port: Annotated[int | None, typer.Option("--port", help="With --local: which instance, where several run.")] = None,
    stage: Annotated[
        str | None, typer.Option("--stage", help="Which deployment, where the account has several: dev, prod.")
    ] = None,
    function: Annotated[
        str | None,
        typer.Option("--function", metavar="NAME", help="The function's name, instead of asking the stacks."),
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", help="AWS region, where the environment names none.")
    ] = None,
    aws_profile: Annotated[str | None, typer.Option("--aws-profile", help="Profile of the AWS configuration.")] = None,
    endpoint_url: Annotated[
        str | None, typer.Option("--endpoint-url", metavar="URL", help="Another AWS than the real one.")
    ] = None,
) -> None:
    """Move history into another telemetry store, and verify counts and checksums of each device and day.

    Uses AWS credentials. Where it is stopped, the same command goes on. To repeat it changes nothing.

    Example: fieldline telemetry backfill --from dynamodb --to timestream-influxdb --since 90d

    Example: fieldline telemetry backfill --from lake --to timestream-influxdb --since 2026-01-01 --report move.csv
    """
    wanted = _move(source, target, since, until)
    _check_file("--report", report_file)
    elsewhere = Place(region, aws_profile, endpoint_url)
    if local and (stage or function or elsewhere != Place()):
        raise InputError("--local finds the function by itself: leave out --stage, --function and the options of AWS.")
    if port is not None and not local:
        raise InputError("--port chooses among laptop clouds: give --local too.")
    place, name = on_laptop(Path.cwd(), port) if local else (elsewhere, function or in_stacks(elsewhere, stage))
    asked = connected(place, name, parallel)
    if dry_run:
        _show_plan(asked.ask, wanted, parallel, as_json=as_json)
        return
    path = journal_file or default_path(name, place.region, place.endpoint_url, source, target, since, until)
    with Journal.opened(path) as journal:
        move = _begin(journal, wanted, restart=restart)
        try:
            _run(asked, move, journal, parallel, report_file, as_json=as_json)
        except KeyboardInterrupt:
            note("Stopped. What was copied stays copied: the same command goes on from here.")
            raise


def _move(source: str, target: str, since: str, until: str | None) -> Move:
    if source == target:
        raise InputError(f"--to: expected another store than --from; got {target!r} for both.")
    if target == LAKE:
        raise InputError("--to: expected a store; the lake takes only what devices send.")
    now_ms = wall_clock_ms()
    start = instant_of("--since", since, now_ms)
    end = now_ms + AHEAD_MS if until is None else instant_of("--until", until, now_ms)
    if start > now_ms:
        raise InputError(f"--since: expected a time in the past; got {format_instant(start)}.")
    if start >= end:
        raise InputError(f"--since must be before --until; got {since!r} and {until!r}.")
    return Move(source, target, start, end)


def _check_file(option: str, path: Path | None) -> None:
    """Before hours are spent: the folder is there, and the name is not another folder's."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise InputError(f"{option}: expected a file in a folder that exists; got {str(path)!r}.")


def _begin(journal: Journal, wanted: Move, *, restart: bool) -> Move:
    """The journal's move where it goes on, else the one that is wanted now."""
    known = journal.move
    if known is None or journal.finished or restart:
        journal.begin(wanted)
        return wanted
    if (known.source, known.target) != (wanted.source, wanted.target):
        raise InputError(
            f"--journal: {journal.path} is of a move from {known.source} to {known.target}: choose another file, "
            "or give --restart."
        )
    note(f"Going on with the move that was stopped, from {_span(known)}; --restart begins anew.")
    return known


def _span(move: Move) -> str:
    return f"{format_instant(move.since)} to {format_instant(move.until)}"


def _show_plan(ask: Ask, move: Move, parallel: int, *, as_json: bool) -> None:
    listings = [list_page(ask, move, None, Patience())]
    while listings[-1].cursor is not None:
        listings.append(list_page(ask, move, listings[-1].cursor, Patience()))
    whole = plan(move, listings)
    _note_oldest(move, whole)
    if not as_json:
        print_plan(whole, move.source, parallel)
        return
    about = estimate(whole, move.source, parallel)
    print_json({**_described(move), **_extent(whole), "estimated_points": about[0] if about else None})


def _note_oldest(move: Move, whole: Plan) -> None:
    if whole.oldest > move.since:
        note(f"The stores keep nothing from before {format_instant(whole.oldest)}: older points are left out.")


def _run(
    asked: BackfillFunction, move: Move, journal: Journal, parallel: int, report_file: Path | None, *, as_json: bool
) -> None:
    whole = make_plan(asked.ask, move, journal, Patience())
    _note_oldest(move, whole)
    done = {piece for piece, position in journal.positions.items() if position is None}
    note(f"{len(whole.pieces) - len(done):,} of {len(whole.pieces):,} pieces to copy; journal: {journal.path}")
    totals = Totals()
    for copied in journal.slices():
        totals.add(copied)
    pace = Pace(whole, done)
    with shown(pace, whole) as view:

        def told(piece: int, copied: Any) -> None:
            totals.add(copied)
            view.told(piece, copied)

        driver = Driver(asked.ask, move, whole, journal, parallel=parallel, patience=Patience(), told=told)
        failures = driver.run()
    if not failures:
        journal.finish()
    if report_file is not None:
        _write_report(report_file, journal)
    if as_json:
        print_json(_document(move, whole, totals, pace, journal, failures))
    else:
        print_totals(totals, pace, move.source)
    _judge(totals, failures)
    if not as_json:
        print_line("Verified: the target holds what the source does.")


def _write_report(path: Path, journal: Journal) -> None:
    text = io.StringIO()
    write_rows(text, [REPORT_HEADER, *report(journal.slices())])
    try:
        write_atomically(path, text.getvalue().encode())
    except OSError as exc:
        raise CliError(f"Cannot write {path}: {exc.strerror}.") from exc


def _described(move: Move) -> dict[str, Any]:
    return {"from": move.source, "to": move.target, "since": move.since, "until": move.until}


def _extent(whole: Plan) -> dict[str, Any]:
    """`size` is in bytes of the lake, or in days of devices."""
    return {"pieces": len(whole.pieces), "objects": whole.objects, "devices": whole.devices, "size": whole.size}


def _document(
    move: Move, whole: Plan, totals: Totals, pace: Pace, journal: Journal, failures: list[Failure]
) -> dict[str, Any]:
    return {
        **_described(move),
        **_extent(whole),
        **totals.document(),
        "verified": totals.verified and not failures,
        "failed_pieces": [{"piece": one.piece, "error": str(one.error)} for one in failures],
        "seconds": round(pace.seconds, 3),
        "points_per_second": round(pace.points_per_s),
        "journal": str(journal.path),
    }


def _judge(totals: Totals, failures: list[Failure]) -> None:
    """Raises CliError where a point is missing, different or refused, or something could not be copied or read."""
    problems = [f"piece {one.piece + 1}: {one.error}" for one in failures]
    problems += [
        f"{device} {day}: {sums.expected:,} points expected, {sums.found:,} found, {sums.missing:,} missing, "
        f"{sums.different:,} different" + "".join(f", {count:,} {why}" for why, count in sorted(sums.refused.items()))
        for (device, day), sums in sorted(totals.unverified.items())
    ]
    problems += [f"{one.object}: {one.why}" for one in totals.unreadable]
    if not problems:
        return
    more = len(problems) - _LISTED
    details = problems[:_LISTED] + ([f"and {more:,} more: see --report or --json"] if more > 0 else [])
    if failures:
        raise CliError(f"{len(failures):,} pieces were not copied: the same command tries them again.", details)
    raise CliError("The move does not verify.", details)
