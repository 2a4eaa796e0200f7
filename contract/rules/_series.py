"""Series of a rule's test: written out, in the forms that people want, or from a CSV file."""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any, Final

from contract._condition_notes import is_value
from contract.durations import milliseconds
from contract.errors import shown
from contract.telemetry import MAX_TEXT_CHARS, MAX_TIMESTAMP_MS, Value

__all__ = ["MAX_SAMPLES", "Samples", "instant", "read_csv", "read_series", "shown_instant"]

MAX_SAMPLES: Final = 200_000
_MAX_CSV_BYTES: Final = 16_777_216
_FORMS: Final[dict[str, tuple[str, ...]]] = {
    "value": ("at", "value"),
    "values": ("values", "every", "from"),
    "ramp": ("ramp", "every", "from", "to"),
    "repeat": ("repeat", "every", "from", "to"),
}
_MS_FROM: Final = 1e11  # a number of seconds would be in the year 5138
Note = Callable[[str, str, str], None]
"""Takes a path, what was expected, and what came."""


class Samples:
    """What comes, by its time; a value of None is one that must not be relied on."""

    def __init__(self) -> None:
        self.by_time: dict[int, dict[str, Value | None]] = {}
        self._count = 0

    def add(self, at: int, name: str, value: Value | None) -> str | None:
        """What is wrong with it, if anything."""
        self._count += 1
        if self._count > MAX_SAMPLES:
            return f"at most {MAX_SAMPLES} samples in all"
        known = self.by_time.setdefault(at, {})
        if name in known:
            return "one sample of each metric and time"
        known[name] = value
        return None


def instant(text: Any, start: int) -> int | None:
    """The time of `5m` (after the start) or of an RFC 3339 text (in UTC if it does not say), in ms; None if neither."""
    if not isinstance(text, str):
        return None
    offset = milliseconds(text)
    if offset is not None:
        return start + offset
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    ms = round(since.total_seconds() * 1000)
    return ms if 0 <= ms <= MAX_TIMESTAMP_MS else None


def shown_instant(ms: int) -> str:
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    part = f".{ms % 1000:03d}" if ms % 1000 else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{part}Z"


def read_series(name: str, document: Any, start: int, at: str, samples: Samples, note: Note) -> None:
    """The samples of one metric: one form or a list of them."""
    for index, each in enumerate(document if isinstance(document, list) else [document]):
        where = f"{at}[{index}]" if isinstance(document, list) else at
        for when, value in _form(each, start, where, note):
            if (wrong := samples.add(when, name, value)) is not None:
                note(where, wrong, f"another at {shown_instant(when)}")
                return


def _form(document: Any, start: int, at: str, note: Note) -> Iterator[tuple[int, Value | None]]:
    kinds = [kind for kind in _FORMS if isinstance(document, dict) and kind in document]
    if len(kinds) != 1:
        note(at, f"an object with one of {', '.join(_FORMS)}", " and ".join(kinds) or shown(document))
        return
    for key in document:
        if key not in _FORMS[kinds[0]]:
            note(f"{at}.{key}", f"one of {', '.join(_FORMS[kinds[0]])}", "a key that is none of them")
    if kinds[0] == "value":
        when = _time(document, "at", start, at, note)
        if when is not None and _is_sample(document["value"], f"{at}.value", note):
            yield when, document["value"]
        return
    yield from _regular(kinds[0], document, start, at, note)


def _regular(
    kind: str, document: dict[str, Any], start: int, at: str, note: Note
) -> Iterator[tuple[int, Value | None]]:
    """Those that come again and again after the same time."""
    begin = _time(document, "from", start, at, note) if "from" in document else start
    every = milliseconds(document["every"]) if isinstance(document.get("every"), str) else None
    if not every:
        note(f"{at}.every", "a duration such as 30s", shown(document["every"]) if "every" in document else "nothing")
    if begin is None or not every:
        return
    if kind == "values":
        yield from _values(document["values"], begin, every, f"{at}.values", note)
        return
    end = _time(document, "to", start, at, note)
    if end is None:
        return
    form = _ramp if kind == "ramp" else _repeat
    yield from form(document[kind], begin, end, every, f"{at}.{kind}", note)


def _values(values: Any, begin: int, every: int, at: str, note: Note) -> Iterator[tuple[int, Value | None]]:
    if not isinstance(values, list) or not values:
        note(at, "a list of at least one value", shown(values))
        return
    for index, value in enumerate(values):
        if _is_sample(value, f"{at}[{index}]", note):
            yield begin + index * every, value


def _ramp(ends: Any, begin: int, end: int, every: int, at: str, note: Note) -> Iterator[tuple[int, Value | None]]:
    if not isinstance(ends, list) or len(ends) != 2 or not all(_is_number(value) for value in ends):  # noqa: PLR2004
        note(at, "a list of two numbers: the first value and the last", shown(ends))
        return
    for when in range(begin, end + 1, every):
        yield when, ends[0] + (ends[1] - ends[0]) * ((when - begin) / max(1, end - begin))


def _repeat(values: Any, begin: int, end: int, every: int, at: str, note: Note) -> Iterator[tuple[int, Value | None]]:
    values = values if isinstance(values, list) else [values]
    if not values:
        note(at, "a value, or a list of at least one", shown(values))
    wrong = [index for index, value in enumerate(values) if not _is_sample(value, f"{at}[{index}]", note)]
    if values and not wrong:
        for index, when in enumerate(range(begin, end + 1, every)):
            yield when, values[index % len(values)]


def read_csv(document: Any, folder: Path | None, at: str, samples: Samples, note: Note) -> None:
    """The samples of a file: a column of times, and one for each metric."""
    if not isinstance(document, dict) or not isinstance(document.get("file"), str):
        note(f"{at}.file", "a CSV file beside this one", shown(document))
        return
    for key in document:
        if key not in ("file", "time", "columns"):
            note(f"{at}.{key}", "one of file, time, columns", "a key that is none of them")
    if folder is None:
        note(f"{at}.file", "left out: there are no files here", shown(document["file"]))
        return
    path = folder / document["file"]
    try:
        if path.stat().st_size > _MAX_CSV_BYTES:
            note(f"{at}.file", f"a file of at most {_MAX_CSV_BYTES} bytes", f"{path.stat().st_size} bytes")
            return
        with path.open(newline="", encoding="utf-8-sig") as file:
            _read_rows(csv.reader(file), document, at, samples, note)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        note(f"{at}.file", "a readable CSV file", f"{document['file']}: {error}")


def _read_rows(rows: Iterator[list[str]], document: dict[str, Any], at: str, samples: Samples, note: Note) -> None:
    header, time = next(rows, []), document.get("time", "time")
    columns = document.get("columns", {name: name for name in header if name != time})
    if time not in header:
        note(f"{at}.time", f"one of the columns {', '.join(header)}", shown(time))
        return
    if not isinstance(columns, dict) or any(column not in header for column in columns.values()):
        note(f"{at}.columns", f"an object from metrics to the columns {', '.join(header)}", shown(columns))
        return
    places = [(name, header.index(column)) for name, column in columns.items()]
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        when = _row_time(row[header.index(time)]) if len(row) == len(header) else None
        if when is None:
            expected = f"rows of {len(header)} columns with a time: ISO 8601, seconds or ms"
            note(f"{at}.file", expected, f"in line {number}: {shown(','.join(row))}")
            return
        for name, place in places:
            if row[place] and (wrong := samples.add(when, name, _cell(row[place]))) is not None:
                note(f"{at}.file", wrong, f"in line {number}: {shown(','.join(row))}")
                return


def _row_time(text: str) -> int | None:
    number = _number(text)
    if number is None:
        return instant(text, 0) if milliseconds(text) is None else None
    ms = number if number >= _MS_FROM else number * 1000
    return round(ms) if 0 <= ms <= MAX_TIMESTAMP_MS else None


def _cell(text: str) -> Value:
    number = _number(text)
    if number is not None:
        return number
    return text == "true" if text in ("true", "false") else text[:MAX_TEXT_CHARS]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _time(document: dict[str, Any], key: str, start: int, at: str, note: Note) -> int | None:
    when = instant(document.get(key), start)
    if when is None:
        got = shown(document[key]) if key in document else "nothing"
        note(f"{at}.{key}", "a duration after the start such as 5m, or an RFC 3339 time", got)
    elif when < start:
        note(f"{at}.{key}", f"not before the start, {shown_instant(start)}", shown(document[key]))
    else:
        return when
    return None


def _is_sample(value: Any, at: str, note: Note) -> bool:
    if value is None or is_value(value):
        return True
    note(at, "a number, a boolean, a text, or null for one that must not be relied on", shown(value))
    return False


def _is_number(value: Any) -> bool:
    return is_value(value) and not isinstance(value, bool | str)
