"""What commands print: tables, notes and JSON for people and scripts; colour only where it is wanted."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from cli.text import json_text, printable

if TYPE_CHECKING:
    from rich.console import Console

_UNBOUNDED = 10_000


def console(*, stderr: bool = False) -> "Console":
    """A console that honours NO_COLOR; what is piped is neither coloured, wrapped nor cut."""
    from rich.console import Console

    settings: dict[str, Any] = {"stderr": stderr, "highlight": False, "markup": False, "emoji": False}
    out = Console(**settings)
    return out if out.is_terminal else Console(**settings, width=_UNBOUNDED)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()) -> None:
    """`right` names the columns that hold numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(Text(column), justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Names and values below each other."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for name, value in fields:
        grid.add_row(Text(name, style="bold"), Text(value))
    console().print(grid)


def print_heading(text: str) -> None:
    console().print(f"\n{printable(text)}", style="bold")


def print_json(value: Any) -> None:
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    print_line(json_text(value, ascii_only=encoding != "utf8"))


def print_line(text: str, *, flush: bool = False) -> None:
    """`flush` is for what comes bit by bit: whoever reads a pipe shall not wait for more of it."""
    sys.stdout.write(f"{text}\n")
    if flush:
        sys.stdout.flush()


def note(text: str) -> None:
    """A remark on standard error, so that standard output stays what was asked for."""
    console(stderr=True).print(printable(text), style="dim")


def print_error(text: str, details: Sequence[str] = ()) -> None:
    from rich.text import Text

    line = Text("error: ", style="bold red")
    line.append(printable(text), style="not bold default")
    out = console(stderr=True)
    out.print(line)
    for detail in details:
        out.print(f"- {printable(detail)}")
