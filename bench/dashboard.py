"""What the dashboard costs a browser: to load, to draw, to keep up with a fleet; and how soon it shows a change.

    .venv/bin/python bench/dashboard.py [--quick] [--json] [--port P] [--parts PART …]

`size`, `chart` and `fleet` need no cloud: they are of builds of their own, below `.local/bench`, the fleet with an API
of generated answers. `usable` and `loop` run on an instance of their own, which is deleted at the end. The browser is
Debian's Chromium. Its main thread is counted in processor time, so that what else the machine does is not in it.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.agents.figures import Figure, line
from bench.dashboards import builds, draw, fleet, loop, size, usable
from bench.dashboards.browser import chromium
from bench.dashboards.cloud import running

PARTS = ("size", "chart", "fleet", "usable", "loop")
IN_A_BROWSER = frozenset(PARTS) - {"size"}
IN_A_CLOUD = frozenset({"usable", "loop"})


@dataclass(frozen=True)
class Plan:
    draws: int
    fleet: fleet.Plan
    starts: int
    changes: int


FULL, QUICK = Plan(200, fleet.Plan(15.0, 5), 5, 40), Plan(60, fleet.Plan(5.0, 2), 3, 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short look: fewer and shorter rounds")
    parser.add_argument("--json", action="store_true", help="one JSON list on standard output")
    parser.add_argument("--port", type=int, default=8750)
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
    if "size" in parts:
        yield from size.measure(builds.app())
    if parts & IN_A_BROWSER:
        with chromium() as browser:
            if "chart" in parts:
                yield from draw.measure(browser, plan.draws)
            if "fleet" in parts:
                yield from fleet.measure(browser, plan.fleet)
            if parts & IN_A_CLOUD:
                with running(port, log) as cloud:
                    if "usable" in parts:
                        yield from usable.measure(browser, cloud, plan.starts)
                    if "loop" in parts:
                        yield from loop.measure(browser, cloud, plan.changes)


if __name__ == "__main__":
    main()
