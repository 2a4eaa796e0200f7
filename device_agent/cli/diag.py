"""`diag`: one file that tells a helper how the device is."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from device_agent.cli.configured import offline
from device_agent.cli.exits import Exit, UnusableFileError
from device_agent.cli.groups import Group
from device_agent.cli.output import show
from device_agent.cli.running import ask


def add(commands: Group) -> None:
    about = "write a bundle for whoever helps, without secrets; also for a broken configuration"
    diag = commands.command("diag", about, _diag)
    diag.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the file goes (default: here)")


def _diag(options: argparse.Namespace) -> int:
    from device_agent import diag
    from device_agent.clock import SystemClock

    try:
        made = diag.diagnose(
            options.config, options.out, clock=SystemClock(), state=partial(_state, options), more=_more(options)
        )
    except OSError as error:
        raise UnusableFileError(f"the bundle cannot be written to {options.out}: {error.strerror or error}") from error
    found = {"file": str(made.file), "parts": list(made.parts), "failed": dict(made.failed)}
    missing = "".join(f"\nwithout {part}: {reason}" for part, reason in made.failed.items())
    show(options, found, f"{made.file}{missing}")
    return Exit.DONE


def _state(options: argparse.Namespace) -> Any:
    from device_agent.cli.stored import sections

    return sections(offline(options))


def _more(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "queue": partial(_queue, options),
        **{f"agent-{method}": partial(_asked, options, method) for method in ("status", "sensors", "actuators")},
    }


def _queue(options: argparse.Namespace) -> Any:
    from device_agent.cli.queue import figures

    return figures(offline(options))


def _asked(options: argparse.Namespace, method: str) -> Any:
    return ask(offline(options), method)
