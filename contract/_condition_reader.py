"""From a condition's document to its struct, with everything that is wrong noted under its path."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final, get_args

from contract.conditions import (
    MAX_DEPTH,
    MAX_DURATION_MS,
    MAX_NODES,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    NoData,
    Not,
    Operator,
)
from contract.durations import read_duration
from contract.errors import ConditionError, IdentityError, shown
from contract.identity import parse_metric
from contract.models import Metric, type_of
from contract.telemetry import MAX_TEXT_CHARS, Value

__all__ = ["read"]

_MAX_COUNT: Final = 1_000
_MIN_WINDOW_MS: Final = 100  # a rate over less is noise
_OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
_ORDERED: Final[tuple[Operator, ...]] = ("above", "below", "at_least", "at_most")
_FOR: Final = ("for", "for_ms")
_RATE: Final = ("rate_over", "rate_over_ms")
_RISING: Final = ("above", "at_least")
_WORDS: Final[dict[str | None, str]] = {
    None: f"a finite number, a boolean or a text of at most {MAX_TEXT_CHARS} characters",
    "number": "a finite number",
    "boolean": "true or false",
    "string": f"a text of at most {MAX_TEXT_CHARS} characters",
}


def read(document: Any, metrics: Mapping[str, Metric | None] | None) -> Condition:
    """See `conditions.parse`."""
    reader = _Reader(metrics)
    condition = reader.condition(document, "", 1)
    if condition is None or reader.problems:
        raise ConditionError(tuple(reader.problems))
    return condition


class _Reader:
    """Reads one condition. What it returns is of use only if there are no `problems`."""

    def __init__(self, metrics: Mapping[str, Metric | None] | None) -> None:
        self.problems: list[tuple[str, str, str]] = []
        self._metrics = metrics
        self._nodes = 0

    def condition(self, document: Any, at: str, depth: int) -> Condition | None:
        """The condition at a path, which ends with a dot unless it is empty."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            self._note(at, f"at most {MAX_NODES} conditions, nested at most {MAX_DEPTH} deep", "more")
            return None
        if not isinstance(document, dict):
            self._note(at, "a condition: an object", shown(document))
            return None
        forms = [form for form in _FORMS if form in document]
        if "no_data" in forms and "metric" in forms:
            forms.remove("metric")
        if len(forms) != 1:
            self._note(at, f"an object with one of {', '.join(_FORMS)}", " and ".join(forms) or shown(document))
            return None
        return _FORMS[forms[0]](self, document, at, depth)

    def comparison(self, document: dict[str, Any], at: str, _: int) -> Condition | None:
        self._refuse_unknown(document, at, ("metric", *_OPERATORS, "until", *_RATE, "count", *_FOR))
        metric = self._metric(document["metric"], f"{at}metric")
        window = self._duration(document, "rate_over", at, _MIN_WINDOW_MS)
        count = self._integer(document, "count", at, 1, _MAX_COUNT)
        for_ms = self._for(document, at)
        operators = [operator for operator in _OPERATORS if operator in document]
        if len(operators) != 1:
            got = " and ".join(operators) or "none of them"
            self._note(at, f"a comparison with one of {', '.join(_OPERATORS)}", got)
            return None
        operator = operators[0]
        threshold = self._threshold(document[operator], f"{at}{operator}", operator, metric, window)
        until = self._until(document["until"], f"{at}until", operator, threshold) if "until" in document else None
        return Comparison(
            metric=metric,
            operator=operator,
            threshold=threshold,
            until=until,
            rate_over_ms=window,
            count=count or 1,
            for_ms=for_ms,
        )

    def no_data(self, document: dict[str, Any], at: str, _: int) -> Condition | None:
        self._refuse_unknown(document, at, ("no_data", "metric", *_FOR))
        if document["no_data"] is not True:
            self._note(f"{at}no_data", "true", shown(document["no_data"]))
        metric = self._metric(document["metric"], f"{at}metric") if "metric" in document else None
        if not any(key in document for key in _FOR):
            self._note(f"{at}for", "present", "nothing")
        return NoData(metric=metric, for_ms=self._duration(document, "for", at, 1) or 1)

    def all_of(self, document: dict[str, Any], at: str, depth: int) -> Condition | None:
        return AllOf(parts=self._parts(document, "all", at, depth), for_ms=self._for(document, at))

    def any_of(self, document: dict[str, Any], at: str, depth: int) -> Condition | None:
        return AnyOf(parts=self._parts(document, "any", at, depth), for_ms=self._for(document, at))

    def negation(self, document: dict[str, Any], at: str, depth: int) -> Condition | None:
        self._refuse_unknown(document, at, ("not", *_FOR))
        part = self.condition(document["not"], f"{at}not.", depth + 1)
        for_ms = self._for(document, at)
        return None if part is None else Not(part=part, for_ms=for_ms)

    def _parts(self, document: dict[str, Any], key: str, at: str, depth: int) -> tuple[Condition, ...]:
        self._refuse_unknown(document, at, (key, *_FOR))
        parts = document[key]
        if not isinstance(parts, list) or not parts:
            self._note(f"{at}{key}", "a list with at least one condition", shown(parts))
            return ()
        read = []
        for index, part in enumerate(parts):
            read.append(self.condition(part, f"{at}{key}[{index}].", depth + 1))
            if self._nodes > MAX_NODES:  # a list of a million needs no million problems
                break
        return tuple(part for part in read if part is not None)

    def _metric(self, name: Any, at: str) -> str:
        if self._metrics is not None and (not isinstance(name, str) or name not in self._metrics):
            self._note(at, f"one of {', '.join(self._metrics)}", shown(name))
            return ""
        try:
            return parse_metric(name if isinstance(name, str) else "")
        except IdentityError as error:
            self._note(at, error.expected, shown(name))
            return ""

    def _threshold(self, value: Any, at: str, operator: Operator, metric: str, window: int | None) -> Value:
        known = (self._metrics or {}).get(metric)
        numeric = operator in _ORDERED or window is not None
        kind = "number" if numeric else known.type if known else None
        if numeric and known is not None and known.type != "number":
            self._note(at, f"left out for a {known.type}", shown(value))
        elif not _is_value(value) or (kind is not None and type_of(value) != kind):
            self._note(at, _WORDS[kind], shown(value))
        elif known is not None and known.enum and value not in known.enum:
            self._note(at, f"one of {', '.join(known.enum)}", shown(value))
        else:
            return value if isinstance(value, bool | str) else float(value)
        return 0.0

    def _until(self, value: Any, at: str, operator: Operator, threshold: Value) -> float:
        side = "most" if operator in _RISING else "least"
        if operator not in _ORDERED:
            self._note(at, f"left out with `{operator}`", shown(value))
        elif not _is_value(value) or type_of(value) != "number":
            self._note(at, _WORDS["number"], shown(value))
        elif isinstance(threshold, float) and (value > threshold if operator in _RISING else value < threshold):
            self._note(at, f"at {side} the threshold {threshold:g}", shown(value))
        else:
            return float(value)
        return 0.0

    def _for(self, document: dict[str, Any], at: str) -> int:
        return self._duration(document, "for", at, 0) or 0

    def _duration(self, document: dict[str, Any], key: str, at: str, minimum: int) -> int | None:
        return read_duration(
            document, key, minimum, MAX_DURATION_MS, lambda wrong, expected, got: self._note(at + wrong, expected, got)
        )

    def _integer(self, document: dict[str, Any], key: str, at: str, minimum: int, maximum: int) -> int | None:
        if key not in document:
            return None
        value = document[key]
        if type(value) is int and minimum <= value <= maximum:
            return value
        self._note(f"{at}{key}", f"an integer from {minimum} to {maximum}", shown(value))
        return None

    def _refuse_unknown(self, document: dict[str, Any], at: str, known: tuple[str, ...]) -> None:
        for key in document:
            if key not in known:
                self._note(f"{at}{key}", f"one of {', '.join(known)}", "a key that is none of them")

    def _note(self, at: str, expected: str, got: str) -> None:
        self.problems.append((at.removesuffix("."), expected, got))


_FORMS: Final[dict[str, Callable[[_Reader, dict[str, Any], str, int], Condition | None]]] = {
    "metric": _Reader.comparison,
    "all": _Reader.all_of,
    "any": _Reader.any_of,
    "not": _Reader.negation,
    "no_data": _Reader.no_data,
}


def _is_value(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT_CHARS
    if isinstance(value, bool):
        return True
    try:
        return isinstance(value, int | float) and isfinite(value)
    except OverflowError:  # an integer beyond a float's range
        return False
