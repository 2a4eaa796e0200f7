"""Values as a person reads them. What devices and servers send never reaches the terminal as control codes."""

import json
import re
from typing import Any

_MISSING = "-"
# Control codes, lone surrogates, and the marks that turn the reading direction of a line around.
_CODES = r"\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_ANY_CODE = re.compile(rf"[\x00-\x1f{_CODES}]")
_CODE_IN_CSV = re.compile(rf"[\x00-\x08\x0b\x0c\x0e-\x1f{_CODES}]")  # tab and line ends stay: cells are quoted
_CODE_IN_JSON = re.compile(rf"[{_CODES}]")  # json escapes those below the blank by itself
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def printable(text: str) -> str:
    """The text on one line, with each control character shown as its escape."""
    return _ANY_CODE.sub(_escape, text)


def without_control_codes(text: str) -> str:
    """The text as it is, tabs and line ends included, with every other control character shown as its escape."""
    return _CODE_IN_CSV.sub(_escape, text)


def shown(value: Any) -> str:
    """A JSON value in a table cell."""
    match value:
        case None:
            return _MISSING
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:.9g}"  # a latitude to a millimetre, and no trailing 0000000002
        case list():
            return ", ".join(shown(item) for item in value) or _MISSING
        case dict():
            return ", ".join(f"{printable(str(key))} {shown(item)}" for key, item in value.items()) or _MISSING
        case _:
            return printable(str(value)) or _MISSING


def age(ms: int | None, now_ms: int) -> str:
    """How long ago, in its largest unit: `12 s ago`, `3 h ago`; small negatives are clocks that disagree."""
    if ms is None:
        return _MISSING
    seconds = (now_ms - ms) // 1000
    if seconds < -_MINUTE_S:
        return f"in {_span(-seconds)}"
    return f"{_span(max(0, seconds))} ago"


def until(ms: int | None, now_ms: int) -> str:
    """When something ends, also within the next seconds: `in 45 s`, `12 s ago`."""
    return f"in {_span((ms - now_ms) // 1000)}" if ms is not None and ms > now_ms else age(ms, now_ms)


def json_text(value: Any, *, ascii_only: bool = False) -> str:
    """JSON that reads back as the same value and that no terminal takes for commands."""
    return _CODE_IN_JSON.sub(_escape, json.dumps(value, indent=2, ensure_ascii=ascii_only))


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _span(seconds: int) -> str:
    if seconds < _MINUTE_S:
        return f"{seconds} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S} min"
    if seconds < 2 * _DAY_S:
        return f"{seconds // _HOUR_S} h"
    return f"{seconds // _DAY_S} d"
