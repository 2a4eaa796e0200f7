"""From a document to a comparison, or to a change of a metric's value."""

from typing import Any, Final, get_args

from contract._condition_notes import FOR, WORDS, Notes, is_value
from contract.conditions import ONLINE, Aggregate, Changes, Comparison, Operand, Operator
from contract.errors import shown
from contract.models import MetricType, type_of
from contract.telemetry import Value

__all__ = [
    "AGGREGATES",
    "MAX_COUNT",
    "MAX_OF",
    "MIN_WINDOW_MS",
    "OPERATORS",
    "ORDERED",
    "read_attribute",
    "read_changes",
    "read_comparison",
    "read_online",
]

MAX_COUNT: Final = 1_000
MAX_OF: Final = 60  # samples that are remembered as the bits of one integer
MIN_WINDOW_MS: Final = 100  # a rate over less is noise
OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
ORDERED: Final[tuple[Operator, ...]] = ("above", "below", "at_least", "at_most")
_RISING: Final = ("above", "at_least")
AGGREGATES: Final[tuple[Aggregate, ...]] = get_args(Aggregate)
_WINDOWS: Final = ("rate_over", "rate_over_ms", "aggregate", "over", "over_ms")
_OVER: Final = ("over", "over_ms")


def read_comparison(notes: Notes, document: dict[str, Any], at: str) -> Comparison | None:
    notes.refuse_unknown(document, at, ("metric", *OPERATORS, "until", *_WINDOWS, "count", "of", *FOR))
    metric = notes.metric(document["metric"], f"{at}metric")
    rate = notes.duration(document, "rate_over", at, MIN_WINDOW_MS)
    aggregate, over = _aggregate(notes, document, at)
    count = notes.integer(document, "count", at, 1, MAX_COUNT) or 1
    of = _of(notes, document, at, count)
    for_ms = notes.lasting(document, at)
    operator = _operator(notes, document, at)
    if operator is None:
        return None
    known = notes.known(metric)
    kind: MetricType | None = known.type if known is not None else None
    if rate is not None or aggregate is not None:
        # Samples of anything may be counted; all else is computed of numbers.
        if kind not in (None, "number") and aggregate != "count":
            notes.note(f"{at}metric", "a metric that is a number", f"{metric}, a {kind}")
        kind = "number"
    elif operator in ORDERED and kind is not None and kind != "number":
        notes.note(f"{at}{operator}", f"left out for a {kind}", shown(document[operator]))
        return None
    enum = known.enum if known is not None and kind == "string" else ()
    threshold = _threshold(
        notes, document[operator], f"{at}{operator}", "number" if operator in ORDERED else kind, enum
    )
    return Comparison(
        metric=metric,
        operator=operator,
        threshold=threshold,
        until=_until(notes, document, at, operator, threshold),
        rate_over_ms=rate,
        aggregate=aggregate,
        over_ms=over,
        count=count,
        of=of,
        for_ms=for_ms,
    )


def read_attribute(notes: Notes, document: dict[str, Any], at: str) -> Comparison | None:
    notes.refuse_unknown(document, at, ("attribute", *OPERATORS, *FOR))
    sample = notes.attribute(document["attribute"], f"{at}attribute")
    operator, for_ms = _operator(notes, document, at), notes.lasting(document, at)
    if operator is None:
        return None
    kind: MetricType | None = "number" if operator in ORDERED else None
    threshold = _threshold(notes, document[operator], f"{at}{operator}", kind, ())
    return Comparison(metric=sample, operator=operator, threshold=threshold, for_ms=for_ms)


def read_online(notes: Notes, document: dict[str, Any], at: str) -> Comparison:
    notes.refuse_unknown(document, at, ("online", *FOR))
    notes.refuse_at_edge(f"{at}online", "only the cloud knows whether it is connected")
    online = document["online"]
    if not isinstance(online, bool):
        notes.note(f"{at}online", "true or false", shown(online))
    return Comparison(metric=ONLINE, operator="equals", threshold=online is True, for_ms=notes.lasting(document, at))


def read_changes(notes: Notes, document: dict[str, Any], at: str) -> Changes:
    notes.refuse_unknown(document, at, ("metric", "changes", "from", "to", *FOR))
    if document["changes"] is not True:
        notes.note(f"{at}changes", "true", shown(document["changes"]))
    if "metric" not in document:
        notes.note(f"{at}metric", "present", "nothing")
    metric = notes.metric(document["metric"], f"{at}metric") if "metric" in document else ""
    known = notes.known(metric)
    kind, enum = (None, ()) if known is None else (known.type, known.enum)
    between = [
        _literal(notes, document[key], f"{at}{key}", kind, enum) if key in document else None for key in ("from", "to")
    ]
    return Changes(metric=metric, before=between[0], after=between[1], for_ms=notes.lasting(document, at))


def _operator(notes: Notes, document: dict[str, Any], at: str) -> Operator | None:
    operators = [operator for operator in OPERATORS if operator in document]
    if len(operators) == 1:
        return operators[0]
    notes.note(at, f"a comparison with one of {', '.join(OPERATORS)}", " and ".join(operators) or "none of them")
    return None


def _aggregate(notes: Notes, document: dict[str, Any], at: str) -> tuple[Aggregate | None, int | None]:
    over = notes.duration(document, "over", at, MIN_WINDOW_MS)
    said = [key for key in _OVER if key in document]
    if "aggregate" not in document:
        if said:
            notes.note(f"{at}{said[0]}", "left out without `aggregate`", shown(document[said[0]]))
        return None, None
    if any(key in document for key in ("rate_over", "rate_over_ms")):
        notes.note(f"{at}aggregate", "left out beside `rate_over`", shown(document["aggregate"]))
    if not said:
        notes.note(f"{at}over", "present", "nothing")
    for aggregate in AGGREGATES:
        if aggregate == document["aggregate"]:
            return aggregate, over
    notes.note(f"{at}aggregate", f"one of {', '.join(AGGREGATES)}", shown(document["aggregate"]))
    return None, None


def _of(notes: Notes, document: dict[str, Any], at: str, count: int) -> int | None:
    if "of" not in document:
        return None
    if "count" not in document:
        notes.note(f"{at}of", "left out without `count`", shown(document["of"]))
    return notes.integer(document, "of", at, min(count + 1, MAX_OF), MAX_OF)


def _threshold(notes: Notes, value: Any, at: str, kind: MetricType | None, enum: tuple[str, ...]) -> Value | Operand:
    return _operand(notes, value, f"{at}.", kind) if isinstance(value, dict) else _literal(notes, value, at, kind, enum)


def _operand(notes: Notes, document: dict[str, Any], at: str, kind: MetricType | None) -> Operand:
    notes.refuse_unknown(document, at, ("metric", "attribute", "plus"))
    plus = notes.number(document["plus"], f"{at}plus") if "plus" in document else 0.0
    if plus and kind not in (None, "number"):
        notes.note(f"{at}plus", f"left out for a {kind}", shown(plus))
    if ("metric" in document) == ("attribute" in document):
        notes.note(at, "an object with one of metric, attribute", shown(document))
        return Operand(sample="")
    if "metric" in document:
        return Operand(sample=notes.metric(document["metric"], f"{at}metric", kind), plus=plus)
    return Operand(sample=notes.attribute(document["attribute"], f"{at}attribute"), plus=plus)


def _literal(notes: Notes, value: Any, at: str, kind: MetricType | None, enum: tuple[str, ...]) -> Value:
    if not is_value(value) or (kind is not None and type_of(value) != kind):
        notes.note(at, WORDS[kind], shown(value))
    elif enum and value not in enum:
        notes.note(at, f"one of {', '.join(enum)}", shown(value))
    else:
        return value if isinstance(value, bool | str) else float(value)
    return 0.0


def _until(
    notes: Notes, document: dict[str, Any], at: str, operator: Operator, threshold: Value | Operand
) -> float | None:
    if "until" not in document:
        return None
    at, value = f"{at}until", document["until"]
    side = "most" if operator in _RISING else "least"
    if operator not in ORDERED:
        notes.note(at, f"left out with `{operator}`", shown(value))
    elif isinstance(threshold, Operand):
        notes.note(at, "left out where the device gives the threshold: write a `clear` of its own", shown(value))
    elif not is_value(value) or type_of(value) != "number":
        notes.note(at, WORDS["number"], shown(value))
    elif isinstance(threshold, float) and (value > threshold if operator in _RISING else value < threshold):
        notes.note(at, f"at {side} the threshold {threshold:g}", shown(value))
    else:
        return float(value)
    return 0.0
