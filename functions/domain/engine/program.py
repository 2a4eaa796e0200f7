"""All rules of a device, compiled, and what a pass over its state finds."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Final

from contract.conditions import ONLINE
from contract.models import DEFAULT_LATENESS_MS, DEFAULT_REORDER_HOLD_MS, DeviceModel
from functions.domain.engine.codec import Allowance, allowance_of, encode
from functions.domain.engine.compiled import Compiled
from functions.domain.engine.inputs import Input, InstalledRule, Values
from functions.domain.engine.one_pass import Pass
from functions.domain.engine.outcome import Outcome
from functions.domain.engine.quiet import Quiet
from functions.domain.presence import Presence
from functions.domain.state import DeviceState

__all__ = ["Input", "InstalledRule", "Outcome", "Program"]

_MAX_SHAPES: Final = 500


class Program:
    """The rules of devices that have the same ones, compiled once; one that is disabled or empty is as none.

    `compiled` has them by id; `asking` by the metrics and `told` by what else they ask for. `prompt` are
    those that may do something before they see the first sample.
    """

    def __init__(self, rules: tuple[InstalledRule, ...], model: DeviceModel | None) -> None:
        self.rules = rules
        self.model = model
        self.hold_ms = DEFAULT_REORDER_HOLD_MS if model is None else model.reorder_hold_ms
        self.lateness_ms = DEFAULT_LATENESS_MS if model is None else model.lateness_ms
        at_work = sorted(
            (Compiled(one) for one in rules if one.rule.enabled and one.rule.bands), key=lambda one: one.id
        )
        self.compiled = {one.id: one for one in at_work}
        self.asking: dict[str, list[Compiled]] = {}
        self.told: dict[str, list[Compiled]] = {}
        for one in at_work:
            for metric in one.asked:
                self.asking.setdefault(metric, []).append(one)
            for name in one.told:
                self.told.setdefault(name, []).append(one)
        self.prompt = tuple(one for one in at_work if not one.idle)
        versions = [(one.id, one.version, one.fingerprint) for one in at_work]
        self.fingerprint = blake2b(encode(versions), digest_size=8).hexdigest()
        self._device_wide = [one for one in at_work if one.device_wide]
        self._quiets: dict[bytes, Quiet] = {}
        self._shapes: dict[tuple[str, ...], list[Compiled]] = {}

    def concerned(self, values: Values) -> list[Compiled]:
        """The rules that ask for one of these metrics, by id."""
        shape = tuple(values)
        known = self._shapes.get(shape)
        if known is None:
            if len(self._shapes) >= _MAX_SHAPES:
                self._shapes.clear()
            found = {one.id: one for metric in shape for one in self.asking.get(metric, ())}
            found |= {one.id: one for one in self._device_wide}
            known = self._shapes[shape] = [found[id_] for id_ in sorted(found)]
        return known

    def quiet(self, allowance: bytes) -> Quiet:
        """What a device may send without anything coming of it, where its rules allow so much."""
        known = self._quiets.get(allowance)
        if known is None:
            if len(self._quiets) >= _MAX_SHAPES:
                self._quiets.clear()
            known = self._quiets[allowance] = Quiet(self, allowance_of(allowance))
        return known

    @cached_property
    def ruleless(self) -> Quiet:
        """What a device may send without anything coming of it but by its rules."""
        return Quiet(Program((), self.model), Allowance({}))

    def told_of(self, presence: Presence, attributes: Mapping[str, str]) -> str:
        """In short, what the rules ask for beside metrics; empty where they ask for none of it."""
        if not self.told:
            return ""
        asked = [(name, attributes.get(name[1:])) for name in sorted(self.told) if name != ONLINE]
        online = (presence.status, presence.since) if ONLINE in self.told else None
        return blake2b(encode((online, asked)), digest_size=8).hexdigest()

    def run(
        self,
        thing: str,
        state: DeviceState,
        inputs: Iterable[Input],
        now: int | None,
        *,
        presence: Presence | None = None,
        attributes: Mapping[str, str] = {},
        name: str = "",
        duplicates: Sequence[int] = (),
        revision: int = 0,
    ) -> Outcome:
        """A pass over the state as it was read, before these messages. Pure; raises ValueError for a damaged state.

        `now` is None while messages come, whose own times of receipt are the clock; a time of its own makes it a tick.
        `presence` is the state's unless given; `attributes` are the device's tags; `name` is what people call it.
        `duplicates` are the times of receipt of messages that were seen before. `revision` is that of all rules.
        """
        pass_ = Pass(self, thing, state, name, revision)
        pass_.take(inputs, duplicates, now, state.presence if presence is None else presence, attributes)
        return pass_.outcome(ticked=now is not None)

    def reset(self, thing: str, state: DeviceState, rule: str, now: int, *, name: str = "") -> Outcome:
        """A person clears the alarm of a rule, which must come true anew from here.

        Without transitions where the rule has no alarm by now.
        """
        pass_ = Pass(self, thing, state, name)
        pass_.reset(rule, now)
        return pass_.outcome(ticked=False)
