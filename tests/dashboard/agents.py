"""A device's real agent, with sensors that the test has written and a relay that nothing is wired to."""

import signal
from contextlib import contextmanager

SENSORS = """
[gpio]
factory = "mock"

[[actuator]]
name = "relay"
kind = "relay"
pin = 17

[[sensor]]
kind = "replay"
file = {file!r}
interval_s = 1
loop = true
columns.value = "temperature"
"""


class Agent:
    def __init__(self, process):
        self._process = process

    @contextmanager
    def held(self):
        """It does nothing within, as if the network took its time."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self):
        self._process.terminate()
        assert self._process.wait(timeout=30) == 0


@contextmanager
def running(cloud, thing, model, values, folder):
    """The agent of a declared device, which reads one value a second as its temperature, over and over."""
    recording = folder / f"{thing}.csv"
    recording.write_text("\n".join(["value", *map(str, values)]) + "\n")
    config = cloud.agent_config(thing, model, SENSORS.format(file=str(recording)), flush_interval_s=0.3)
    agent = Agent(cloud.start_agent(config))
    try:
        yield agent
    finally:
        agent.stop()
