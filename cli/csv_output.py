"""CSV that a spreadsheet takes for data, whatever a device put into it."""

from collections.abc import Iterable, Sequence
from typing import TextIO

from cli.text import without_control_codes

Cell = str | float | bool | None

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_TRIGGERS = ("\t", "\r", "\n")


def safe_cell(cell: Cell) -> str:
    """The cell as text: text that a spreadsheet would run begins with an apostrophe, and numbers are exact."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return repr(cell)
    text = without_control_codes(cell)
    # Spreadsheets skip blanks before a formula.
    return f"'{text}" if text.lstrip().startswith(_STARTS_A_FORMULA) or text.startswith(_TRIGGERS) else text


def write_rows(out: TextIO, rows: Iterable[Sequence[Cell]]) -> None:
    """RFC 4180 but for its line ends, which are the platform's."""
    # Python's csv module leaves a lone carriage return unquoted when lines end in \n, and readers then see two rows.
    out.writelines(",".join(_quoted(safe_cell(cell)) for cell in row) + "\n" for row in rows)


def _quoted(text: str) -> str:
    escaped = text.replace('"', '""')
    return f'"{escaped}"' if any(character in text for character in ',"\r\n') else text
