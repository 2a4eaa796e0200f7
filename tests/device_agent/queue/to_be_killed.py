"""Run by test_killed.py: appends and acknowledges until it is killed, and says what was done once it was."""

import json
import logging
import os
import sys
from pathlib import Path
from random import Random

from device_agent.clock import ManualClock
from device_agent.queue import Priority, RingQueue
from device_agent.queue.files import PosixFiles

LOG = logging.LoggerAdapter(logging.getLogger("killed"), {})


def say(**what):
    os.write(1, json.dumps(what).encode() + b"\n")


def run(path, start):
    queue = RingQueue(path, max_bytes=2**20, clock=ManualClock(), log=LOG, files=PosixFiles())
    chance = Random(start)
    for n in range(10_000):
        priorities = chance.choices(list(Priority), k=chance.randrange(1, 4))
        texts = [(priority, f"{start}.{n}/{k}") for k, priority in enumerate(priorities)]
        queue.append([(priority, text.encode()) for priority, text in texts], {"s": f"{start}.{n}"})
        say(appended=texts)
        messages = queue.peek(chance.choice(list(Priority)), 0, 3)
        say(acknowledging=[message.payload.decode() for message in messages])
        queue.acknowledge([message.id for message in messages])


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]))
