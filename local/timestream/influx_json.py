"""Results as InfluxDB's JSON, digit for digit: numbers the way Go prints them, `<`, `>` and `&` escaped."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Final, TypeAlias

Cell: TypeAlias = float | int | str | bool | None
_DIVISORS: Final = {"u": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SPECIAL: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)
_LARGE: Final = 1e21
_SMALL: Final = 1e-6


class InfiniteError(ValueError):
    """A sum is beyond what JSON can say: InfluxDB then answers with this text alone."""

    def __init__(self, value: float) -> None:
        sign = "-" if value < 0 else "+"
        kind = "NaN" if value != value else f"{sign}Inf"  # noqa: PLR0124 - NaN
        super().__init__(
            "json: error calling MarshalJSON for type httpd.Response: json: error calling MarshalJSON for type "
            f"*query.Result: json: unsupported value: {kind}"
        )


@dataclass(frozen=True, slots=True)
class Series:
    """`rows` begin with their time in ns where the first column is a time."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    name: str = ""
    tags: Mapping[str, str] | None = None
    timed: bool = True


@dataclass(slots=True)
class Result:
    statement_id: int
    series: Sequence[Series] = ()
    error: str | None = None
    messages: list[dict[str, str]] = field(default_factory=list)


def encode(results: Iterable[Result], epoch: str) -> str:
    """Times as numbers of `epoch`'s unit, or in RFC 3339 where it is empty. Raises InfiniteError."""
    time = _time_writer(epoch)
    parts = [_result(result, time) for result in results]
    return '{"results":[' + ",".join(parts) + "]}" if parts else "{}"


def text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).translate(_SPECIAL)


def number(value: float) -> str:
    """Raises InfiniteError."""
    if not isfinite(value):
        raise InfiniteError(value)
    size = abs(value)
    if size == 0 or _SMALL <= size < _LARGE:
        shown = repr(value)
        if shown.endswith(".0"):
            return shown[:-2]
        return shown if "e" not in shown else _without_exponent(shown)
    # Go writes an exponent without leading zeros, and no ".0" before it; Python agrees but for e-07.
    mantissa, exponent = repr(value).split("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}"


def cell(value: Cell) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return text(value)
    return number(value) if isinstance(value, float) else str(value)


def _without_exponent(shown: str) -> str:
    mantissa, exponent = shown.split("e")
    sign, digits = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    whole, _, fraction = digits.partition(".")
    power = int(exponent)
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{whole}{fraction}"
    return f"{sign}{whole}{fraction:0<{power}}"


def _time_writer(epoch: str) -> Callable[[int], str]:
    if not epoch:
        return lambda ns: f'"{rfc3339(ns)}"'
    divisor = _DIVISORS.get(epoch, 1)
    if divisor == 1:
        return str
    # Go divides towards zero.
    return lambda ns: str(ns // divisor if ns >= 0 else -(-ns // divisor))


def rfc3339(ns: int) -> str:
    seconds, fraction = divmod(ns, 10**9)
    moment = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{fraction:09d}".rstrip("0") + "Z" if fraction else f"{moment}Z"


def _result(result: Result, time: Callable[[int], str]) -> str:
    parts = [f'"statement_id":{result.statement_id}']
    if result.series:
        parts.append('"series":[' + ",".join(_series(series, time) for series in result.series) + "]")
    if result.messages:
        parts.append('"messages":' + json.dumps(result.messages, separators=(",", ":"), ensure_ascii=False))
    if result.error is not None:
        parts.append(f'"error":{text(result.error)}')
    return "{" + ",".join(parts) + "}"


def _series(series: Series, time: Callable[[int], str]) -> str:
    parts = []
    if series.name:
        parts.append(f'"name":{text(series.name)}')
    if series.tags:
        tags = ",".join(f"{text(key)}:{text(value)}" for key, value in sorted(series.tags.items()))
        parts.append('"tags":{' + tags + "}")
    parts.append('"columns":[' + ",".join(map(text, series.columns)) + "]")
    if series.rows:
        rows = _timed_rows(series.rows, time) if series.timed else (",".join(map(cell, row)) for row in series.rows)
        parts.append('"values":[[' + "],[".join(rows) + "]]")
    return "{" + ",".join(parts) + "}"


def _timed_rows(rows: Sequence[Sequence[Any]], time: Callable[[int], str]) -> Iterable[str]:
    for row in rows:
        moment, *cells = row
        yield ",".join([time(moment), *map(cell, cells)])
