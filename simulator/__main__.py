"""`python -m simulator --config-dir DIR`: one agent for each TOML file in DIR, until SIGTERM or SIGINT.

Exit codes: 0 stopped by a signal, 2 wrong usage, 3 no configuration file in the directory.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom

from device_agent.agent import transport
from device_agent.clock import Clock, SystemClock
from device_agent.waiting import first_of
from simulator import status
from simulator.fleet import LOG, Fleet

EXIT_NO_CONFIG = 3


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    files = sorted(options.config_dir.glob("*.toml"))
    if not files:
        sys.stderr.write(f"{options.config_dir}: expected a directory with TOML files, got none\n")
        return EXIT_NO_CONFIG
    clock = SystemClock()
    fleet = Fleet(files, transport, clock=clock, random=SystemRandom(), stagger_s=options.stagger_s)
    asyncio.run(_run_until_signal(fleet, clock, options.status_file, options.status_interval_s))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--config-dir", required=True, type=Path, metavar="DIR", help="one agent for each DIR/*.toml")
    parser.add_argument("--status-file", type=Path, metavar="FILE", help="JSON, replaced at every status interval")
    parser.add_argument("--status-interval-s", type=float, default=2.0, metavar="S")
    parser.add_argument(
        "--stagger-s", type=float, default=0.05, metavar="S", help="from one device's start to the next"
    )
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser


async def _run_until_signal(fleet: Fleet, clock: Clock, status_file: Path | None, interval_s: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = asyncio.ensure_future(fleet.run(stop))
    told = ""
    while not running.done():
        await first_of(asyncio.shield(running), clock.sleep(interval_s))
        devices = await fleet.status()
        if status_file is not None:
            try:
                status.write(status_file, devices, clock.wall_ms())
            except OSError as error:
                LOG.warning("the status file cannot be written: %s", error)
        if (news := status.line(devices)) != told:
            LOG.info(news)
            told = news
    await running


if __name__ == "__main__":
    sys.exit(main())
