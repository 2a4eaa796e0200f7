"""Position by gpsd, over a real socket to a server that speaks its lines, well and badly."""

import asyncio
import json
from contextlib import suppress

import pytest

from device_agent.clock import ManualClock, SystemClock
from device_agent.errors import SensorError
from device_agent.sensors import gpsd

VERSION = {"class": "VERSION", "release": "3.25", "rev": "3.25", "proto_major": 3, "proto_minor": 15}
TPV = {
    "class": "TPV",
    "device": "/dev/ttyAMA0",
    "mode": 3,
    "time": "2026-01-31T12:00:00.000Z",
    "lat": 52.5200066,
    "lon": 13.4049540,
    "altHAE": 84.3,
    "altMSL": 39.812,
    "alt": 39.812,
    "speed": 1.534,
    "track": 270.12,
    "eph": 4.66,
}


class Gpsd:
    """Listens as gpsd does; what a client is sent is up to the test."""

    def __init__(self):
        self.clients = []
        self.asked = []
        self.port = 0

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self):
        self._server.close()
        self.drop()
        await self._server.wait_closed()

    def drop(self):
        for writer in self.clients:
            writer.transport.abort()
        self.clients.clear()

    def send(self, *what):
        for writer in self.clients:
            for line in what:
                writer.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\r\n")

    async def _serve(self, reader, writer):
        self.send_to(writer, VERSION)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.asked.append(await reader.readline())
            self.clients.append(writer)
            await reader.read()
        writer.transport.abort()

    def send_to(self, writer, line):
        writer.write(json.dumps(line).encode() + b"\r\n")


@pytest.fixture
async def server():
    server = Gpsd()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def listening(server, host, made, eventually):
    """A sensor that is connected."""

    async def make(clock=None, **options):
        sensor = made("gpsd", model="tracker", on=host(clock=clock or SystemClock()), port=server.port, **options)
        with suppress(SensorError):
            first = asyncio.create_task(sensor.read(0))
            await eventually(lambda: server.clients)
            sensor._arrived.set()
            await first
        return sensor

    return make


def now(sensor):
    return sensor._clock.boot_ms()


async def test_a_fix_is_a_reading_at_the_time_that_it_came(server, listening, eventually):
    clock = ManualClock()
    sensor = await listening(clock)
    server.send({"class": "DEVICES", "devices": []}, {"class": "SKY", "satellites": []}, TPV)
    await eventually(lambda: sensor._latest)
    await clock.advance(1.5)

    reading = await sensor.read(clock.boot_ms())

    assert reading.at == 60_000
    assert reading.values == {
        "latitude": 52.5200066,
        "longitude": 13.404954,
        "altitude": 39.81,
        "speed": 1.53,
        "track": 270.12,
        "position_error": 4.66,
    }
    assert server.asked == [b'?WATCH={"enable":true,"json":true}\n']


async def test_a_reading_waits_for_the_report_that_is_about_to_come(server, listening):
    sensor = await listening()
    reading = asyncio.create_task(sensor.read(now(sensor)))
    await asyncio.sleep(0)
    server.send(TPV)

    assert (await reading).values["latitude"] == 52.5200066


async def test_a_fix_is_given_once(server, listening, eventually):
    clock = ManualClock()
    sensor = await listening(clock)
    server.send(TPV)
    await eventually(lambda: sensor._latest)
    await sensor.read(clock.boot_ms())

    again = asyncio.create_task(sensor.read(clock.boot_ms()))
    await clock.advance(gpsd.WAIT_S)
    with pytest.raises(SensorError, match="no newer report"):
        await again


@pytest.mark.parametrize(
    "report",
    [
        {"class": "TPV", "mode": 1},
        {"class": "TPV", "mode": 0},
        {"class": "TPV"},
        {"class": "TPV", "mode": "3", "lat": 1.0, "lon": 1.0},
        {"class": "TPV", "mode": 3},
        {"class": "TPV", "mode": 3, "lat": "52", "lon": 13.4},
    ],
)
async def test_without_a_fix_there_is_no_fresh_value_not_even_the_one_before(server, listening, eventually, report):
    sensor = await listening()
    server.send(TPV)
    await eventually(lambda: sensor._latest)
    server.send(report)
    await eventually(lambda: sensor._latest is None)

    reading = asyncio.create_task(sensor.read(now(sensor)))
    await asyncio.sleep(0)
    server.send(report)
    with pytest.raises(SensorError, match="no fix"):
        await reading


async def test_a_fix_that_is_too_old_is_none(server, listening, eventually):
    clock = ManualClock()
    sensor = await listening(clock, oldest_s=5)
    server.send(TPV)
    await eventually(lambda: sensor._latest)
    await clock.advance(6)

    with pytest.raises(SensorError):
        await sensor.read(clock.boot_ms())


async def test_a_flat_fix_has_no_height(server, listening, eventually):
    sensor = await listening()
    server.send(TPV | {"mode": 2})
    await eventually(lambda: sensor._latest)

    reading = await sensor.read(now(sensor))
    assert "altitude" not in reading.values
    assert reading.faults == {}
    assert reading.values["latitude"] == 52.5200066


async def test_an_old_gpsds_height_is_read_too(server, listening, eventually):
    sensor = await listening()
    server.send({key: value for key, value in TPV.items() if key != "altMSL"} | {"alt": 41.0})
    await eventually(lambda: sensor._latest)

    assert (await sensor.read(now(sensor))).values["altitude"] == 41.0


async def test_a_place_that_is_not_on_earth_is_a_fault(server, listening, eventually):
    sensor = await listening()
    server.send(TPV | {"lat": 91.0})
    await eventually(lambda: sensor._latest)

    reading = await sensor.read(now(sensor))
    assert "from -90 up to 90 deg, got 91" in reading.faults["latitude"]
    assert "latitude" not in reading.values


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\r\n",
        b"not json\r\n",
        b'{"class":"TPV","mode":3,\r\n',
        b"[1,2,3]\r\n",
        b"null\n",
        b"\xff\xfe\x00\r\n",
        b"x" * 200_000 + b"\r\n",
        b'{"class":"TPV","pad":"' + b"y" * 20_000 + b'"}\r\n',
        json.dumps({"class": "ERROR", "message": "Unrecognized request"}).encode() + b"\r\n",
    ],
)
async def test_rubbish_is_passed_over_and_the_next_report_is_taken(server, listening, eventually, rubbish):
    sensor = await listening()
    server.send(rubbish, TPV)
    await eventually(lambda: sensor._latest)

    assert (await sensor.read(now(sensor))).values["longitude"] == 13.404954
    assert len(server.clients) == 1


async def test_half_lines_are_put_together(server, listening, eventually):
    sensor = await listening()
    line = json.dumps(TPV).encode() + b"\r\n"
    for part in (line[:1], line[1:50], line[50:-1], line[-1:]):
        server.send(part)
        await server.clients[0].drain()
        await asyncio.sleep(0.001)
    await eventually(lambda: sensor._latest)

    assert (await sensor.read(now(sensor))).values["speed"] == 1.53


async def test_an_endless_line_does_not_grow_in_memory(server, listening, eventually):
    import tracemalloc

    sensor = await listening()
    tracemalloc.start()
    for _ in range(100):
        server.send(b"z" * 100_000)
        await server.clients[0].drain()
    server.send(b"\n", TPV)
    await eventually(lambda: sensor._latest)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2_000_000  # of 10 MB that came


async def test_a_lost_connection_is_made_again(server, listening, eventually):
    clock = ManualClock()
    sensor = await listening(clock)
    server.drop()
    await eventually(lambda: clock.sleepers)
    await clock.advance(gpsd.RETRY_MOST_S)
    await eventually(lambda: server.clients)
    server.send(TPV)
    await eventually(lambda: sensor._latest)

    assert (await sensor.read(clock.boot_ms())).values["latitude"] == 52.5200066


async def test_a_gpsd_that_is_not_there_is_said_and_found_when_it_comes(server, host, made, eventually):
    await server.stop()
    clock = ManualClock()
    sensor = made("gpsd", model="tracker", on=host(clock=clock), port=server.port)
    first = asyncio.create_task(sensor.read(clock.boot_ms()))
    await eventually(lambda: "Connect call failed" in sensor._why)
    await clock.advance(gpsd.WAIT_S)
    with pytest.raises(SensorError, match=f"gpsd at 127.0.0.1:{server.port}: .*Connect call failed"):
        await first

    await server.start()
    await clock.advance(gpsd.RETRY_MOST_S)
    await eventually(lambda: server.clients)
    server.send(TPV)
    await eventually(lambda: sensor._latest)
    assert (await sensor.read(clock.boot_ms())).values["latitude"] == 52.5200066


async def test_a_connection_that_says_nothing_is_given_up(server, listening, eventually, monkeypatch):
    monkeypatch.setattr(gpsd, "SILENCE_LIMIT_S", 0.05)
    sensor = await listening(ManualClock())
    silent = server.clients[0]

    await eventually(lambda: "no answer" in sensor._why)
    await eventually(silent.is_closing)


async def test_closing_ends_the_connection(server, listening, eventually):
    sensor = await listening()
    client = server.clients[0]
    sensor.close()

    await eventually(client.is_closing)


async def test_readings_are_chosen_and_renamed(server, listening, eventually):
    sensor = await listening(readings=["latitude", "longitude"], metrics={"latitude": "lat", "longitude": "lon"})
    server.send(TPV)
    await eventually(lambda: sensor._latest)

    assert set((await sensor.read(now(sensor))).values) == {"lat", "lon"}
