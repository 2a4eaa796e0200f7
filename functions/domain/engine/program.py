"""All rules of a device, compiled, and what a pass over its state finds."""

from collections.abc import Iterable, Mapping

import msgspec

from contract.models import DeviceModel
from functions.domain.alarms import Transition
from functions.domain.engine.inputs import Input, InstalledRule
from functions.domain.presence import Presence
from functions.domain.state import DeviceState, Wanted

__all__ = ["Input", "InstalledRule", "Outcome", "Program"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What of the device's state becomes another, and what was found.

    `wanted` has what the rules of these transitions want done. `refused` are rules for which the state has no room.
    """

    rules: bytes
    alarms: int
    armed: int | None
    transitions: tuple[Transition, ...] = ()
    wanted: Mapping[str, Wanted] = {}
    refused: tuple[str, ...] = ()


class Program:
    """The rules of devices that have the same ones, compiled once."""

    def __init__(self, rules: tuple[InstalledRule, ...], model: DeviceModel | None) -> None:
        self.rules = rules
        self.model = model

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
    ) -> Outcome:
        """A pass over the state as it was read, before these messages. Pure.

        `now` is None while messages come, whose own times of receipt are the clock; a time of its own makes it a tick.
        `presence` is the state's unless given; `attributes` are the device's tags; `name` is what people call it.
        """
        raise NotImplementedError

    def reset(self, thing: str, state: DeviceState, rule: str, now: int, *, name: str = "") -> Outcome:
        """A person clears the alarm of a rule, which must come true anew from here. No transition: it has no alarm."""
        raise NotImplementedError
