"""`run`: the agent itself."""

import argparse
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

from device_agent.cli.exits import Exit
from device_agent.cli.groups import Group

if TYPE_CHECKING:
    import logging

    from device_agent.agent import Agent

ENDS_S: Final = 5.0


def add(commands: Group) -> None:
    run = commands.command("run", "work until SIGTERM, SIGINT or SIGHUP", _run)
    run.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))


def _run(options: argparse.Namespace) -> int:
    import asyncio
    import logging

    from device_agent import credentials
    from device_agent.agent import Agent
    from device_agent.config.agent import ConfigFiles
    from device_agent.json_lines import THING_VARIABLE
    from device_agent.supervision.watchdog import Notifier, watchdog_interval_s

    files = ConfigFiles(options.config)
    config = files.configure()
    credentials.verify_apart(options.config, config)
    if options.json:
        os.environ[THING_VARIABLE] = config.thing
    logging.basicConfig(level=options.log_level, handlers=[_handler(as_json=options.json)])
    watchdog_s = watchdog_interval_s(os.environ)
    agent = Agent(files, notifier=Notifier.from_env(os.environ), watchdog_s=watchdog_s)
    asyncio.run(_until_signal(agent))
    return Exit.DONE


def _handler(*, as_json: bool) -> "logging.Handler":
    import logging

    from device_agent.cli.json_lines import JsonLines

    # The journal has the time of each line.
    form = "%(levelname)s %(message)s" if "JOURNAL_STREAM" in os.environ else "%(asctime)s %(levelname)s %(message)s"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else logging.Formatter(form))
    return handler


async def _until_signal(agent: "Agent") -> None:
    import asyncio

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` has it
        numbers.append(signal.SIGHUP)

    def on_signal() -> None:
        stop.set()
        # The second one ends the process at once: what is in the queue stays there.
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    await agent.run(stop)
    # Everything is stored. A driver of others that does not let itself be cancelled must not keep the process.
    ending = threading.Timer(ENDS_S, os._exit, (Exit.DONE,))
    ending.daemon = True
    ending.start()
