"""Which rules apply to a device, where each stands, and why."""

import msgspec

from contract.errors import shown
from functions.domain.access import Permission, Principal
from functions.domain.backtests import lookback_ms
from functions.domain.devices import Device
from functions.domain.explaining import DISABLED, Explained, explained_at, explained_now
from functions.domain.rules import attributes_of
from functions.domain.state import DeviceState
from functions.errors import ConflictError, NotFoundError, RequestError
from functions.ports.clock import Clock
from functions.ports.telemetry import SeriesReader, StateStore
from functions.services.backtests import INTERVAL_MS, metrics_of
from functions.services.gate import Gate
from functions.services.rulebook import InForce, Rulebook
from functions.services.stored_samples import instants


class RuleOnDevice(msgspec.Struct, frozen=True):
    in_force: InForce
    explained: Explained


class Explaining:
    def __init__(
        self, *, gate: Gate, rulebook: Rulebook, states: StateStore, series: SeriesReader, clock: Clock
    ) -> None:
        self._gate = gate
        self._rulebook = rulebook
        self._states = states
        self._series = series
        self.clock = clock

    def rules(self, who: Principal, thing: str) -> tuple[RuleOnDevice, ...]:
        """By id, disabled ones too. Raises NotFoundError, ForbiddenError."""
        device = self._device(who, thing)
        in_force = self._rulebook.snapshot(consistent=True).in_force(device)
        found = self._now(device, self._state(thing))
        return tuple(RuleOnDevice(one, found.get(one.rule.id, DISABLED)) for one in in_force)

    def explain(self, who: Principal, thing: str, rule: str, at: int | None) -> RuleOnDevice:
        """As it stands, or as it would have stood `at` a time by what is stored. Raises as `rules`, and RequestError.

        A replay knows the device's attributes as they are now, and nothing of when it was connected.
        """
        device = self._device(who, thing)
        in_force = self._rulebook.snapshot(consistent=True).in_force(device)
        wanted = next((one for one in in_force if one.rule.id == rule), None)
        if wanted is None:
            raise NotFoundError(f"no rule {rule!r} applies to {thing}")
        state = self._state(thing)
        if at is None:
            return RuleOnDevice(wanted, self._now(device, state).get(rule, DISABLED))
        return RuleOnDevice(wanted, self._then(wanted, device, state, at))

    def _now(self, device: Device, state: DeviceState) -> dict[str, Explained]:
        standing = self._rulebook.standing(device)
        try:
            return explained_now(standing.program, device, state, self.clock.now_ms())
        except ValueError as exc:
            raise ConflictError(f"what the rules of {device.thing} remember cannot be read here: {exc}") from exc

    def _then(self, wanted: InForce, device: Device, state: DeviceState, at: int) -> Explained:
        now = self.clock.now_ms()
        if not 0 <= at <= now:
            raise RequestError("at", "a time that is not in the future", shown(at))
        rule = wanted.rule
        if not rule.bands:
            return DISABLED
        model = self._rulebook.models.get(device.model)
        begin = max(0, at - lookback_ms(rule, INTERVAL_MS if model is None else model.interval_ms))
        data = instants(self._series, device.thing, metrics_of([rule], state.latest), begin, at + 1)
        return explained_at(rule, attributes_of(device), data, begin, at)

    def _state(self, thing: str) -> DeviceState:
        return self._states.read([thing])[thing]

    def _device(self, who: Principal, thing: str) -> Device:
        # What a rule saw is telemetry.
        self._gate.device(who, Permission.TELEMETRY_READ, thing)
        return self._gate.device(who, Permission.RULES_READ, thing)
