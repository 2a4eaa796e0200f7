"""What the API costs: its start, its handler, its endpoints over a large fleet, its pages and its live frames.

    .venv/bin/python bench/api.py [--quick] [--json] [--port P] [--parts PART …]

`start` and `handler` need no cloud; the others run on an instance of their own, which is deleted at the end, with
10,000 devices and 100,000 commands in its tables (`--quick`: 1,000 and 5,000).
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.agents.figures import Figure, line
from bench.apis import endpoints, frames, handler, start, units
from bench.apis.cloud import Cloud, running
from bench.apis.fleet import FIRST, Fleet
from functions.settings import ApiSettings

PARTS = ("start", "handler", "units", "endpoints", "frames")
IN_A_CLOUD = frozenset({"units", "endpoints", "frames"})


@dataclass(frozen=True)
class Plan:
    starts: int
    handled: int
    devices: int
    commands_each: int
    calls: int
    changes: int


FULL, QUICK = Plan(15, 500, 10_000, 10, 60, 50), Plan(7, 200, 1_000, 5, 30, 15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short look: fewer devices and calls")
    parser.add_argument("--json", action="store_true", help="one JSON list on standard output")
    parser.add_argument("--port", type=int, default=8740)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="only some of it")
    options = parser.parse_args()
    log = sys.stderr if options.json else sys.stdout
    figures: list[Figure] = []
    for figure in measure(QUICK if options.quick else FULL, set(options.parts), options.port, log):
        figures.append(figure)
        if not options.json:
            print(line(figure), flush=True)
    if options.json:
        print(json.dumps([figure.row() for figure in figures], ensure_ascii=False, indent=1))


def measure(plan: Plan, parts: set[str], port: int, log: Any) -> Iterator[Figure]:
    if "start" in parts:
        yield from start.measure(plan.starts)
    if "handler" in parts:
        yield from handler.measure(plan.handled)
    if parts & IN_A_CLOUD:
        with tempfile.TemporaryDirectory(prefix="fieldline-bench-") as name, running(port, Path(name), log) as cloud:
            yield from _in(cloud, plan, parts, log)


def _in(cloud: Cloud, plan: Plan, parts: set[str], log: Any) -> Iterator[Figure]:
    if "frames" in parts:
        yield from frames.measure(cloud, plan.changes)
    if not parts & {"units", "endpoints"}:
        return
    tables = ApiSettings.from_env(cloud.environment)
    telemetry = cloud.environment["FIELDLINE_TELEMETRY_TABLE"]
    fleet = Fleet(cloud.dynamodb, tables, telemetry, time.time_ns() // 1_000_000)

    def say(text: str) -> None:
        print(text, file=log, flush=True)

    api = units.InProcess(cloud.environment, cloud.credentials, cloud.aws_url, cloud.dynamodb)
    fleet.grow(FIRST, plan.commands_each, say)
    few = api.pages() if "units" in parts else {}
    fleet.grow(plan.devices, plan.commands_each, say)
    if "units" in parts:
        yield from units.compared(few, api.pages())
    if "endpoints" in parts:
        yield from endpoints.measure(cloud, fleet, api, plan.calls)


if __name__ == "__main__":
    main()
