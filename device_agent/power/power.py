"""When a device that lives on a battery measures and connects."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from contract.errors import shown
from device_agent.config.table import Table

RECOVERY: Final = 2.0
"""By so many percent the battery must rise above a level before that no longer counts."""
_MINUTES: Final = 24 * 60
_CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Level:
    """Below `below` percent, sampling and connecting happen so many times more seldom."""

    below: float
    sampling: float
    connecting: float


@dataclass(frozen=True)
class QuietHours:
    """From one minute of the day to another, the latter excluded, past midnight if it is earlier."""

    start: int
    end: int
    zone: Literal["local", "utc"]

    def contain(self, wall_ms: int) -> bool:
        date = (time.gmtime if self.zone == "utc" else time.localtime)(wall_ms / 1000)
        minute = 60 * date.tm_hour + date.tm_min
        return (minute - self.start) % _MINUTES < (self.end - self.start) % _MINUTES


@dataclass(frozen=True)
class PowerSettings:
    """`always`: the connection is kept. `sleep`: the device connects at an interval, sends what it has, and rests."""

    mode: Literal["always", "sleep"] = "always"
    connect_every_s: float = 900.0
    linger_s: float = 5.0
    """How long a connection stays for what the cloud has to say, at least."""
    battery: str | None = None
    """The metric that is the battery's level in percent."""
    levels: tuple[Level, ...] = ()
    """The lowest first."""
    quiet_hours: QuietHours | None = None


def parse_power(table: Table) -> PowerSettings:
    """Read `[power]`."""
    sleeps = table.choice("mode", ("always", "sleep"), "always") == "sleep"
    battery = table.metric("battery") if "battery" in table else None
    levels = [
        Level(
            below=entry.number("below", minimum=0, maximum=100),
            sampling=entry.number("sampling", minimum=1, maximum=10_000, default=1.0),
            connecting=entry.number("connecting", minimum=1, maximum=10_000, default=1.0),
        )
        for entry in table.tables("levels")
    ]
    if levels and battery is None:
        table.problem("battery", "the metric that the levels are about", "nothing")
    if len({level.below for level in levels}) != len(levels):
        table.problem("levels", "one level for each percentage", "two of the same")
    if not sleeps:
        for key in ("connect_every_s", "linger_s", "quiet_hours"):
            if key in table:
                table.problem(key, 'only with mode = "sleep"', 'mode = "always"')
    return PowerSettings(
        mode="sleep" if sleeps else "always",
        connect_every_s=table.duration("connect_every_s", minimum=10, maximum=31 * 86_400, default=900.0),
        linger_s=table.duration("linger_s", minimum=0, maximum=600, default=5.0),
        battery=battery,
        levels=tuple(sorted(levels, key=lambda level: level.below)),
        quiet_hours=_quiet_hours(table.optional_table("quiet_hours")),
    )


def _quiet_hours(table: Table | None) -> QuietHours | None:
    if table is None:
        return None
    start, end = _minute(table, "from"), _minute(table, "to")
    if start == end:
        table.problem("to", "another time than `from`", shown(table.value("to")))
    zone = table.choice("zone", ("local", "utc"), "local")
    return QuietHours(start, end, "utc" if zone == "utc" else "local")


def _minute(table: Table, key: str) -> int:
    text = table.text(key)
    match = _CLOCK_TIME.fullmatch(text)
    if match is None:
        if text:
            table.problem(key, 'a time of day such as "22:30"', shown(text))
        return len(key)  # any, but not the same for both
    return 60 * int(match[1]) + int(match[2])


class Power:
    """What the battery's level asks for. Pure, and fed by whatever reads the sensors."""

    def __init__(self, settings: PowerSettings) -> None:
        self.settings = settings
        self._level: Level | None = None

    def observe(self, values: Mapping[str, Any]) -> None:
        """Take the values of a reading; those of other metrics are ignored."""
        percent = values.get(self.settings.battery) if self.settings.battery else None
        if isinstance(percent, bool) or not isinstance(percent, (int, float)):
            return
        level = self._level_at(percent)
        if level != self._level and (self._level is None or self._level_at(percent - RECOVERY) != self._level):
            self._level = level

    @property
    def sampling_factor(self) -> float:
        """By how much every sensor's interval is longer now."""
        return self._level.sampling if self._level else 1.0

    @property
    def connect_every_s(self) -> float:
        return self.settings.connect_every_s * (self._level.connecting if self._level else 1.0)

    def _level_at(self, percent: float) -> Level | None:
        return next((level for level in self.settings.levels if percent < level.below), None)
