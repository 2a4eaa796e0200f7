"""Makes the registry say what the fleet file says; repeating it changes nothing."""

from collections.abc import Mapping, Sequence

import msgspec

from contract.errors import IdentityError
from contract.identity import parse_group, parse_thing
from functions.domain.devices import Source
from functions.errors import RequestError
from functions.ports import Clock, DeviceRegistry


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device of the fleet file."""

    name: str
    model: str
    group: str


class Outcome(msgspec.Struct, frozen=True):
    changed: int
    decommissioned: int


class Registrar:
    def __init__(self, registry: DeviceRegistry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    def declare(self, devices: Sequence[Declared], before: Sequence[Declared] = ()) -> Outcome:
        """Register `devices`; those of `before` that are no longer among them are decommissioned, never deleted."""
        now = self._clock.now_ms()
        names = {device.name for device in devices}
        changed = sum(
            self._registry.register(one.name, one.name, one.model, one.group, Source.FLEET, now) for one in devices
        )
        gone = sum(self._registry.decommission(one.name, Source.FLEET, now) for one in before if one.name not in names)
        return Outcome(changed, gone)


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
