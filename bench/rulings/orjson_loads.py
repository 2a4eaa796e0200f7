"""`orjson.loads` alone: no check, no rule, no state. The floor of whatever reads JSON in Python."""

import sys

import orjson

from bench.rulings.rounds import serve
from bench.rulings.workload import messages

if __name__ == "__main__":
    BATCH = [payload for _, payload in messages(int(sys.argv[1]))]

    def work() -> int:
        for payload in BATCH:
            orjson.loads(payload)
        return len(BATCH)

    serve(work)
