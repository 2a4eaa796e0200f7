"""`pipeline test` and `rules test`: what they would do with a recording."""

import argparse
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device_agent.cli.configured import offline
from device_agent.cli.exits import Exit, UsageError
from device_agent.cli.groups import Group, seconds
from device_agent.cli.output import show

if TYPE_CHECKING:
    from device_agent.config.agent import AgentConfig
    from device_agent.pipeline.recording import Recording


def add(commands: Group) -> None:
    pipeline = commands.group("pipeline", "the pipeline")
    about = "print what comes out of the pipeline for a recording, as CSV or as a picture"
    tried = pipeline.command("test", about, _pipeline_test)
    _add_recording(tried)
    tried.add_argument("--plot", action="store_true", help="draw each metric before and after the pipeline")
    rules = commands.group("rules", "the edge rules")
    about = "print what the rules would fire and do for a recording, and why; nothing is done"
    _add_recording(rules.command("test", about, _rules_test))


def _add_recording(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("csv", type=Path, metavar="CSV", help="a recording: a column of times, and one for each metric")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=METRIC",
        help="a column of another name",
    )
    parser.add_argument(
        "--tail",
        type=seconds(0, 31_536_000),
        default=0.0,
        metavar="S",
        help="go on for so long after the last row (default: 0)",
    )


def _pipeline_test(options: argparse.Namespace) -> int:
    from device_agent.pipeline import trial

    if options.plot and options.json:
        raise UsageError("expected either --plot or --json, got both")
    config, recording = _inputs(options)
    readings = list(trial.replay(recording, config.pipeline, tail_ms=_tail_ms(options)))
    if options.plot:
        from device_agent.pipeline.plot import plotted

        show(options, None, plotted(recording, readings, width=shutil.get_terminal_size().columns))
    elif options.json:
        found = [{"time": recording.shown(one.at), "values": dict(one.values), "q": one.quality} for one in readings]
        show(options, found)
    else:
        sys.stdout.writelines(f"{line}\n" for line in trial.csv_lines(recording, readings))
    return Exit.DONE


def _rules_test(options: argparse.Namespace) -> int:
    from device_agent.rules import trial

    config, recording = _inputs(options)
    happenings = list(trial.replay(recording, config.pipeline, config.rules, tail_ms=_tail_ms(options)))
    if options.json:
        found: list[dict[str, Any]] = [{**asdict(one), "at": recording.shown(one.at)} for one in happenings]
        show(options, found)
    else:
        sys.stdout.writelines(f"{line}\n" for line in trial.lines(recording, iter(happenings)))
    return Exit.DONE


def _inputs(options: argparse.Namespace) -> "tuple[AgentConfig, Recording]":
    from device_agent.pipeline.recording import read

    names = {}
    for text in options.map:
        column, equals, metric = text.partition("=")
        if not equals:
            raise UsageError(f"--map: expected COLUMN=METRIC, got {text!r}")
        names[column] = metric
    recording = read(options.csv, names)
    if recording.skipped:
        lines = ", ".join(map(str, recording.skipped[:10]))
        sys.stderr.write(f"passed over, since not later than the row before: line {lines}\n")
    return offline(options), recording


def _tail_ms(options: argparse.Namespace) -> int:
    return round(1000 * float(options.tail))
