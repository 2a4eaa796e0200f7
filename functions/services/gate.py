"""Whether somebody may do something to a device, without telling him of devices that he may not see."""

from functions.domain.access import Permission, Principal, Target, demand
from functions.domain.devices import Device
from functions.errors import NotFoundError
from functions.ports.devices import DeviceFinder


class Gate:
    def __init__(self, registry: DeviceFinder) -> None:
        self._registry = registry

    def device(self, who: Principal, permission: Permission, thing: str) -> Device:
        """A registered device that he may do this to.

        Raises NotFoundError where he may not see it, in the same words as for one that does not exist, and
        ForbiddenError where he sees it but may not do this.
        """
        device = self._registry.find([thing]).get(thing)
        if device is None:
            raise missing(thing)
        self._check(who, permission, thing, Target(thing, device.group))
        return device

    def heard(self, who: Principal, permission: Permission, thing: str) -> Device | None:
        """Like `device`, and None for one that is not registered: whoever reads everything may ask of it."""
        device = self._registry.find([thing]).get(thing)
        self._check(who, permission, thing, Target(thing, device.group) if device else Target())
        return device

    def _check(self, who: Principal, permission: Permission, thing: str, target: Target) -> None:
        if not who.may(permission, target):
            if not who.may(Permission.DEVICES_READ, target):
                raise missing(thing)
            demand(who, permission, target)


def missing(thing: str) -> NotFoundError:
    return NotFoundError(f"there is no device {thing!r}, or you may not see it")
