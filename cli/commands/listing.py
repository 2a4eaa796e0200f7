"""Lists of the API: all pages as one table, or as the JSON that one large page would be."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cli.api import Page
from cli.output import note, print_json, print_table


def print_list(
    pages: Sequence[Page],
    columns: Sequence[str],
    row: Callable[[dict[str, Any]], Sequence[str]],
    *,
    as_json: bool,
    limit: int,
    what: str,
    beyond: str = "raise --limit to see them",
    right: Iterable[str] = (),
) -> None:
    """`row` makes an item's cells. Where there is more than the `limit`, a person is told so, and what is `beyond`."""
    items = [item for page in pages for item in page["items"]]
    if as_json:
        print_json({**pages[-1], "items": items})
        return
    print_table(columns, map(row, items), right=right)
    if pages[-1].get("cursor"):
        note(f"There are more than {limit} {what}: {beyond}.")
