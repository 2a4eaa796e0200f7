"""From the arguments to the exit code."""

import argparse
import os
import sys
from collections.abc import Sequence

from device_agent.cli import (
    actuator,
    configuration,
    diag,
    enrol,
    exits,
    identity,
    output,
    queue,
    run,
    sensor,
    status,
    trial,
)
from device_agent.cli.groups import ArgumentsError, Group, Parser
from device_agent.errors import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code. Whatever goes wrong is one message, never a trace."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        options = parser().parse_args(words)
    except ArgumentsError as error:
        wants_json = "--json" in words
        code = exits.Exit.USAGE
        output.fail(argparse.Namespace(json=wants_json), str(error) if wants_json else error.usage, code=code.value)
        return code
    try:
        done: int = options.command(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return exits.Exit.INTERRUPTED
    except BrokenPipeError:
        # Who reads has seen enough (`| head`). Python would complain at its end about what it cannot write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.Exit.DONE
    except Exception as error:  # noqa: BLE001 - the code tells what was foreseen
        return _failed(options, error)
    return done


def parser() -> Parser:
    """Every command with its options."""
    root = Parser(prog="fieldline-agent", description="The Fieldline agent.", epilog=exits.table())
    commands = Group(root)
    for room in (run, configuration, sensor, actuator, trial, queue, status, diag, identity, enrol):
        room.add(commands)
    return root


def _failed(options: argparse.Namespace, error: Exception) -> int:
    code = exits.code_of(error)
    text = str(error) if code is not exits.Exit.UNFORESEEN else f"unforeseen: {type(error).__name__}: {error}"
    more = {}
    if isinstance(error, ConfigError):
        more["problems"] = [
            {"file": str(problem.file), "key": problem.key, "expected": problem.expected, "got": problem.got}
            for problem in error.problems
        ]
    output.fail(options, text, code=code.value, **more)
    return code
