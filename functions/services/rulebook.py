"""Which rules and which model a device has: everything is held in memory, and read anew when the revision moves."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from contract.errors import ContractError
from contract.models import DeviceModel
from contract.rules import Rule, of_model
from functions.domain.definitions import Definition, Definitions
from functions.domain.devices import Device
from functions.domain.engine.program import InstalledRule, Program
from functions.domain.rules import applicable, head_of, model_of, rule_of
from functions.domain.state import DeviceState
from functions.errors import RulesError
from functions.ports.clock import Clock
from functions.ports.devices import DeviceFinder
from functions.ports.rules import RuleReader

REVISION_MS: Final = 5_000
"""How long a change of rules or models may go unseen here."""
DEVICE_MS: Final = 60_000
MAX_DEVICES: Final = 50_000
MAX_PROGRAMS: Final = 5_000
_READINGS: Final = 10

_Key = tuple[object, ...]


class Standing(msgspec.Struct, frozen=True):
    """What is known of a device; one that is not registered has no device, and no model or rules therefore.

    `revision` is that of the rules and models that it is by.
    """

    device: Device | None
    model: DeviceModel | None
    program: Program
    revision: int = 0


class InForce(msgspec.Struct, frozen=True):
    """A rule as it applies. `definition` is None for a default of a model, whose version is then the model's."""

    rule: Rule
    version: int
    definition: Definition | None


class Models(Mapping[str, DeviceModel]):
    """The models as they stand when they are looked at."""

    def __init__(self, current: Callable[[], Mapping[str, DeviceModel]]) -> None:
        self._current = current

    def __getitem__(self, name: str) -> DeviceModel:
        return self._current()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())


class Snapshot:
    """Rules and models of one revision. What cannot be read, since another release wrote it, is left out and told."""

    def __init__(
        self,
        definitions: Definitions,
        shipped: Mapping[str, DeviceModel],
        broken: Callable[[str, str], None],
        before: "Snapshot | None" = None,
    ) -> None:
        self.rules: dict[str, Definition] = {}
        self.stored: dict[str, Definition] = {}
        self.models: dict[str, DeviceModel] = dict(shipped)
        self._broken = broken
        self._by_scope: dict[str, tuple[Definition, ...]] = {}
        self.known_defaults: dict[str, tuple[Rule, ...]] = {}
        for one in definitions.models:
            self._take_model(one)
        for one in sorted(definitions.rules, key=lambda one: one.id):
            self._take_rule(one)
        if before is not None:
            # The same objects, so that what was compiled of them stays good.
            self.known_defaults = {
                name: rules
                for name, rules in before.known_defaults.items()
                if self.models.get(name) is before.models[name]
            }

    def version_of(self, model: str) -> int:
        """0 for a model as it is shipped."""
        return self.stored[model].version if model in self.stored else 0

    def defaults(self, model: str) -> tuple[Rule, ...]:
        """The rules that come with a model, whatever replaces them."""
        if model not in self.known_defaults:
            try:
                self.known_defaults[model] = of_model(self.models[model])
            except ContractError as exc:
                self._broken(f"the rules of the model {model}", str(exc))
                self.known_defaults[model] = ()
        return self.known_defaults[model]

    def key(self, device: Device) -> _Key:
        """Devices with the same key have the same rules and model."""
        own = device.thing if f"device:{device.thing}" in self._by_scope else None
        return device.model, device.group, own

    def in_force(self, device: Device) -> list[InForce]:
        """The rules of a device, by id, disabled ones too. An installed rule stands for the default of its name."""
        installed = {one.id: one for one in applicable(self._by_scope, device)}
        found = []
        for one in installed.values():
            rule = self.read(one)
            if rule is not None:
                found.append(InForce(rule, one.version, one))
        if device.model in self.models:
            version = self.version_of(device.model)
            defaults = (rule for rule in self.defaults(device.model) if rule.id not in installed)
            found += [InForce(rule, version, None) for rule in defaults]
        return sorted(found, key=lambda one: one.rule.id)

    def read(self, one: Definition) -> Rule | None:
        try:
            return rule_of(one.text)
        except ContractError as exc:
            self._broken(f"the rule {one.id}", str(exc))
            return None

    def _take_model(self, one: Definition) -> None:
        try:
            self.models[one.id] = model_of(one.text)
        except ContractError as exc:
            self._broken(f"the model {one.id}", str(exc))
            return
        self.stored[one.id] = one

    def _take_rule(self, one: Definition) -> None:
        self.rules[one.id] = one
        try:
            head = head_of(one)
        except msgspec.DecodeError as exc:
            self._broken(f"the rule {one.id}", str(exc))
            return
        self._by_scope[head.scope] = (*self._by_scope.get(head.scope, ()), one)


def _ignored(_what: str, _problem: str) -> None:
    pass


class Rulebook:
    """`broken` hears of what is stored and cannot be read."""

    def __init__(
        self,
        store: RuleReader,
        registry: DeviceFinder,
        clock: Clock,
        *,
        shipped: Mapping[str, DeviceModel],
        broken: Callable[[str, str], None] = _ignored,
    ) -> None:
        self.models: Mapping[str, DeviceModel] = Models(lambda: self.snapshot().models)
        self._store = store
        self._registry = registry
        self._clock = clock
        self._shipped = shipped
        self._broken = broken
        self._revision = -1
        self._looked_at = 0
        self._snapshot = Snapshot(Definitions((), ()), shipped, broken)
        self._programs: dict[_Key, Program] = {}
        self._by_rules: dict[_Key, Program] = {}
        self._devices: dict[str, tuple[int, Device | None]] = {}

    def of(
        self, things: Iterable[str], known: Mapping[str, Device] | None = None, *, fresh: bool = False
    ) -> dict[str, Standing]:
        """What stands for each thing. Devices are those `known`, or of the registry as it was within a minute.

        `fresh`: as the registry is now, for whoever was told that one has changed.
        """
        snapshot = self.snapshot()
        wanted = list(things)
        known = known or {}
        found = self._found([thing for thing in wanted if thing not in known], fresh=fresh)
        return {thing: self._standing(snapshot, known.get(thing) or found.get(thing)) for thing in wanted}

    def standings(self, states: Mapping[str, DeviceState]) -> dict[str, Standing]:
        """What stands for each thing by the entry beside its state, which is as new as that; else as `of` has it."""
        return self.of(states, {thing: state.device for thing, state in states.items() if state.device is not None})

    def models_of(self, things: Iterable[str]) -> dict[str, DeviceModel | None]:
        """The model of each thing; None for one that is not registered, or whose model is not known here."""
        models = self.snapshot().models
        return {
            thing: None if device is None else models.get(device.model)
            for thing, device in self._found(list(things), fresh=False).items()
        }

    def standing(self, device: Device) -> Standing:
        return self._standing(self.snapshot(), device)

    def snapshot(self, *, consistent: bool = False) -> Snapshot:
        """Rules and models as they were within five seconds, or with `consistent` as they are."""
        now = self._clock.now_ms()
        if consistent or self._revision < 0 or now >= self._looked_at + REVISION_MS:
            revision = self._store.revision(consistent=consistent or self._revision < 0)
            if revision > self._revision:
                revision, definitions = self._read(revision)
                self._snapshot = Snapshot(definitions, self._shipped, self._broken, self._snapshot)
                self._revision = revision
                self._programs.clear()
            self._looked_at = now
        return self._snapshot

    def _read(self, revision: int) -> tuple[int, Definitions]:
        """All of one revision and no other: whoever else knows its number must have the same rules by it."""
        for _ in range(_READINGS):
            definitions = self._store.everything()
            now = self._store.revision(consistent=True)
            if now == revision:
                return revision, definitions
            revision = now
        raise RulesError(f"rules and models were changed while they were read, {_READINGS} times")

    def _standing(self, snapshot: Snapshot, device: Device | None) -> Standing:
        if device is None:
            return Standing(None, None, self._program((), None, ()), self._revision)
        model = snapshot.models.get(device.model)
        if device.decommissioned:
            of = (device.model, snapshot.version_of(device.model))
            return Standing(device, model, self._program((), model, of), self._revision)
        key = snapshot.key(device)
        program = self._programs.get(key)
        if program is None:
            if len(self._programs) >= MAX_PROGRAMS:
                self._programs.clear()
            program = self._programs[key] = self._compiled(snapshot, device, model)
        return Standing(device, model, program, self._revision)

    def _compiled(self, snapshot: Snapshot, device: Device, model: DeviceModel | None) -> Program:
        in_force = [one for one in snapshot.in_force(device) if one.rule.enabled]
        rules = tuple(InstalledRule(one.rule, one.version) for one in in_force)
        return self._program(rules, model, (device.model, snapshot.version_of(device.model)))

    def _program(self, rules: tuple[InstalledRule, ...], model: DeviceModel | None, of: _Key) -> Program:
        """The same object for the same rules and model, also after others have changed."""
        key = (of, *((one.rule.id, one.version) for one in rules))
        program = self._by_rules.get(key)
        if program is None:
            if len(self._by_rules) >= MAX_PROGRAMS:
                self._by_rules.clear()
            program = self._by_rules[key] = Program(rules, model)
        return program

    def _found(self, wanted: list[str], *, fresh: bool) -> dict[str, Device | None]:
        now = self._clock.now_ms()
        stale = [thing for thing in wanted if fresh or self._devices.get(thing, (0, None))[0] <= now]
        if stale:
            if len(self._devices) + len(stale) > MAX_DEVICES:
                self._devices.clear()
                stale = wanted
            found = self._registry.find(stale)
            for thing in stale:
                self._devices[thing] = (now + DEVICE_MS, found.get(thing))
        return {thing: self._devices[thing][1] for thing in wanted}
