"""CSV that a spreadsheet takes for data, whatever a device put into it."""

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

Cell = str | float | bool | None

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_TRIGGERS = ("\t", "\r", "\n")


def safe_cell(cell: Cell) -> str:
    """The cell as text. Text that a spreadsheet would run begins with an apostrophe; numbers are left exact."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return repr(cell)
    # Spreadsheets skip blanks before a formula; NUL ends a cell for some readers.
    text = cell.replace("\0", "")
    return f"'{text}" if text.lstrip().startswith(_STARTS_A_FORMULA) or text.startswith(_TRIGGERS) else text


def write_rows(out: TextIO, rows: Iterable[Sequence[Cell]]) -> None:
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
