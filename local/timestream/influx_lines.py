"""InfluxDB's line protocol to rows, with the errors that InfluxDB gives for what it cannot read.

https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/
"""

import re
from collections.abc import Iterator
from math import isinf
from typing import Final, NamedTuple

from local.timestream.model import MAX_INT64, Row, Series, Value

MIN_TIME, MAX_TIME = -(2**63) + 2, 2**63 - 2
"""The range of times in ns that InfluxDB stores."""
PRECISIONS: Final = {
    "n": 1,
    "ns": 1,
    "u": 10**3,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
BOOLEANS: Final = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}
_MAX_KEY = 65535
_KNOWN_HEADS = 200_000
_DIGITS: Final = frozenset("0123456789")
_LAST_OF_FLOAT: Final = frozenset("0123456789.")
_FIRST_OF_NUMBER: Final = frozenset("0123456789.-")
_BLANK: Final = " \t\0"
_NUMBER_CHARS: Final = re.compile(r"[^, ]*")
_INTEGER: Final = re.compile(r"-?[0-9]+i")
_FLOAT: Final = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_SCIENTIFIC: Final = re.compile(r"-?[0-9.][0-9.eE]*(?:(?<=[eE])[+-][0-9.eE]*)*")
_TAG_ESCAPE: Final = re.compile(r"\\([,= ])")
_FIELD_ESCAPE: Final = re.compile(r'\\([,= "])')
_STRING_ESCAPE: Final = re.compile(r'\\(["\\])')


class Head(NamedTuple):
    """What stands before a line's fields."""

    measurement: str
    series: Series


class Line(NamedTuple):
    measurement: str
    row: Row


class Parsed(NamedTuple):
    """What could be read, in order, and an error for each line that could not."""

    lines: list[Line]
    errors: list[str]


class LineError(ValueError):
    pass


class LineParser:
    """Heads come again and again, one a device: each is read once, whichever thread meets it."""

    def __init__(self) -> None:
        self._heads: dict[str, Head] = {}

    def parse(self, text: str, now: int, unit: int = 1) -> Parsed:
        """Times are in `unit` ns; lines without one stand at `now`, in ns, cut to that unit."""
        lines: list[Line] = []
        errors: list[str] = []
        default_time = now - now % unit
        ascii_only = text.isascii()
        heads = self._heads
        if len(heads) > _KNOWN_HEADS:
            heads.clear()
        for line in _lines(text):
            if '"' not in line and "\\" not in line and (ascii_only or line.isascii()):
                start, _, rest = line.partition(" ")
                head = heads.get(start)
                if head is not None:
                    fields, _, stamp = rest.partition(" ")
                    values = _plain_values(fields)
                    if values is not None and (stamp.isdigit() or not stamp):
                        time = int(stamp) * unit if stamp else default_time
                        if time <= MAX_TIME:
                            lines.append(Line(head.measurement, Row(head.series, time, 0, values)))
                            continue
            stripped = line.lstrip(_BLANK)
            if not stripped or stripped[0] == "#":
                continue
            try:
                start, parsed = _parse(stripped, default_time, unit)
            except LineError as exc:
                errors.append(f"unable to parse '{stripped}': {exc}")
            else:
                heads[start] = Head(parsed.measurement, parsed.row.series)
                lines.append(parsed)
        return Parsed(lines, errors)


def _plain_values(fields: str) -> dict[str, Value] | None:
    """Of fields without quotes and escapes; None where reading them needs more care."""
    values: dict[str, Value] = {}
    try:
        for pair in fields.split(","):
            name, _, text = pair.partition("=")
            last = text[-1]
            if last in _LAST_OF_FLOAT and text[0] in _FIRST_OF_NUMBER and "_" not in text:
                number = float(text)
                if isinf(number) or not name:
                    return None
                values[name] = number
            elif text in BOOLEANS and name:
                values[name] = BOOLEANS[text]
            else:
                return None
    except (IndexError, ValueError):
        return None
    return values


def _lines(text: str) -> Iterator[str]:
    """A line ends at a newline outside the quotes of a string."""
    at = 0
    length = len(text)
    while at < length:
        end = text.find("\n", at)
        if end < 0:
            end = length
        if text.find('"', at, end) >= 0:
            end = _quoted_end(text, at)
        yield text[at:end]
        at = end + 1


def _quoted_end(text: str, at: int) -> int:
    quoted = in_fields = False
    equals = commas = 0
    length = len(text)
    while at < length:
        char = text[at]
        if char == "\\" and at + 2 < length:
            at += 2
            continue
        if char == " ":
            in_fields = True
        elif in_fields and char == '"' and equals > commas:
            quoted = not quoted
        elif in_fields and not quoted and char == "=":
            equals += 1
        elif in_fields and not quoted and char == ",":
            commas += 1
        elif char == "\n" and not quoted:
            break
        at += 1
    return at


def _parse(line: str, default_time: int, unit: int) -> tuple[str, Line]:
    """The line's head as it is written, and what it says."""
    end, measurement, tags = _key(line)
    if end > _MAX_KEY:
        raise LineError(f"max key length exceeded: {end} > {_MAX_KEY}")
    pairs = _fields(line, end)
    stamp, end = _stamp(line, pairs.end)
    time = default_time
    if stamp:
        time = _time(stamp, unit)
        if line[end:].strip(" "):
            raise LineError("point is invalid")
    values = {_FIELD_ESCAPE.sub(r"\1", name): _value(text) for name, text in pairs.values}
    series = tuple(sorted((_TAG_ESCAPE.sub(r"\1", name), _TAG_ESCAPE.sub(r"\1", value)) for name, value in tags))
    if len({name for name, _ in series}) < len(series):
        raise LineError("duplicate tags")
    head = line.partition(" ")[0]
    return head, Line(_TAG_ESCAPE.sub(r"\1", measurement), Row(series, time, 0, values))


def _key(line: str) -> tuple[int, str, list[tuple[str, str]]]:
    """Where the measurement and its tags end, the measurement and the tags, all as written."""
    if line[0] == ",":
        raise LineError("missing measurement")
    at = _until(line, 1, " ,", "missing fields")
    measurement = line[:at]
    tags: list[tuple[str, str]] = []
    while line[at] == ",":
        first = at + 1
        if first >= len(line) or line[first] in " ,=":
            raise LineError("missing tag key")
        equals = _until(line, first + 1, " ,=", "missing tag value")
        if line[equals] != "=" or equals + 1 >= len(line) or line[equals + 1] in ", ":
            raise LineError("missing tag value")
        at = _until(line, equals + 2, " ,=", "missing fields")
        if line[at] == "=":
            raise LineError("invalid tag format")
        tags.append((line[first:equals], line[equals + 1 : at]))
    return at, measurement, tags


def _until(line: str, at: int, ends: str, missing: str) -> int:
    """The next of `ends` that no backslash stands before."""
    while at < len(line):
        if line[at] in ends and line[at - 1] != "\\":
            return at
        at += 1
    raise LineError(missing)


class _Pairs(NamedTuple):
    end: int
    values: list[tuple[str, str]]


def _fields(line: str, at: int) -> _Pairs:
    """Names and values of the fields as written; every value is well formed."""
    at = _skip_blank(line, at)
    start = at
    quoted = False
    equals = commas = 0
    while at < len(line):
        char = line[at]
        if char == "\\" and at + 1 < len(line):
            at += 2
            continue
        if char == '"' and equals > commas:
            quoted = not quoted
        elif not quoted and char == "=":
            equals += 1
            _check_around_equals(line, at)
            if line[at + 1] != '"':
                at = _scan_value(line, at + 1)
                continue
        elif not quoted and char == ",":
            commas += 1
        elif not quoted and char == " ":
            break
        at += 1
    if quoted:
        raise LineError("unbalanced quotes")
    if equals == 0 or commas != equals - 1:
        raise LineError("invalid field format")
    return _Pairs(at, list(_pairs(line[start:at])))


def _check_around_equals(line: str, at: int) -> None:
    if line[at - 1] in " ," and line[at - 2] != "\\":
        raise LineError("missing field key")
    if at + 1 >= len(line) or line[at + 1] in ", ":
        raise LineError("missing field value")


def _scan_value(line: str, at: int) -> int:
    """Where a number or a boolean ends."""
    match = _NUMBER_CHARS.match(line, at)
    assert match is not None  # noqa: S101 - it matches nothing, too
    text = match[0]
    if text[0] in "0123456789.-nN":
        _number(text)
    elif text[0] not in "tTfF" or text not in BOOLEANS:
        raise LineError("invalid boolean")
    return match.end()


def _number(text: str) -> float | int:
    if _INTEGER.fullmatch(text):
        digits = text[:-1]
        number = int(digits)
        if not -MAX_INT64 - 1 <= number <= MAX_INT64:
            raise LineError(
                f"unable to parse integer {digits}: strconv.ParseInt: parsing {_quoted(digits)}: value out of range"
            )
        return number
    if _FLOAT.fullmatch(text):
        real = float(text)
    elif _SCIENTIFIC.fullmatch(text) and text.count(".") < 2:  # noqa: PLR2004 - the second is one too many
        try:
            real = float(text)
        except ValueError:
            if "e" in text.lower():
                raise LineError("invalid float") from None
            raise LineError("invalid number") from None
    else:
        raise LineError("invalid number")
    if isinf(real):
        raise LineError("invalid float")
    return real


def _pairs(fields: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(fields):
        equals = _unescaped(fields, at, "=")
        end = equals + 1
        quoted = False
        while end < len(fields) and (quoted or fields[end] != ","):
            if fields[end] == "\\" and fields[end + 1 : end + 2] in {'"', "\\"}:
                end += 1
            elif fields[end] == '"':
                quoted = not quoted
            end += 1
        yield fields[at:equals], fields[equals + 1 : end]
        at = end + 1


def _unescaped(text: str, at: int, wanted: str) -> int:
    while at < len(text) and text[at] != wanted:
        at += 2 if text[at] == "\\" else 1
    return at


def _value(text: str) -> Value:
    if text[0] == '"':
        return _STRING_ESCAPE.sub(r"\1", text[1:-1])
    return BOOLEANS[text] if text in BOOLEANS else _number(text)


def _stamp(line: str, at: int) -> tuple[str, int]:
    start = at = _skip_blank(line, at)
    while at < len(line) and line[at] != " ":
        if line[at] not in _DIGITS and not (at == start and line[at] == "-"):
            raise LineError("bad timestamp")
        at += 1
    return line[start:at], at


def _time(stamp: str, unit: int) -> int:
    if stamp == "-":
        raise LineError('strconv.ParseInt: parsing "-": invalid syntax')
    number = int(stamp)
    if not -MAX_INT64 - 1 <= number <= MAX_INT64:
        raise LineError(f"strconv.ParseInt: parsing {_quoted(stamp)}: value out of range")
    if not MIN_TIME <= number * unit <= MAX_TIME:
        raise LineError(f"time outside range {MIN_TIME} - {MAX_TIME}")
    return number * unit


def _quoted(text: str) -> str:
    return f'"{text}"'


def _skip_blank(line: str, at: int) -> int:
    while at < len(line) and line[at] in _BLANK:
        at += 1
    return at
