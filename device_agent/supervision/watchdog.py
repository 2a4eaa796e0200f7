"""Tells the service manager how the agent is, by the protocol of sd_notify(3), and feeds its watchdog.

Without the manager's environment variables nothing is sent.
"""

import logging
import os
import socket
from collections.abc import Mapping, MutableMapping
from typing import Self

from device_agent.clock import Clock
from device_agent.supervision.heartbeats import Heartbeats

_log = logging.getLogger("device_agent.supervision.watchdog")
STATUS_MOST = 200
"""Characters of a status line; `systemctl status` shows one line."""


class Notifier:
    """One datagram a message to the manager's socket; it never blocks, and a message that cannot be sent is logged."""

    def __init__(self, address: str | None) -> None:
        self._address = address

    @classmethod
    def from_env(cls, env: MutableMapping[str, str]) -> Self:
        """The notifier that `NOTIFY_SOCKET` asks for; the variable is taken out, so that no child process uses it."""
        return cls(_address(env.pop("NOTIFY_SOCKET", "")))

    def ready(self, status: str = "running") -> None:
        """The start is complete: what is ordered after the service may start."""
        self._send(f"READY=1\n{_status(status)}")

    def status(self, text: str) -> None:
        """One line for people, as `systemctl status` shows it."""
        self._send(_status(text))

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def stopping(self, status: str = "stopping") -> None:
        self._send(f"STOPPING=1\n{_status(status)}")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                # A manager that does not read must not stop sampling.
                sender.settimeout(0)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            _log.warning("the service manager cannot be told %s: %s", message.split("\n", 1)[0], error)


def _address(said: str) -> str | None:
    if not said:
        return None
    if said[0] not in "/@" or len(said) == 1:
        _log.error("NOTIFY_SOCKET: expected an absolute path or @ and an abstract name, got %r", said)
        return None
    return "\0" + said[1:] if said[0] == "@" else said


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())[:STATUS_MOST]}"


def watchdog_interval_s(env: Mapping[str, str], pid: int | None = None) -> float | None:
    """Within how many seconds the manager wants to be told that the process `pid` (this one) lives; None if it does
    not watch it.
    """
    usec, watched = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", "")
    if not usec or (watched and watched != str(os.getpid() if pid is None else pid)):
        return None
    if not (usec.isascii() and usec.isdigit() and int(usec) > 0):
        _log.error("WATCHDOG_USEC: expected microseconds above 0, got %r", usec)
        return None
    return int(usec) / 1e6


class Watchdog:
    """Feeds the manager's watchdog at half its interval, while every critical task beats."""

    def __init__(self, notifier: Notifier, heartbeats: Heartbeats, clock: Clock, interval_s: float | None) -> None:
        self._notifier = notifier
        self._heartbeats = heartbeats
        self._clock = clock
        self._interval_s = interval_s

    async def run(self) -> None:
        """Feed until cancelled; returns at once where nobody watches."""
        if self._interval_s is None:
            return
        starving: list[str] = []
        while True:
            overdue = self._heartbeats.overdue()
            if overdue != starving:
                self._tell(overdue)
                starving = overdue
            if not overdue:
                self._notifier.alive()
            # After a missed meal it looks more often, or a task that came back in time would not save the process.
            await self._clock.sleep(self._interval_s / (10 if overdue else 2))

    def _tell(self, overdue: list[str]) -> None:
        if overdue:
            _log.error("the watchdog is not fed: no heartbeat of %s", ", ".join(overdue))
            self._notifier.status(f"stalled: {', '.join(overdue)}")
        else:
            _log.warning("the watchdog is fed again")
            self._notifier.status("running")
