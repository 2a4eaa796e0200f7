"""Who has points. The index lists names in order and by offset, also of devices whose rows are gone."""

from functions.adapters.influx_pages import Asking
from functions.adapters.influx_queries import last_of_each_device, names

NAMES = 1_000
"""Of the index looked at for one page."""


def page_of_devices(
    asking: Asking, after: str, offset: int, start: int, end: int
) -> tuple[list[str], tuple[str, int] | None]:
    """Those with points in `[start, end)` among the next names, and the last name seen with its offset if more follow.

    `after` is the name that was seen last, at `offset`. Names come and go between pages, and offsets shift: what has
    been seen is not repeated, and nothing is left out.
    """
    while True:
        (series,) = asking.query(names(NAMES, offset))
        listed = sorted(row[1] for one in series for row in one.values)
        if offset == 0 or (listed and listed[0] <= after):
            break
        offset = max(0, offset - NAMES)
    new = [name for name in listed if name > after]
    having = asking.query(last_of_each_device(new, start, end))[0] if new else []
    more = len(listed) == NAMES
    return [one.tags["device"] for one in having], (listed[-1], offset + NAMES - 1) if more else None
