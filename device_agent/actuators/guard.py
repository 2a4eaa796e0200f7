"""The agent's side of the guardian: starts it, beats, and starts another when it has gone."""

import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final, Protocol

from device_agent.actuators.guardian import BEAT, GOODBYE, MOST_BYTES, READY
from device_agent.actuators.safe import SafePlan
from device_agent.clock import Clock
from device_agent.gpio import GpioSettings

START_S: Final = 60.0
"""A guardian that takes longer to load what it needs, also from a slow card, will not come up."""
FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 60.0
GOODBYE_S: Final = 2.0
REAP_S: Final = 1.0


class Watch(Protocol):
    """Somebody who makes the actuators safe if this process does not beat for its watchdog time."""

    @property
    def is_watching(self) -> bool: ...

    def beat(self) -> None:
        """Tell that the agent's actuator task runs; never blocks for long."""
        ...

    async def goodbye(self) -> None:
        """The actuators are safe and the lines given back: nobody needs to watch any more."""
        ...


class NoWatch:
    """For pins that move nothing (`factory = "mock"`)."""

    is_watching = True

    def beat(self) -> None:
        return

    async def goodbye(self) -> None:
        return


class Guard:
    """A Watch by a guardian process. Used on the event loop only."""

    def __init__(
        self,
        plans: Sequence[SafePlan],
        gpio: GpioSettings,
        watchdog_s: float,
        *,
        clock: Clock,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._task = {
            "agent": os.getpid(),
            "watchdog_s": watchdog_s,
            "gpio": {"factory": gpio.factory, "chip": gpio.chip},
            "plans": [plan.to_json() for plan in plans],
        }
        self._watchdog_s = watchdog_s
        self._clock = clock
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._ready = False
        self._heard = 0.0
        self._retry_s = FIRST_RETRY_S
        self._not_before = 0.0

    @property
    def pid(self) -> int | None:
        """The guardian's, if one runs."""
        return None if self._process is None else self._process.pid

    @property
    def is_watching(self) -> bool:
        return self._ready and self._clock.monotonic() - self._heard <= self._watchdog_s

    def beat(self) -> None:
        now = self._clock.monotonic()
        if self._link is not None and (why := self._fault(now)) is not None:
            self._log.error("the actuators' guardian %s; starting another", why)
            self._drop()
            self._not_before = now + self._retry_s
            self._retry_s = min(LONGEST_RETRY_S, 2 * self._retry_s)
        if self._link is None and now >= self._not_before:
            self._start()
        if self._link is not None:
            self._send(BEAT.pack(b"b", round(now * 1e9)))

    async def goodbye(self) -> None:
        if self._link is None or self._process is None:
            return
        self._send(GOODBYE)
        until = self._clock.monotonic() + GOODBYE_S
        while self._process.poll() is None and self._clock.monotonic() < until:
            await self._clock.sleep(0.01)
        self._drop()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptor = theirs.fileno()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", "device_agent.actuators.guardian", str(descriptor)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(descriptor,),
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            self._log.error("the actuators' guardian cannot be started: %s", error)
            self._not_before = self._clock.monotonic() + self._retry_s
            self._retry_s = min(LONGEST_RETRY_S, 2 * self._retry_s)
            return
        finally:
            theirs.close()
        ours.setblocking(False)  # noqa: FBT003 - the method takes nothing else
        self._link = ours
        self._ready = False
        self._heard = self._clock.monotonic()
        self._send(json.dumps(self._task).encode())

    def _fault(self, now: float) -> str | None:
        """Hear what it says; why it is of no use any more, if so."""
        while (message := self._receive()) is not None:
            if not message:
                return "has ended"
            if message == READY:
                self._ready = True
                self._heard = now
                self._log.info("the actuators' guardian watches: %.1f s", self._watchdog_s)
            else:
                self._heard = BEAT.unpack(message)[1] / 1e9
                self._retry_s = FIRST_RETRY_S
        silence = now - self._heard
        if silence > (self._watchdog_s if self._ready else START_S):
            return f"has been silent for {silence:.1f} s"
        return None

    def _receive(self) -> bytes | None:
        """The next message; None if there is none yet, empty if there will be none."""
        if self._link is None:
            return b""
        try:
            return self._link.recv(MOST_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _send(self, message: bytes) -> None:
        try:
            if self._link is not None:
                self._link.send(message)
        except OSError:
            return  # full: it does not read, and its silence tells; broken: the next receive tells

    def _drop(self) -> None:
        """Be rid of the one that is there, whatever its state."""
        link, process = self._link, self._process
        self._link, self._process, self._ready = None, None, False
        if process is not None:
            process.kill()
            _reap(process)
        if link is not None:
            link.close()


def _reap(process: "subprocess.Popen[Any]") -> None:
    try:
        process.wait(REAP_S)
    except subprocess.TimeoutExpired:
        return  # stuck in the kernel; Python reaps it when the next process is started
