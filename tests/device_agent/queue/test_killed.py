"""A process that appends and acknowledges, killed with SIGKILL at random moments, again and again, on a real disk."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

from device_agent.queue import Priority, RingQueue
from device_agent.queue.files import PosixFiles

KILLS = 12
SCRIPT = Path(__file__).with_name("to_be_killed.py")


def killed_after(process, lines):
    """What it said until then, and until the signal reached it."""
    said = [process.stdout.readline() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    said += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    return [json.loads(line) for line in said if line.endswith(b"\n")]


def test_killed_at_any_moment_nothing_that_was_durable_is_lost(tmp_path, clock, log):
    chance = Random(7)
    appended, acknowledged = {priority: [] for priority in Priority}, set()
    for start in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(tmp_path / "queue"), str(start)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
            env={"PYTHONPATH": str(Path(__file__).parents[3])},
        )
        for line in killed_after(process, chance.randrange(1, 150)):
            if "appended" in line:
                for priority, text in line["appended"]:
                    appended[Priority(priority)].append(text)
            acknowledged |= set(line.get("acknowledging", []))
        queue = RingQueue(tmp_path / "queue", max_bytes=2**20, clock=clock, log=log, files=PosixFiles())
        for priority in Priority:
            held = [message.payload.decode() for message in queue.peek(priority, 0, 100_000)]
            assert len(held) == len(set(held))
            assert [text for text in appended[priority] if text not in acknowledged and text not in held] == []
            # At most the append under way has come besides.
            begun = [text for text in held if text not in set(appended[priority])]
            assert len({text.split("/")[0] for text in begun}) <= 1
            appended[priority] += begun
        assert queue.stats().dropped == 0
        queue.close()
    assert sum(map(len, appended.values())) > 20 * KILLS
    assert len(acknowledged) > KILLS
