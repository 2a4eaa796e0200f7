"""Which model a device has, remembered for a minute so that telemetry seldom asks the registry."""

from collections.abc import Iterable, Mapping

from contract.models import DeviceModel
from functions.ports.clock import Clock
from functions.ports.devices import DeviceFinder

MEMORY_MS = 60_000
MAX_REMEMBERED = 50_000


class DeviceModels:
    def __init__(self, registry: DeviceFinder, models: Mapping[str, DeviceModel], clock: Clock) -> None:
        self._registry = registry
        self._models = models
        self._clock = clock
        self._remembered: dict[str, tuple[int, DeviceModel | None]] = {}

    def of(self, things: Iterable[str]) -> dict[str, DeviceModel | None]:
        """The model of each thing; None for one that is not registered, or whose model is not known here."""
        wanted = list(things)
        now = self._clock.now_ms()
        stale = [thing for thing in wanted if self._remembered.get(thing, (0, None))[0] <= now]
        if stale:
            if len(self._remembered) + len(stale) > MAX_REMEMBERED:
                self._remembered.clear()
                stale = wanted
            found = self._registry.find(stale)
            for thing in stale:
                model = self._models.get(found[thing].model) if thing in found else None
                self._remembered[thing] = (now + MEMORY_MS, model)
        return {thing: self._remembered[thing][1] for thing in wanted}
