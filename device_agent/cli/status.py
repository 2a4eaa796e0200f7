"""`status` and `shadow`: how the device is, and what it is set to."""

import argparse

from device_agent.cli.configured import offline
from device_agent.cli.exits import Exit
from device_agent.cli.groups import Group
from device_agent.cli.output import show
from device_agent.cli.running import answers, ask


def add(commands: Group) -> None:
    commands.command("status", "how the running agent is doing", _status)
    about = "settings in force, on trial and refused; of each actuator what is desired, true and rejected"
    commands.command("shadow", about, _shadow)


def _status(options: argparse.Namespace) -> int:
    show(options, ask(offline(options), "status"))
    return Exit.DONE


def _shadow(options: argparse.Namespace) -> int:
    from device_agent.cli.stored import shadow_report

    config = offline(options)
    running = answers(config, "shadow")
    show(options, shadow_report(config) if running is None else running)
    return Exit.DONE
