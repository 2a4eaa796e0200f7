"""What the readers of conditions share: problems under their paths, and the values that documents are made of."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from contract.conditions import ATTRIBUTE, MAX_DURATION_MS
from contract.durations import read_duration
from contract.errors import IdentityError, shown
from contract.identity import ATTRIBUTE_PATTERN, parse_metric
from contract.models import Metric, MetricType, type_of
from contract.telemetry import MAX_TEXT_CHARS

__all__ = ["FOR", "WORDS", "Notes", "is_value"]

FOR: Final = ("for", "for_ms")
WORDS: Final[dict[str | None, str]] = {
    None: f"a finite number, a boolean or a text of at most {MAX_TEXT_CHARS} characters",
    "number": "a finite number",
    "boolean": "true or false",
    "string": f"a text of at most {MAX_TEXT_CHARS} characters",
}
_IS_ATTRIBUTE: Final = re.compile(ATTRIBUTE_PATTERN).fullmatch


class Notes:
    """The problems of a condition. A path ends with a dot unless it is empty; what is noted does not."""

    def __init__(self, metrics: Mapping[str, Metric | None] | None, *, edge: bool) -> None:
        self.problems: list[tuple[str, str, str]] = []
        self.metrics = metrics
        self.edge = edge

    def note(self, at: str, expected: str, got: str) -> None:
        self.problems.append((at.removesuffix("."), expected, got))

    def refuse_unknown(self, document: dict[str, Any], at: str, known: tuple[str, ...]) -> None:
        for key in document:
            if key not in known:
                self.note(f"{at}{key}", f"one of {', '.join(known)}", "a key that is none of them")

    def refuse_at_edge(self, at: str, what: str) -> None:
        if self.edge:
            self.note(at, f"left out on a device: {what}", "a condition for rules in the cloud")

    def metric(self, name: Any, at: str, kind: MetricType | None = None) -> str:
        """The name of a metric, which must be of a kind if that is known."""
        if self.metrics is not None and (not isinstance(name, str) or name not in self.metrics):
            self.note(at, f"one of {', '.join(self.metrics)}", shown(name))
            return ""
        try:
            read = parse_metric(name if isinstance(name, str) else "")
        except IdentityError as error:
            self.note(at, error.expected, shown(name))
            return ""
        known = self.known(read)
        if kind is not None and known is not None and known.type != kind:
            self.note(at, f"a metric that is a {kind}", f"{read}, a {known.type}")
        return read

    def attribute(self, name: Any, at: str) -> str:
        """The sample of an attribute: a tag of the device by its key."""
        self.refuse_at_edge(at, "it does not know its attributes")
        if isinstance(name, str) and _IS_ATTRIBUTE(name):
            return f"{ATTRIBUTE}{name}"
        self.note(at, "an attribute: 1 to 63 of a-z, 0-9, '_', '-' and '.', starting with a letter", shown(name))
        return ""

    def known(self, metric: str) -> Metric | None:
        return (self.metrics or {}).get(metric)

    def number(self, value: Any, at: str, low: float | None = None, high: float | None = None) -> float:
        if not is_value(value) or type_of(value) != "number":
            self.note(at, WORDS["number"], shown(value))
        elif (low is not None and value < low) or (high is not None and value > high):
            self.note(at, f"a number from {low:g} to {high:g}", shown(value))
        else:
            return float(value)
        return 0.0

    def integer(self, document: dict[str, Any], key: str, at: str, minimum: int, maximum: int) -> int | None:
        if key not in document:
            return None
        value = document[key]
        if type(value) is int and minimum <= value <= maximum:
            return value
        self.note(f"{at}{key}", f"an integer from {minimum} to {maximum}", shown(value))
        return None

    def lasting(self, document: dict[str, Any], at: str) -> int:
        return self.duration(document, "for", at, 0) or 0

    def duration(self, document: dict[str, Any], key: str, at: str, minimum: int) -> int | None:
        return read_duration(
            document, key, minimum, MAX_DURATION_MS, lambda wrong, expected, got: self.note(at + wrong, expected, got)
        )


def is_value(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT_CHARS
    if isinstance(value, bool):
        return True
    try:
        return isinstance(value, int | float) and isfinite(value)
    except OverflowError:  # an integer beyond a float's range
        return False
