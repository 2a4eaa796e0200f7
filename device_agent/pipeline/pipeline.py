"""The chains of all metrics, and the derived metrics between them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from device_agent.pipeline.chain import Chain, Output
from device_agent.pipeline.settings import ChainSettings, Derivation, PipelineSettings
from device_agent.pipeline.stages import NEVER, SURE
from device_agent.sensors import Reading

if TYPE_CHECKING:
    from contract.telemetry import Quality, Value


class Pipeline:
    """Takes readings as they come and gives what comes of them. Not to be shared between threads."""

    def __init__(self, settings: PipelineSettings, previous: "Pipeline | None" = None) -> None:
        """A chain that `previous` has with the same settings goes on where it is; `previous` is of no use after."""
        kept = {} if previous is None else previous.chains
        self._chains: dict[str, Chain] = {each.metric: kept.get(each) or Chain(each) for each in settings.chains}
        self._timed = tuple(chain for chain in self._chains.values() if chain.is_timed)
        self._derived = tuple(
            (self._chains[each.metric], each.derivation) for each in settings.chains if each.derivation is not None
        )
        self._inputs = frozenset(name for _, derivation in self._derived for name in derivation.expression.inputs)
        self._concerned = self._inputs | self._chains.keys()
        self._latest: dict[str, tuple[int, Value | None]] = {}  # of what others are derived from
        self._due = self._earliest()

    def take(self, reading: Reading) -> list[Reading]:
        """What comes out by the time of `reading`, by rising time. Its `position` is always among it."""
        at = reading.at
        untouched = self._concerned.isdisjoint(reading.values)
        if untouched and self._due >= at:
            return [reading]  # what most samples of a metric without stages cost
        readings = _Readings()
        self._advance(at, readings)
        if untouched:
            return [*readings.made(), reading]
        quality, chains = reading.quality, self._chains
        outputs: list[Output] = []
        for metric, value in reading.values.items():
            chain = chains.get(metric)
            if chain is None:
                outputs.append(Output(at, metric, value, quality))
            else:
                chain.push(at, value, quality)
                outputs += _drained(chain)
        self._put_out(outputs, readings)
        if self._timed:
            self._due = self._earliest()
        return readings.made(reading)

    def tick(self, now: int) -> list[Reading]:
        """What came due before boot time `now` (ms). Again with the same `now`: nothing."""
        if self._due >= now:
            return []
        readings = _Readings()
        self._advance(now, readings)
        return readings.made()

    def next_due(self) -> int | None:
        """The earliest `now` at which `tick` has something to do."""
        return None if self._due == NEVER else self._due + 1

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many samples of each metric could not be used since the start: NaN, of a wrong type, or not newer."""
        return {metric: chain.left_out for metric, chain in self._chains.items() if chain.left_out}

    @property
    def chains(self) -> Mapping[ChainSettings, Chain]:
        """Each with what it remembers."""
        return {chain.settings: chain for chain in self._chains.values()}

    def _advance(self, now: int, readings: "_Readings") -> None:
        """Do what is due before `now`, in the order of time over all chains."""
        while self._due < now:
            chain = next(chain for chain in self._timed if chain.due == self._due)
            chain.fire()
            self._put_out(_drained(chain), readings)
            self._due = self._earliest()

    def _earliest(self) -> int:
        return min([chain.due for chain in self._timed], default=NEVER)

    def _put_out(self, outputs: list[Output], readings: "_Readings") -> None:
        """Collect outputs, and what is derived from them."""
        readings.add(outputs)
        if self._inputs.isdisjoint([output.metric for output in outputs]):
            return
        changed = self._remember(outputs)
        at = max(output.at for output in outputs)
        for chain, derivation in self._derived:
            if changed.isdisjoint(derivation.expression.inputs):
                continue
            value = self._computed(derivation, at)
            if value is not None:
                chain.push(chain.after(at), value, "good")
                derived = _drained(chain)
                readings.add(derived)
                changed |= self._remember(derived)

    def _remember(self, outputs: Iterable[Output]) -> set[str]:
        changed = set()
        for at, metric, value, quality in outputs:
            if metric in self._inputs:
                self._latest[metric] = (at, value if quality in SURE else None)
                changed.add(metric)
        return changed

    def _computed(self, derivation: Derivation, at: int) -> float | None:
        values: dict[str, Value] = {}
        for name in derivation.expression.inputs:
            known, value = self._latest.get(name, (at, None))
            if value is None or at - known > derivation.max_age_ms:
                return None
            values[name] = value
        return derivation.expression(values)


class _Readings:
    """Gathers outputs into readings: one for each time and quality."""

    def __init__(self) -> None:
        self._values: dict[tuple[int, Quality], dict[str, Value]] = {}

    def add(self, outputs: Iterable[Output]) -> None:
        for at, metric, value, quality in outputs:
            self._values.setdefault((at, quality), {})[metric] = value

    def made(self, taken: Reading | None = None) -> list[Reading]:
        """By rising time. The position of `taken` stays with its time, be there values or not."""
        place = None if taken is None or taken.position is None else (taken.at, taken.quality)
        if place is not None:
            self._values.setdefault(place, {})
        return [
            Reading(at, values, taken.position if taken and (at, quality) == place else None, quality)
            for (at, quality), values in sorted(self._values.items(), key=lambda item: item[0][0])
        ]


def _drained(chain: Chain) -> list[Output]:
    outputs = chain.outputs
    if outputs:
        chain.outputs = []
    return outputs
