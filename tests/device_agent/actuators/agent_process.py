"""An agent with nothing but actuators, as a process of its own: switches its relay on and then does as it is told."""

import asyncio
import logging
import os
import signal
import sys
import time

from device_agent.actuators.kinds import Contact, MotorisedValve
from device_agent.actuators.lines import Line
from device_agent.actuators.making import make_actuators
from device_agent.actuators.settings import ActuatorSettings
from device_agent.clock import SystemClock
from device_agent.gpio import GpioSettings

WATCHDOG_S = 2.0


def settings():
    relay = Contact(Line(17, active_high=False))
    valve = MotorisedValve(Line(5), Line(6), 0.3)
    return (
        ActuatorSettings("relay", relay, relay.schema, {"on": False}, watchdog_s=WATCHDOG_S),
        ActuatorSettings("valve", valve, valve.schema, {"open": False}, watchdog_s=WATCHDOG_S),
    )


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def main(then):
    log = logging.LoggerAdapter(logging.getLogger("agent"), {})
    actuators = make_actuators(
        settings(), GpioSettings(factory="files"), clock=SystemClock(), log=log, event=lambda kind, data: None
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await actuators.open()
    running = asyncio.create_task(actuators.run(lambda: None))
    await actuators.ready.wait()
    for name, parameters in (("relay", {"on": True}), ("valve", {"open": True})):
        outcome = await actuators.submit(name, parameters, source="test")
        assert outcome.status == "SUCCEEDED", outcome
    say("on", actuators._watch.pid)
    if then == "block":
        time.sleep(60)  # noqa: ASYNC251 - it hangs, as a bug would make it
    if then == "raise":
        raise RuntimeError("a bug")
    if then == "exit":
        os._exit(0)
    try:
        while not stop.is_set():
            await asyncio.sleep(0.05)
            say("guardian", actuators._watch.pid, actuators._watch.is_watching)
    finally:
        await actuators.close()
        running.cancel()
    say("stopped")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    asyncio.run(main(sys.argv[1]))
