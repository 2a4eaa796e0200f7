"""`python -m local.timestream --directory DIR --port N [--closed-account]`: until SIGTERM."""

import argparse
import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path

from local.timestream import server
from local.timestream.errors import EngineError


async def run(directory: Path, port: int, *, closed_account: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server.serving(directory, port, closed_account=closed_account) as listening:
        print(f"listening on http://{server.LOOPBACK}:{listening}", flush=True)  # noqa: T201 - whoever started it reads it
        await stop.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.timestream", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="where the store is, or will be")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 lets the system choose")
    parser.add_argument("--closed-account", action="store_true", help="answer LiveAnalytics as to a new customer")
    options = parser.parse_args()
    # Rows on their way are many and hold no cycles: looking through them again and again is a fifth of the work.
    gc.set_threshold(100_000, 20, 100)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(run(options.directory, options.port, closed_account=options.closed_account))
    except (EngineError, OSError) as exc:
        print(f"{parser.prog}: {exc}", file=sys.stderr)  # noqa: T201 - the end of a command's story
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
