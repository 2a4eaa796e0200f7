"""Position by gpsd: its JSON reports over a socket, TPV above all (gpsd_json(5))."""

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from contract.errors import shown
from contract.models import DeviceModel
from contract.telemetry import Value
from device_agent.clock import Clock
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import Host, Reading
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import Output
from device_agent.sensors.driver_table import interval_s, outputs
from device_agent.waiting import first_of

WATCH = b'?WATCH={"enable":true,"json":true}\n'
LONGEST_LINE = 10_240
"""gpsd's own limit for a report is 10,240 bytes (GPS_JSON_RESPONSE_MAX)."""
FIX_2D, FIX_3D = 2, 3
CONNECT_LIMIT_S = 10.0
SILENCE_LIMIT_S = 60.0
"""gpsd reports about once a second. A connection that says nothing for so long is half open."""
RETRY_FIRST_S, RETRY_MOST_S = 1.0, 60.0
WAIT_S = 2.0
"""How long a reading waits for the next report: gpsd's second and ours need not begin together."""

Report = Mapping[str, Any]


def _three_dimensional(report: Report, *keys: str) -> Value | None:
    """The first of the keys that is there, if the fix has a height."""
    if report["mode"] < FIX_3D:
        return None
    return next((report[key] for key in keys if key in report), None)


READINGS = (
    ReadingDescription[Report](
        key="latitude", unit="deg", minimum=-90, maximum=90, decimals=7, read=lambda report: report.get("lat")
    ),
    ReadingDescription[Report](
        key="longitude", unit="deg", minimum=-180, maximum=180, decimals=7, read=lambda report: report.get("lon")
    ),
    ReadingDescription[Report](
        key="altitude",
        unit="m",
        minimum=-1000,
        maximum=100_000,
        decimals=2,
        optional=True,
        # Above mean sea level; `alt` is the same in versions before 3.20.
        read=lambda report: _three_dimensional(report, "altMSL", "alt"),
    ),
    ReadingDescription[Report](
        key="speed",
        unit="m/s",
        minimum=0,
        maximum=1000,
        decimals=2,
        optional=True,
        read=lambda report: report.get("speed"),
    ),
    ReadingDescription[Report](
        key="track",
        unit="deg",
        minimum=0,
        maximum=360,
        decimals=2,
        optional=True,
        read=lambda report: report.get("track"),
    ),
    ReadingDescription[Report](
        key="position_error", unit="m", minimum=0, decimals=2, optional=True, read=lambda report: report.get("eph")
    ),
)


@dataclass(frozen=True)
class GpsdSettings:
    """`kind = "gpsd"`."""

    name: str
    interval_s: float
    address: str
    port: int
    oldest_s: float
    """A fix older than this is none."""
    outputs: tuple[Output, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(output.metric for output in self.outputs)

    def make(self, host: Host, position: str | None) -> "GpsdSensor":  # noqa: ARG002 - a receiver goes on by itself
        return GpsdSensor(self, host.clock)


class GpsdSensor:
    """Listens from the first reading on, and connects again whenever the connection ends.

    A reading is the latest report with a fix, at the time that it came; each is given once.
    """

    def __init__(self, settings: GpsdSettings, clock: Clock) -> None:
        self.interval_s = settings.interval_s
        self._settings = settings
        self._clock = clock
        self._listening: asyncio.Task[None] | None = None
        self._arrived = asyncio.Event()
        self._latest: tuple[int, Report] | None = None
        self._why = "no report from gpsd yet"

    async def read(self, now: int) -> Reading | None:
        """Raises SensorError: there is no fix, or no newer one than the last time."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())
        if self._latest is None:
            self._arrived.clear()
            await first_of(self._arrived.wait(), self._clock.sleep(WAIT_S))
        if self._latest is None or now - self._latest[0] > 1000 * self._settings.oldest_s:
            self._latest = None
            raise SensorError(self._why)
        (at, report), self._latest = self._latest, None
        values: dict[str, Value] = {}
        faults: dict[str, str] = {}
        for output in self._settings.outputs:
            try:
                if (value := output.value(report)) is not None:
                    values[output.metric] = value
            except ValueError as error:
                faults[output.metric] = str(error)
        if faults and not values:
            raise SensorError("; ".join(f"{metric}: {fault}" for metric, fault in faults.items()))
        return Reading(at, values, faults=faults)

    def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()

    async def _listen(self) -> None:
        """Connect, listen until that ends, wait, and again; the wait grows while nothing is heard."""
        wait_s = RETRY_FIRST_S
        while True:
            heard = False
            try:
                heard = await self._session()
            except OSError as error:  # also a TimeoutError, which says nothing
                self._why = f"gpsd at {self._settings.address}:{self._settings.port}: {str(error) or 'no answer'}"
            wait_s = RETRY_FIRST_S if heard else min(RETRY_MOST_S, 2 * wait_s)
            await self._clock.sleep(wait_s)

    async def _session(self) -> bool:
        """One connection from its start to its end; whether it brought a report."""
        heard = False
        async with asyncio.timeout(CONNECT_LIMIT_S):
            reader, writer = await asyncio.open_connection(
                self._settings.address, self._settings.port, limit=LONGEST_LINE
            )
        try:
            writer.write(WATCH)
            while line := await self._line(reader):
                heard = self._take(line) or heard
            self._why = "gpsd closed the connection"
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
        return heard

    async def _line(self, reader: asyncio.StreamReader) -> bytes:
        """The next line; empty at the end of the connection. One that is too long is passed over."""
        too_long = False
        while True:
            try:
                async with asyncio.timeout(SILENCE_LIMIT_S):
                    line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError:
                return b""
            except asyncio.LimitOverrunError as error:
                await reader.readexactly(error.consumed)
                too_long = True
                continue
            if not too_long:
                return line
            too_long = False

    def _take(self, line: bytes) -> bool:
        """Note what a report says; whether it is one at all."""
        try:
            report = msgspec.json.decode(line)
        except msgspec.DecodeError:
            self._why = f"gpsd sent what is no JSON: {shown(line[:80].decode(errors='replace'))}"
            return False
        if not isinstance(report, dict) or report.get("class") != "TPV":
            return False
        mode = report.get("mode")
        if not isinstance(mode, int) or mode < FIX_2D or not _is_place(report):
            self._latest = None
            self._why = f"no fix (mode {shown(mode)})"
        else:
            self._latest = (self._clock.boot_ms(), report)
            self._why = "no newer report from gpsd"
        self._arrived.set()
        return True


def _is_place(report: Report) -> bool:
    return all(isinstance(report.get(key), (int, float)) and math.isfinite(report[key]) for key in ("lat", "lon"))


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> GpsdSettings:
    """Read a `[[sensor]]` table of kind `gpsd`; what is wrong is noted in the table."""
    interval = interval_s(table, model)
    return GpsdSettings(
        name=name,
        interval_s=interval,
        address=table.text("address", "127.0.0.1"),
        port=table.port("port", 2947),
        oldest_s=table.number("oldest_s", minimum=0.1, maximum=3600, default=5.0),
        outputs=outputs(table, model, READINGS),
    )
