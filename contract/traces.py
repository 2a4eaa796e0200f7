"""What a trace says, in words: the tree that `contract.evaluation` explains a condition by.

    >>> trace = {"metric": "temperature", "above": 8, "verdict": "false", "value": 6.5, "age_ms": 10000}
    >>> lines(trace, 1_764_000_000_000)
    [Line(depth=0, verdict='false', text='temperature above 8: it was 6.5 at 15:59:50')]
    >>> reasons(trace, 1_764_000_000_000)
    ['temperature above 8: it was 6.5 at 15:59:50']

A trace of a newer release may have parts that are not known here: they are told as they are.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from contract.durations import UNITS_MS
from contract.telemetry import MAX_TIMESTAMP_MS

__all__ = ["Line", "lines", "reasons", "span"]

_OPERATORS: Final = {
    "above": "above",
    "below": "below",
    "at_least": "at least",
    "at_most": "at most",
    "equals": "equal to",
    "not_equals": "not",
}
_GROUPS: Final = {"all": "all of", "any": "any of"}
_TOLD: Final = frozenset({"verdict", "value", "age_ms", "held_ms", "silent_ms", "threshold", "value_before", "for_ms"})
_MAX_CHARS: Final = 200


class Line(NamedTuple):
    depth: int
    verdict: str
    text: str


def lines(trace: Mapping[str, Any], at: int) -> list[Line]:
    """The tree from its root on; `at` is the instant in ms that it is of."""
    return list(_lines(trace, at, 0))


def reasons(trace: Mapping[str, Any], at: int) -> list[str]:
    """The parts that alone decide the verdict, or leave it unknown, without those that do not matter."""
    return list(dict.fromkeys(_reasons(trace, at)))


def span(ms: int) -> str:
    """A duration, as rules write it, by its two greatest units: `1h30m`, `250ms`."""
    parts, left = [], max(0, ms)
    for unit, size in UNITS_MS.items():
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
        if parts and (not count or len(parts) == 2 or unit == "s"):  # noqa: PLR2004 - units
            break
    return "".join(parts) or "0s"


def _lines(node: Mapping[str, Any], at: int, depth: int) -> Iterator[Line]:
    verdict = str(node.get("verdict", "unknown"))
    for word, said in _GROUPS.items():
        if isinstance(node.get(word), list):
            yield Line(depth, verdict, f"{said}{_lasting(node)}:{_held(node)}")
            for part in node[word]:
                yield from _lines(part, at, depth + 1)
            return
    if isinstance(node.get("not"), Mapping):
        yield Line(depth, verdict, f"not{_lasting(node)}:{_held(node)}")
        yield from _lines(node["not"], at, depth + 1)
        return
    yield Line(depth, verdict, _leaf(node, at))


def _reasons(node: Mapping[str, Any], at: int) -> Iterator[str]:
    verdict = node.get("verdict")
    waits = "held_ms" in node and verdict == "false"
    for word, said in _GROUPS.items():
        parts = node.get(word)
        if isinstance(parts, list):
            if waits:
                yield f"{said} {len(parts)} conditions{_lasting(node)}:{_held(node)}"
                return
            # One part decides `all` that is false and `any` that is true; else every part of this verdict does.
            decisive = [part for part in parts if part.get("verdict") == verdict] or parts
            for part in decisive:
                yield from _reasons(part, at)
            return
    inner = node.get("not")
    if isinstance(inner, Mapping):
        if waits:
            yield f"not{_lasting(node)}:{_held(node)}"
        else:
            yield from (f"not {one}" for one in _reasons(inner, at))
        return
    yield _leaf(node, at)


def _leaf(node: Mapping[str, Any], at: int) -> str:
    said = f"{_what(node)}{_lasting(node)}"
    found = _found(node, at)
    held = _held(node)
    return f"{said}: {found}{',' if held else ''}{held}"[:_MAX_CHARS]


def _what(node: Mapping[str, Any]) -> str:
    """The condition."""
    for key, said in _KINDS.items():
        if key in node:
            return said(node)
    operator = next((one for one in _OPERATORS if one in node), None)
    if operator is None:
        return " ".join(f"{key} {_shown(value)}" for key, value in node.items() if key not in _TOLD)
    subject = _metric(node)
    if "rate_over_ms" in node:
        subject = f"change of {subject} per second over {span(node['rate_over_ms'])}"
    if "aggregate" in node:
        subject = f"{node['aggregate']} of {subject} over {span(node.get('over_ms', 0))}"
    until = f" (until {_shown(node['until'])})" if "until" in node else ""
    times = ""
    if "count" in node:
        times = f", {node['count']} of the last {node['of']}" if "of" in node else f", {node['count']} in a row"
    return f"{subject} {_OPERATORS[operator]} {_operand(node[operator], node)}{until}{times}"


def _metric(node: Mapping[str, Any]) -> str:
    return str(node.get("metric", node.get("attribute", "the device")))


def _changes(node: Mapping[str, Any]) -> str:
    ends = "".join(f" {word} {_shown(node[word])}" for word in ("from", "to") if word in node)
    return f"{_metric(node)} changes{ends}"


_KINDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "no_data": lambda node: f"no data of {_metric(node)}",
    "changes": _changes,
    "online": lambda node: "online" if node["online"] else "offline",
    "schedule": lambda node: f"within the schedule ({node.get('zone', 'UTC')})",
    "geofence": lambda node: f"{node.get('is', 'inside')} the geofence",
}


def _operand(threshold: Any, node: Mapping[str, Any]) -> str:
    if not isinstance(threshold, Mapping):
        return _shown(threshold)
    name = threshold.get("metric", threshold.get("attribute"))
    plus = threshold.get("plus")
    beside = "" if not plus else f" {'+' if plus > 0 else '-'} {_shown(abs(plus))}"
    return f"{name}{beside} ({_shown(node.get('threshold'))})"


def _found(node: Mapping[str, Any], at: int) -> str:
    """What came of it."""
    if "silent_ms" in node:
        return f"silent for {span(node['silent_ms'])}"
    if "wall_clock" in node:
        return f"it was {node['wall_clock']} there"
    return _position(node) if "geofence" in node else _value(node, at)


def _position(node: Mapping[str, Any]) -> str:
    if node.get("position") is None:
        return "the position is unknown"
    distance = f", {node['distance_m']:g} m from the centre" if "distance_m" in node else ""
    return f"at {', '.join(_shown(one) for one in node['position'])}{distance}"


def _value(node: Mapping[str, Any], at: int) -> str:
    computed = "rate" if "rate_over_ms" in node else "result"
    when = f" at {_clock(at - node['age_ms'], at)}" if isinstance(node.get("age_ms"), int) else ""
    if computed in node:
        value = node[computed]
        return "too little data in the window" if value is None else f"it was {_shown(value)}, the last value{when}"
    if "value" not in node:
        return "it never came"
    before = f" after {_shown(node['value_before'])}" if "value_before" in node else ""
    value = "not to be relied on" if node["value"] is None else _shown(node["value"])
    unknown = node.get("verdict") == "unknown" and node["value"] is not None
    return f"it was {value}{before}{when}{', which cannot be compared or is too old' if unknown else ''}"


def _lasting(node: Mapping[str, Any]) -> str:
    return f" for {span(node['for_ms'])}" if node.get("for_ms") else ""


def _held(node: Mapping[str, Any]) -> str:
    return f" so far for {span(node['held_ms'])}" if "held_ms" in node else ""


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.9g}"
    return "unknown" if value is None else str(value)


def _clock(ms: int, at: int) -> str:
    """With its day only where that is another."""
    if not 0 <= ms <= MAX_TIMESTAMP_MS:
        return f"{ms} ms"
    moment, other = (datetime.fromtimestamp(one // 1000, UTC) for one in (ms, max(0, at)))
    return f"{moment:%H:%M:%S}" if moment.date() == other.date() else f"{moment:%Y-%m-%d %H:%M:%S}"
