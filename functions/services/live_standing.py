"""Who somebody is now, and what he may watch: grants as they were at most half a minute ago."""

from collections.abc import Iterable

from functions.domain.access import Kind, Permission, Principal
from functions.domain.live import ALARMS, target_of, thing_of
from functions.errors import UnauthorizedError
from functions.ports.clock import Clock
from functions.ports.devices import DeviceFinder
from functions.services.whois import WhoIs

MEMORY_MS = 30_000
MAX_REMEMBERED = 10_000


class Standing:
    def __init__(self, whois: WhoIs, devices: DeviceFinder, clock: Clock) -> None:
        self._whois = whois
        self._devices = devices
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
        groups = {thing: device.group for thing, device in self._devices.find(sorted(things)).items()}
        return frozenset(topic for topic in wanted if may_watch(who, topic, groups.get(thing_of(topic) or "")))

    def _read(self, principal: str, now: int) -> Principal | None:
        kind = next((kind for kind in Kind if principal.startswith(f"{kind}:")), Kind.USER)
        try:
            who = self._whois.again(Principal(principal, kind, ""), now).principal
        except UnauthorizedError:
            return None
        return who if who.anywhere(Permission.LIVE_SUBSCRIBE) else None


def may_watch(who: Principal, topic: str, group: str | None) -> bool:
    """`group` is that of the topic's device. Alarms may be watched by whoever may see some: each event is judged."""
    if topic == ALARMS:
        return who.anywhere(Permission.LIVE_SUBSCRIBE) and who.anywhere(Permission.ALARMS_READ)
    return who.may(Permission.LIVE_SUBSCRIBE, target_of(topic, group))
