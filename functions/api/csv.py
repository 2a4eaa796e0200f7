"""Tables as CSV (RFC 4180), for spreadsheets that would take a cell for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from aws_lambda_powertools.event_handler import Response

from functions.api.answer import CSV, Answer

# Also as some spreadsheets read them: in full width, and behind blanks.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BREAKS = ("\t", "\r", "\n")


def csv_answer(header: Sequence[str], rows: Iterable[Sequence[Any]], *, cursor: str | None = None) -> Answer:
    """One page of a table; the cursor of the next is in the header `X-Next-Cursor`, since CSV has no place for it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([cell(value) for value in row] for row in rows)
    headers = {"Cache-Control": "no-store", **({} if cursor is None else {"X-Next-Cursor": cursor})}
    return Response(200, content_type=CSV, body=text.getvalue(), headers=headers)


def cell(value: Any) -> Any:
    """Numbers as they are; text that a spreadsheet would calculate gets an apostrophe before it.

    >>> cell("=1+1"), cell(-3.5), cell(True), cell(None)
    ("'=1+1", -3.5, 'true', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        value = msgspec.json.encode(value).decode()
    if isinstance(value, str) and (value.lstrip().startswith(_FORMULA) or value.startswith(_BREAKS)):
        return f"'{value}"
    return value
