"""Windows: one value, or several, for all samples of a span of time.

Windows tumble: they follow each other without overlap, and begin at the multiples of their length since the machine
was booted, so that those of all metrics end together. A window takes [begin, end) and comes out with the time `end`,
once time has gone beyond it; one without samples does not come out. Unsure samples do not count, and go no further. A
sample that comes after its window was closed counts in the next.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal, TypeAlias, get_args

from contract.errors import shown
from contract.models import MetricType
from contract.telemetry import Quality, Value
from device_agent.config.table import Table
from device_agent.pipeline.stages import ALL_TYPES, NEVER, NUMBERS, SURE, Outlets, milliseconds

Aggregate: TypeAlias = Literal["min", "max", "avg", "sum", "count", "last"]
AGGREGATES: Final[tuple[Aggregate, ...]] = get_args(Aggregate)
OF_ANY_TYPE: Final[frozenset[Aggregate]] = frozenset({"count", "last"})
"""The rest is of numbers only."""

_DAY_S = 86_400.0


@dataclass(frozen=True)
class Window:
    """`value` goes on in the chain; each of `extra` comes out as a metric of its own, such as `temperature_max`."""

    every_ms: int
    value: Aggregate | None = None
    extra: tuple[Aggregate, ...] = ()

    @property
    def takes(self) -> frozenset[MetricType]:
        return ALL_TYPES if OF_ANY_TYPE.issuperset((*self.extra, self.value or "count")) else NUMBERS

    def make(self, outlets: Outlets) -> "_Window":
        return _Window(self, outlets)


class _Window:
    def __init__(self, settings: Window, outlets: Outlets) -> None:
        self._every = settings.every_ms
        self._value = settings.value
        self._extra = settings.extra
        self._emit = outlets.emit
        self._emit_as = outlets.emit_as
        self._samples: _Samples | None = None
        self.due = NEVER

    def push(self, at: int, value: Value, quality: Quality) -> None:
        if quality not in SURE:
            return
        if at >= self.due:
            self.fire()
        if self._samples is None:
            self.due = (at // self._every + 1) * self._every
            self._samples = _Samples()
        self._samples.add(value)

    def fire(self) -> None:
        at, samples = self.due, self._samples
        self.due, self._samples = NEVER, None
        if samples is None:
            return
        for aggregate in self._extra:
            if (value := samples.aggregate(aggregate)) is not None:
                self._emit_as(aggregate, at, value)
        if self._value is not None and (value := samples.aggregate(self._value)) is not None:
            self._emit(at, value, "good")


class _Samples:
    """What is known of the samples of one window, without keeping them."""

    __slots__ = ("_count", "_last", "_maximum", "_minimum", "_sum")

    def __init__(self) -> None:
        self._count = 0
        self._sum = 0.0
        self._minimum = float("inf")
        self._maximum = float("-inf")
        self._last: Value = 0.0

    def add(self, value: Value) -> None:
        self._count += 1
        self._last = value
        if not isinstance(value, bool | str):
            self._sum += value
            self._minimum = min(self._minimum, value)
            self._maximum = max(self._maximum, value)

    def aggregate(self, aggregate: Aggregate) -> Value | None:
        """None if it is beyond a float's range."""
        result: Value
        match aggregate:
            case "min":
                result = self._minimum
            case "max":
                result = self._maximum
            case "count":
                result = float(self._count)
            case "last":
                result = self._last
            case "sum":
                result = self._sum
            case "avg" if isfinite(self._sum):
                # Between the two whatever rounding does.
                result = min(max(self._sum / self._count, self._minimum), self._maximum)
            case _:
                return None
        return None if isinstance(result, float) and not isfinite(result) else result


def parse_window(table: Table) -> Window:
    every = table.duration("every_s", minimum=0.01, maximum=_DAY_S)
    value = _aggregate(table.optional_text("value"))
    if "value" in table and value is None:
        table.problem("value", f"one of {', '.join(AGGREGATES)}", shown(table.value("value")))
    extra = []
    for index, word in enumerate(table.texts("extra", default=())):
        if (aggregate := _aggregate(word)) is None or aggregate in extra:
            table.problem(f"extra[{index}]", f"one of {', '.join(AGGREGATES)}, each once", shown(word))
        else:
            extra.append(aggregate)
    if "value" not in table and "extra" not in table:
        table.problem("value", "a value, extra or both", "neither")
    return Window(milliseconds(every), value, tuple(extra))


def _aggregate(word: str | None) -> Aggregate | None:
    return next((aggregate for aggregate in AGGREGATES if aggregate == word), None)
