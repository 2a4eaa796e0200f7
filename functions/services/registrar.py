"""Makes the registry say what the fleet file says; repeating it changes nothing."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from contract.errors import IdentityError
from contract.identity import parse_group, parse_thing
from functions.domain.access import Kind, Principal
from functions.domain.audit import Actor
from functions.domain.devices import Device, Source
from functions.errors import RegistryError, RequestError
from functions.ports.clock import Clock
from functions.ports.devices import DeviceRegistry
from functions.services.devices import note_of
from functions.services.waking import Waking

DEPLOYMENT = Principal("deployment:fleet-file", Kind.DEPLOYMENT, "The deployment's fleet file")


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device of the fleet file."""

    name: str
    model: str
    group: str


class Outcome(msgspec.Struct, frozen=True):
    changed: int
    decommissioned: int


class Registrar:
    """`attempts` bounds how often a device is tried again that somebody else changed meanwhile."""

    def __init__(
        self, registry: DeviceRegistry, waking: Waking, clock: Clock, attempts: Iterable[int] = (0, 1, 2)
    ) -> None:
        self._registry = registry
        self._waking = waking
        self._clock = clock
        self._attempts = attempts

    def declare(
        self, devices: Sequence[Declared], before: Sequence[Declared] = (), *, request_id: str = "unknown"
    ) -> Outcome:
        """Register `devices`; those of `before` that are no longer among them are decommissioned, never deleted."""
        actor = Actor(DEPLOYMENT, request_id, "cloudformation")
        names = {device.name for device in devices}
        changed = sum(self._register(one, actor) for one in devices)
        gone = sum(self._decommission(one.name, actor) for one in before if one.name not in names)
        return Outcome(changed, gone)

    def _register(self, wanted: Declared, actor: Actor) -> bool:
        """Name and tags that people gave stay while the device does; False when nothing had to be changed."""
        for _ in self._attempts:
            now = self._clock.now_ms()
            known = self._registry.find([wanted.name]).get(wanted.name)
            back = known is None or known.decommissioned
            after = Device(
                thing=wanted.name,
                name=wanted.name if known is None or back else known.name,
                model=wanted.model,
                group=wanted.group,
                tags={} if known is None or back else known.tags,
                source=Source.FLEET,
                created_at=now if known is None else known.created_at,
                updated_at=now,
                version=1 if known is None else known.version + 1,
            )
            if known is not None and known == msgspec.structs.replace(
                after, updated_at=known.updated_at, version=known.version
            ):
                return False
            action = "device.create" if back else "device.update"
            self._waking.before_change(wanted.name)
            if self._registry.save(known, after, note_of(actor, action, known, after)):
                return True
        raise RegistryError(f"the entry of {wanted.name} was changed by others at every attempt")

    def _decommission(self, thing: str, actor: Actor) -> bool:
        for _ in self._attempts:
            now = self._clock.now_ms()
            known = self._registry.find([thing]).get(thing)
            # What people registered through the API is theirs, whatever a file said of it before.
            if known is None or known.decommissioned or known.source is not Source.FLEET:
                return False
            after = msgspec.structs.replace(known, decommissioned=True, updated_at=now, version=known.version + 1)
            self._waking.before_change(thing)
            if self._registry.save(known, after, note_of(actor, "device.decommission", known, after)):
                return True
        raise RegistryError(f"the entry of {thing} was changed by others at every attempt")


def declared(properties: Mapping[str, object]) -> tuple[Declared, ...]:
    """The devices in a custom resource's properties; raises RequestError naming what is wrong with them."""
    try:
        devices = msgspec.convert(properties.get("Devices", []), tuple[Declared, ...])
    except msgspec.ValidationError as exc:
        raise RequestError("Devices", "a list of {name, model, group}", str(exc)) from exc
    for device in devices:
        try:
            parse_thing(device.name)
            parse_group(device.group)
        except IdentityError as exc:
            raise RequestError(f"Devices.{exc.field}", exc.expected, exc.got) from exc
    return devices
