"""The agent's command in a process that was forked from one which has imported it: a start costs no imports."""

import multiprocessing
import os
import sys

PRELOAD = ["device_agent.agent", "device_agent.credentials", "device_agent.cli.run", "awscrt.mqtt5"]


def command(arguments: list[str], log: str) -> None:
    """`fieldline-agent` with these arguments; what it prints goes to the file `log`."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    os.close(output)
    from device_agent.cli import main

    sys.exit(main(arguments))


def agent_process(config, log):
    """A process that runs the agent; `start`, `kill`, `terminate` and `join` it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    arguments = ["run", "--config", str(config), "--log-level", "ERROR"]
    return context.Process(target=command, args=(arguments, str(log)), daemon=True)
