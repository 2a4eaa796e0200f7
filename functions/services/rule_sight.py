"""Which rules somebody may see: those that concern something that he may see."""

from collections.abc import Iterable

from functions.domain.access import Permission, Principal
from functions.domain.devices import inside
from functions.ports.devices import DeviceFinder


class Sight:
    """Which scopes concern something that somebody may see."""

    def __init__(self, who: Principal, registry: DeviceFinder) -> None:
        self._reach = who.reach(Permission.RULES_READ)
        self._registry = registry
        self._groups: dict[str, str] = {}
        self.look_up(f"device:{thing}" for thing in self._reach.things)

    def look_up(self, scopes: Iterable[str]) -> None:
        """The groups of devices, at once."""
        if self._reach.everything:
            return
        things = {scope.removeprefix("device:") for scope in scopes if scope.startswith("device:")}
        for thing, device in self._registry.find(things - self._groups.keys()).items():
            self._groups[thing] = device.group

    def sees(self, scope: str) -> bool:
        kind, _, name = scope.partition(":")
        if self._reach.everything or kind in {"*", "model"}:
            return not self._reach.nothing
        if kind == "device":
            return self._reach.covers(name, self._groups.get(name))
        own = (self._groups[thing] for thing in self._reach.things if thing in self._groups)
        return self._reach.covers(None, name) or any(inside(one, name) for one in (*self._reach.groups, *own))
