"""How a command is declared: its name, its help, its options, and the function that does it."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from device_agent.cli.exits import UsageError
from device_agent.config.values import seconds as read_seconds

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse names it nowhere else

DEFAULT_CONFIG: Final = Path("/etc/fieldline/agent.toml")

Command = Callable[[argparse.Namespace], int]
"""Does it and returns the exit code; what it raises becomes one, too (`exits.code_of`)."""


def seconds(least: float, most: float) -> Callable[[str], float]:
    """The type of an option that is a duration: seconds, or such as `5m`."""

    def duration(text: str) -> float:
        try:
            value: float | None = float(text)
        except ValueError:
            value = read_seconds(text)
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected {least:g} to {most:g} s, such as 90 or 5m, got {text!r}")
        return value

    return duration


class ArgumentsError(UsageError):
    """Arguments that no command takes; `usage` says what it takes."""

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage


class Parser(argparse.ArgumentParser):
    """Raises ArgumentsError where argparse would print and exit: a program that asked for JSON gets JSON."""

    def error(self, message: str) -> NoReturn:
        raise ArgumentsError(message, f"{self.format_usage()}{self.prog}: error: {message}")


class Group:
    """Commands that share a word, such as `queue`."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._commands: Subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def group(self, name: str, about: str) -> "Group":
        return Group(self._commands.add_parser(name, help=about, description=about))

    def command(self, name: str, about: str, do: Command, *, config: bool = True) -> argparse.ArgumentParser:
        """Declare a command; more options can be added to what is returned."""
        parser = self._commands.add_parser(name, help=about, description=about)
        if config:
            parser.add_argument(
                "--config",
                type=Path,
                default=DEFAULT_CONFIG,
                metavar="FILE",
                help=f"the agent's TOML file (default: {DEFAULT_CONFIG})",
            )
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.set_defaults(command=do)
        return parser
