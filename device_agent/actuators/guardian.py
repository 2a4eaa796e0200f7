"""The guardian: a process beside the agent that makes every actuator safe when the agent no longer can.

`python -m device_agent.actuators.guardian FD`, started by `guard.Guard` with one end of a socket as file descriptor FD.
It is told which lines are at stake and then hears the agent's heartbeats. When they cease, or the agent ends without a
goodbye, it kills the agent, since a stopped or hanging process keeps its lines and may wake up and drive them, takes
the lines that the kernel has then freed, and drives them to their safe levels.

It loads gpiozero when it starts, not when it must act: by then the disk or the memory may be what is wrong.
"""

import json
import os
import select
import signal
import socket
import struct
import sys
import time
from typing import Any, Final

from device_agent.actuators.safe import SafePlan, drive
from device_agent.errors import AgentError
from device_agent.json_lines import THING_VARIABLE, json_line

READY: Final = b"ready"
GOODBYE: Final = b"goodbye"
BEAT: Final = struct.Struct("!cQ")
"""b"b" and the CLOCK_MONOTONIC of the beat in ns, which all processes share; the guardian sends each one back."""
PATIENCE: Final = 0.75
"""The part of the watchdog time that may pass without a beat; the rest is for killing and driving."""
GIVE_UP_S: Final = 10.0
KILL_S: Final = 10.0
MOST_BYTES: Final = 65_536


def main(descriptor: int) -> int:
    # A service manager or a terminal that stops the agent signals its guardian too, which must outlive it.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    link = socket.socket(fileno=descriptor)
    task = json.loads(link.recv(MOST_BYTES))
    plans = [SafePlan.from_json(plan) for plan in task["plans"]]
    agent = _handle_of(task["agent"])
    try:
        factory = _factory(task["gpio"])
    except AgentError as error:
        _say(f"cannot watch: {error}")
        return 1
    reason: str | None = "the agent has ended"
    if agent is not None and _sent(link, READY):
        reason = _listen(link, agent, round(task["watchdog_s"] * PATIENCE * 1e9))
    if reason is None:
        return 0
    if agent is not None:
        _kill(agent)
    driven = drive(plans, factory, give_up_s=GIVE_UP_S)
    # Told only now, since whoever should read it may be what hangs.
    _say(f"{reason}: it was killed, and its actuators made safe")
    for name, problem in driven.problems.items():
        _say(f"{name} is not in its safe state: {problem}")
    # Without Python's own end, and while the lines are held: gpiozero makes inputs of those that it lets go.
    os._exit(1 if driven.problems else 0)


def _handle_of(agent: int) -> int | None:
    """A handle that stays with the process, whoever gets its number later. None if our parent is gone already."""
    try:
        handle = os.pidfd_open(agent)
    except ProcessLookupError:
        return None
    return handle if os.getppid() == agent else None


def _factory(gpio: dict[str, Any]) -> Any:
    import gpiozero  # noqa: F401 - loaded now, see above

    from device_agent.gpio import GpioSettings, factory

    return factory(GpioSettings(**gpio))


def _listen(link: socket.socket, agent: int, patience_ns: int) -> str | None:
    """Hear beats until they cease, which is the reason returned; None after a goodbye."""
    poll = select.poll()
    for source in (link.fileno(), agent):
        poll.register(source, select.POLLIN)
    last = time.monotonic_ns()
    while (left := last + patience_ns - time.monotonic_ns()) > 0:
        ready = [descriptor for descriptor, _ in poll.poll(left / 1e6)]
        if link.fileno() in ready:
            message = _received(link)
            if message == GOODBYE:
                return None
            if not message:
                return "the agent ended without a goodbye"
            # Its own time counts: beats that waited while we were stopped prove nothing.
            last = max(last, BEAT.unpack(message)[1])
            _sent(link, message)
        elif agent in ready:
            return "the agent was killed"
    return f"no heartbeat for {(time.monotonic_ns() - last) / 1e9:.2f} s"


def _received(link: socket.socket) -> bytes:
    try:
        return link.recv(MOST_BYTES)
    except OSError:
        return b""


def _sent(link: socket.socket, message: bytes) -> bool:
    try:
        link.send(message, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True  # it does not read, which its beats will show
    except OSError:
        return False
    return True


def _kill(agent: int) -> None:
    try:
        signal.pidfd_send_signal(agent, signal.SIGKILL)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(agent, select.POLLIN)
    poll.poll(KILL_S * 1000)


def _say(text: str) -> None:
    line = f"guardian: {text}"
    if (thing := os.environ.get(THING_VARIABLE)) is not None:
        line = json_line(time.time(), "error", line, thing)
    try:
        os.write(sys.stderr.fileno(), f"{line}\n".encode())
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
