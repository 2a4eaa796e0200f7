import asyncio

from device_agent.actuators.readings import NAME, ActuatorReadings


class Relays:
    """What of `Actuators` is read."""

    def __init__(self):
        self.values = {"relay": False}
        self.listeners = []

    def on_change(self, listener):
        self.listeners.append(listener)

    def metrics(self):
        return dict(self.values)

    def switch(self, values):
        self.values = values
        for listener in self.listeners:
            listener()


async def test_the_truth_is_read_at_the_interval_and_at_each_change(clock):
    relays, taken = Relays(), []
    readings = ActuatorReadings(
        relays, lambda name, reading: taken.append((name, reading.at, reading.values)), interval_s=5, clock=clock
    )
    start = clock.boot_ms()
    running = asyncio.ensure_future(readings.run(lambda: None))
    await clock.advance(6)
    assert taken == [(NAME, start, {"relay": False}), (NAME, start + 5000, {"relay": False})]

    relays.switch({"relay": True})
    relays.switch({"relay": True})
    relays.switch({"relay": False})
    assert taken[2:] == [(NAME, start + 6000, {"relay": True}), (NAME, start + 6001, {"relay": False})]
    running.cancel()


async def test_what_nobody_knows_is_no_reading(clock):
    relays, taken = Relays(), []
    ActuatorReadings(relays, lambda *reading: taken.append(reading), interval_s=5, clock=clock)
    relays.switch({})
    assert taken == []
