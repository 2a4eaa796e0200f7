"""Who somebody is now, and what he may watch: grants as they were at most half a minute ago."""

from collections.abc import Iterable

from functions.domain.access import Permission, Principal
from functions.domain.live import target_of, thing_of
from functions.ports import Clock, DeviceRegistry, Keys, Principals

MEMORY_MS = 30_000
MAX_REMEMBERED = 10_000


class Standing:
    def __init__(self, principals: Principals, keys: Keys, registry: DeviceRegistry, clock: Clock) -> None:
        self._principals = principals
        self._keys = keys
        self._registry = registry
        self._clock = clock
        self._remembered: dict[str, tuple[int, Principal | None]] = {}

    def of(self, principal: str) -> Principal | None:
        """None where he is disabled, deleted or expired, or may watch nothing."""
        now = self._clock.now_ms()
        until, found = self._remembered.get(principal, (0, None))
        if until <= now:
            found = self._read(principal, now)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[principal] = (now + MEMORY_MS, found)
        return found

    def allowed(self, who: Principal, topics: Iterable[str]) -> frozenset[str]:
        """Those that he may watch. A device that is not registered is there for a reader of everything only."""
        wanted = tuple(topics)
        things = {thing for topic in wanted if (thing := thing_of(topic)) is not None}
        groups = {thing: device.group for thing, device in self._registry.find(sorted(things)).items()}
        return frozenset(
            topic
            for topic in wanted
            if who.may(Permission.LIVE_SUBSCRIBE, target_of(topic, groups.get(thing_of(topic) or "")))
        )

    def _read(self, principal: str, now: int) -> Principal | None:
        who = self._key(principal, now) if principal.startswith("key:") else self._person(principal)
        return who if who is not None and who.anywhere(Permission.LIVE_SUBSCRIBE) else None

    def _person(self, principal: str) -> Principal | None:
        holder = self._principals.find(principal)
        return None if holder is None or holder.disabled else holder.principal

    def _key(self, principal: str, now: int) -> Principal | None:
        key = self._keys.find(principal.removeprefix("key:"))
        if key is None or not key.live(now):
            return None
        creator = self._principals.find(key.created_by)
        return key.principal(None if creator is None or creator.disabled else creator)
