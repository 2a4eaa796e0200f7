"""How many bytes a metered link may carry a day and a month; when they are used up, only what is urgent goes on."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from device_agent.clock import Clock
from device_agent.config.table import Table
from device_agent.errors import QueueError
from device_agent.health import BudgetStatus
from device_agent.queue import Priority
from device_agent.time.timekeeper import Timekeeper
from device_agent.waiting import first_of

if TYPE_CHECKING:
    from device_agent.storage import Storage

OVERHEAD_BYTES: Final = 230
"""What a QoS 1 publish costs besides topic and payload, either way: IPv4 and TCP headers with timestamps (52) three
times, for it, for its PUBACK and for TCP's acknowledgement of that; the frame of a TLS 1.2 record (29; 22 in TLS 1.3)
twice; MQTT's own 10 and 6 bytes."""
SEGMENT_BYTES: Final = 1_400
"""What a packet carries of a message at least, in the networks that the Internet is made of."""
FURTHER_SEGMENT_BYTES: Final = 85
"""What each further packet costs: its headers (52), half an acknowledgement (26), and its part of TLS frames."""
PING_BYTES: Final = 218
"""A PINGREQ and its answer (2 bytes each), framed as a publish and its PUBACK are."""
CONNECTION_BYTES: Final = 10_500
"""The handshakes of TCP, TLS and MQTT with both sides' certificates, the SUBSCRIBE of an agent, and an orderly end.

Measured once with awscrt against mosquitto on the loopback, by adding up the IP packets of the broker's port from a raw
socket: 10.2 KB where the broker shows three RSA certificates, as public authorities have it (5.6 KB with P-256 alone),
and 0.3 KB for the end. Rounded up.
"""
LEAST_LIMIT: Final = 20_000
"""Below, a connection alone would use it up."""
SAVE_S: Final = 10.0
_SECTION: Final = "budget"
_STEPS: Final = 100
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True)
class BudgetSettings:
    """Bytes in a UTC day and in a UTC month; None is no limit."""

    bytes_per_day: int | None = None
    bytes_per_month: int | None = None


def parse_budget(table: Table) -> BudgetSettings | None:
    """Read `[budget]`; None if it sets no limit."""
    settings = BudgetSettings(
        bytes_per_day=table.optional_integer("bytes_per_day", minimum=LEAST_LIMIT, maximum=2**50),
        bytes_per_month=table.optional_integer("bytes_per_month", minimum=LEAST_LIMIT, maximum=2**50),
    )
    return None if settings == BudgetSettings() else settings


class _Used(msgspec.Struct, kw_only=True):
    """What was used of one limit in the period that has this number."""

    period: int = 0
    used: int = 0
    told: bool = False


class _State(msgspec.Struct, kw_only=True):
    day: _Used
    month: _Used


class Budget:
    """A Meter of what the link carries. `open` before use; `run` keeps the count through restarts.

    Names are not resolved at its expense, nor are attempts counted that no broker has answered.
    """

    def __init__(
        self,
        settings: BudgetSettings,
        *,
        keep_alive_s: float,
        timekeeper: Timekeeper,
        storage: "Storage",
        clock: Clock,
        log: logging.LoggerAdapter[logging.Logger],
        event: Callable[[str, dict[str, Any]], None],
    ) -> None:
        """`event(kind, data)` tells the cloud, once for each limit and period, that it is used up."""
        self._keep_alive_s = keep_alive_s
        self._pinged_at: float | None = None
        self._timekeeper = timekeeper
        self._storage = storage
        self._clock = clock
        self._log = log
        self._event = event
        self._day = _Limit("day", settings.bytes_per_day, _day)
        self._month = _Limit("month", settings.bytes_per_month, _month)
        self._crossed = asyncio.Event()

    async def open(self) -> None:
        """Take up what earlier starts have counted."""
        try:
            state = msgspec.convert(await self._storage.read_state(_SECTION), _State)
        except (QueueError, msgspec.ValidationError) as error:
            self._log.info("the byte budget starts anew: %s", error)
        else:
            self._day.restore(state.day)
            self._month.restore(state.month)

    def allows(self, priority: Priority) -> bool:
        """Whether a message may be published now."""
        if priority == Priority.URGENT:
            return True
        now = self._timekeeper.wall_ms()
        return self._day.left(now) and self._month.left(now)

    def connected(self) -> None:
        self._spend(CONNECTION_BYTES)
        self._pinged_at = self._clock.monotonic()

    def disconnected(self) -> None:
        self._count_pings()
        self._pinged_at = None

    def sent(self, topic: str, payload: bytes) -> None:
        self._spend(message_bytes(topic, payload))

    def received(self, topic: str, payload: bytes) -> None:
        self._spend(message_bytes(topic, payload))

    def _count_pings(self) -> None:
        """One for each keep-alive of a connection that stands; a busy one may need fewer."""
        if self._pinged_at is None:
            return
        pings = int((self._clock.monotonic() - self._pinged_at) // self._keep_alive_s)
        if pings:
            self._pinged_at += pings * self._keep_alive_s
            self._spend(pings * PING_BYTES)

    def _spend(self, size: int) -> None:
        now = self._timekeeper.wall_ms()
        for limit in (self._day, self._month):
            if limit.spend(size, now):
                self._log.warning("the byte budget of the %s is used up: only what is urgent is sent", limit.name)
                self._event("budget_used_up", {"period": limit.name, "limit": limit.most, "used": limit.now.used})
                self._crossed.set()

    def status(self) -> BudgetStatus:
        now = self._timekeeper.wall_ms()
        return BudgetStatus(
            used_up=not (self._day.left(now) and self._month.left(now)),
            day_used=self._day.now.used,
            day_limit=self._day.most,
            month_used=self._month.now.used,
            month_limit=self._month.most,
        )

    async def run(self, beat: Callable[[], None]) -> None:
        """Store the count when it has grown, for ever."""
        while True:
            beat()
            await first_of(self._clock.sleep(SAVE_S), self._crossed.wait())
            self._crossed.clear()
            self._count_pings()
            if self._day.outgrown or self._month.outgrown:
                await self._save(ahead=True)

    async def close(self) -> None:
        """Store the count as it is."""
        await self._save(ahead=False)

    async def _save(self, *, ahead: bool) -> None:
        state = _State(day=self._day.to_store(ahead=ahead), month=self._month.to_store(ahead=ahead))
        try:
            await self._storage.write_state(_SECTION, msgspec.to_builtins(state))
        except QueueError as error:
            self._log.warning("the byte budget cannot be stored: %s", error)
        else:
            self._day.stored, self._month.stored = state.day, state.month


class _Limit:
    """One limit. What is stored runs ahead by a hundredth of it, so that a crash rather counts too much."""

    def __init__(self, name: str, most: int | None, period: Callable[[int], int]) -> None:
        self.name = name
        self.most = most
        self.now = _Used()
        self.stored = _Used()
        self._period = period

    def restore(self, used: _Used) -> None:
        self.now = used
        self.stored = msgspec.structs.replace(used)

    def left(self, now_ms: int) -> bool:
        self._turn(now_ms)
        return self.most is None or self.now.used < self.most

    def spend(self, size: int, now_ms: int) -> bool:
        """Count; whether this has used up the limit."""
        self._turn(now_ms)
        self.now.used += size
        if self.most is None or self.now.used < self.most or self.now.told:
            return False
        self.now.told = True
        return True

    @property
    def outgrown(self) -> bool:
        """Whether a crash would now let the limit be overstepped, or be told twice."""
        now, stored = self.now, self.stored
        if self.most is None:
            return False
        return (now.period, now.told) != (stored.period, stored.told) or now.used > stored.used

    def to_store(self, *, ahead: bool) -> _Used:
        step = (self.most or 0) // _STEPS if ahead else 0
        return msgspec.structs.replace(self.now, used=self.now.used + step)

    def _turn(self, now_ms: int) -> None:
        """Begin anew with each period. Going back by one is time that was set a little, not a period to spend again."""
        period = self._period(now_ms)
        if period != self.now.period and period != self.now.period - 1:
            self.now = _Used(period=period)


def message_bytes(topic: str, payload: bytes) -> int:
    """What the link carries for a message at QoS 1, about: all packets of both directions, with their headers."""
    size = len(topic.encode()) + len(payload)
    return OVERHEAD_BYTES + size + size // SEGMENT_BYTES * FURTHER_SEGMENT_BYTES


def _day(now_ms: int) -> int:
    return now_ms // _DAY_MS


def _month(now_ms: int) -> int:
    date = time.gmtime(now_ms / 1000)
    return 12 * date.tm_year + date.tm_mon
