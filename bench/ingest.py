"""What it costs to take messages in: calls to the tables, memory, a start; and a page of what comes of it, open alarms.

    .venv/bin/python bench/ingest.py [--quick] [--json] [--parts calls pages memory start]

`calls` and `memory` are of the bundle that is deployed, in a process of its own, over boto3 and HTTP to a DynamoDB in
memory. `pages` is the adapter over the same DynamoDB. How fast messages are worked through is in `bench/rules.py`.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.agents.figures import Figure, line
from bench.ingests import calls, memory, pages, start
from bench.ingests.function import bundled

PARTS = ("calls", "pages", "memory", "start")
STARTS, QUICK_STARTS = 15, 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short look: fewer alarms and starts")
    parser.add_argument("--json", action="store_true", help="one JSON list on standard output")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="only some of it")
    options = parser.parse_args()
    figures: list[Figure] = []
    for figure in measure(set(options.parts), quick=options.quick):
        figures.append(figure)
        if not options.json:
            print(line(figure), flush=True)
    if options.json:
        print(json.dumps([figure.row() for figure in figures], ensure_ascii=False, indent=1))


def measure(parts: set[str], *, quick: bool) -> Iterator[Figure]:
    if parts & {"calls", "memory"}:
        with bundled() as bundle:
            if "calls" in parts:
                yield from calls.measure(bundle)
            if "memory" in parts:
                yield from memory.measure(bundle)
    if "pages" in parts:
        yield from pages.measure(quick=quick)
    if "start" in parts:
        yield from start.measure(QUICK_STARTS if quick else STARTS)


if __name__ == "__main__":
    main()
