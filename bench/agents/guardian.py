"""The second process of an agent whose actuators are at real pins."""

import json
import os
import socket
import subprocess

from bench.agents.processes import device_environment, installed, rss_mib
from device_agent.actuators.guardian import GOODBYE, MOST_BYTES, READY

START_S = 60.0
WATCHDOG_S = 300.0
"""It kills its agent, here the benchmark, when that is silent for so long."""


def memory_mib() -> float:
    """Of a guardian that watches, with gpiozero loaded; its pins are the mock, so without the library of real ones."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        command = [str(installed().with_name("python")), "-m", "device_agent.actuators.guardian", str(theirs.fileno())]
        process = subprocess.Popen(command, env=device_environment(), pass_fds=(theirs.fileno(),))
        gpio = {"factory": "mock", "chip": None}
        task = {"plans": [], "agent": os.getpid(), "watchdog_s": WATCHDOG_S, "gpio": gpio}
        ours.settimeout(START_S)
        ours.send(json.dumps(task).encode())
        if ours.recv(MOST_BYTES) != READY:
            raise SystemExit("the guardian does not watch")
        mib = rss_mib(process.pid)
        ours.send(GOODBYE)
        process.wait(START_S)
    return mib
