"""The command `fieldline-agent`."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from contract.errors import IdentityError
from device_agent import config, credentials, identity, queue
from device_agent.agent import Agent, crt_transport
from device_agent.errors import ConfigError, KeyMaterialError, QueueError

EXIT_CONFIG = 3
EXIT_KEY = 4
EXIT_QUEUE = 5
EXIT_CODES = (
    "exit codes: 0 done, or stopped by a signal; 2 wrong usage; 3 the configuration cannot be used; "
    "4 a key would be overwritten or cannot be written; 5 the queue cannot be opened or read"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except ConfigError as error:
        problems = [
            {"file": str(problem.file), "key": problem.key, "expected": problem.expected, "got": problem.got}
            for problem in error.problems
        ]
        return _failed(options, EXIT_CONFIG, str(error), problems=problems)
    except (KeyMaterialError, IdentityError) as error:
        return _failed(options, EXIT_KEY, str(error))
    except QueueError as error:
        return _failed(options, EXIT_QUEUE, str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fieldline-agent", description="The Fieldline agent.", epilog=EXIT_CODES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="work until SIGTERM or SIGINT")
    _add_config(run)
    run.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    run.set_defaults(command=_run, json=False)

    check = commands.add_parser("check", help="read the configuration and report every problem in it")
    _add_config(check)
    _add_json(check)
    check.set_defaults(command=_check)

    identities = commands.add_parser("identity", help="the device's own key").add_subparsers(
        required=True, metavar="COMMAND"
    )
    new = identities.add_parser("new", help="make a private key and a certificate request; overwrites nothing")
    new.add_argument("--thing", required=True, help="the device's name")
    new.add_argument("--dir", required=True, type=Path, help="where THING.key and THING.csr go")
    _add_json(new)
    new.set_defaults(command=_identity_new)

    queues = commands.add_parser("queue", help="the durable queue").add_subparsers(required=True, metavar="COMMAND")
    stats = queues.add_parser("stats", help="what waits to be sent, also while the agent runs")
    _add_config(stats)
    _add_json(stats)
    stats.set_defaults(command=_queue_stats)
    return parser


def _run(options: argparse.Namespace) -> int:
    settings = _loaded(options)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    asyncio.run(_run_until_signal(Agent(settings, crt_transport(settings))))
    return 0


def _loaded(options: argparse.Namespace) -> config.AgentConfig:
    settings = config.load(options.config)
    credentials.verify(options.config, settings)
    return settings


async def _run_until_signal(agent: Agent) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        # The second one ends the process at once: what is in the queue stays there.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    await agent.run(stop)


def _check(options: argparse.Namespace) -> int:
    settings = _loaded(options)
    found = {
        "thing": settings.thing,
        "model": settings.model.name,
        "endpoints": list(map(str, settings.endpoints)),
        "sensors": {sensor.name: list(sensor.metrics) for sensor in settings.sensors},
        "unmodeled": [m for sensor in settings.sensors for m in sensor.metrics if m not in settings.model.metrics],
    }
    _print(options, found, f"{options.config} is fine: {settings.thing}, a {settings.model.name}")
    return 0


def _identity_new(options: argparse.Namespace) -> int:
    material = identity.create(options.thing, options.dir)
    found = {"thing": material.thing, "private_key": str(material.private_key), "csr": str(material.csr)}
    _print(options, found, f"private key: {material.private_key}\ncertificate request: {material.csr}")
    return 0


def _queue_stats(options: argparse.Namespace) -> int:
    stats = queue.read_stats(config.load(options.config).queue)
    text = f"{stats.messages} messages wait ({stats.bytes} bytes), {stats.dropped} were dropped"
    _print(options, asdict(stats), text)
    return 0


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the agent's TOML file")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _print(options: argparse.Namespace, found: dict[str, Any], text: str) -> None:
    sys.stdout.write((json.dumps(found, indent=2) if options.json else text) + "\n")


def _failed(options: argparse.Namespace, code: int, error: str, **more: Any) -> int:
    if options.json:
        _print(options, {"error": error, **more}, "")
    else:
        sys.stderr.write(f"{error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
