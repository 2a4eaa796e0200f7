"""`queue stats` and `queue drain`: what waits to be sent."""

import argparse
from typing import TYPE_CHECKING, Any

from device_agent.cli.configured import connecting, offline
from device_agent.cli.exits import Exit
from device_agent.cli.groups import Group, seconds
from device_agent.cli.output import show
from device_agent.cli.running import answers
from device_agent.errors import ControlError

if TYPE_CHECKING:
    from device_agent.config.agent import AgentConfig

PATIENCE_S = 300.0


def add(commands: Group) -> None:
    group = commands.group("queue", "the durable queue")
    group.command("stats", "what waits to be sent, by priority", _stats)
    drain = group.command("drain", "connect and send everything that waits; only while no agent runs", _drain)
    drain.add_argument(
        "--timeout",
        type=seconds(1, 86_400),
        default=PATIENCE_S,
        metavar="S",
        help=f"give up after (default: {PATIENCE_S:g} s)",
    )


def figures(config: "AgentConfig") -> dict[str, Any]:
    """The queue's figures, from the running agent or from the disk. Raises QueueError."""
    from device_agent.control.handlers import queue_document
    from device_agent.queue import read_stats

    found: dict[str, Any] | None = answers(config, "queue.stats")
    return queue_document(read_stats(config.queue)) if found is None else found


def _stats(options: argparse.Namespace) -> int:
    found = figures(offline(options))
    text = f"{found['messages']} messages wait ({found['bytes']} bytes), {found['dropped']} were dropped"
    for name, one in found["priorities"].items():
        text += f"\n  {name}: {one['messages']} wait, {one['dropped']} were dropped"
    show(options, found, text)
    return Exit.DONE


def _drain(options: argparse.Namespace) -> int:
    import asyncio

    from device_agent.cli.drain import drain

    config = connecting(options)
    if answers(config, "status") is not None:
        raise ControlError(f"an agent of {config.thing} runs, and it drains the queue itself")
    sent, left, error = asyncio.run(drain(config, options.timeout))
    show(options, {"sent": sent, "left": left, "error": error}, f"{sent} messages sent, {left} wait")
    if left and not options.json:
        from device_agent.cli.output import fail

        fail(options, f"not everything could be sent within {options.timeout:g} s: {error or 'the time was too short'}")
    return Exit.CONNECTION if left else Exit.DONE
