"""`run --json`: a log that a program can read."""

import json
import logging
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from device_agent import cli
from device_agent.cli.json_lines import JsonLines
from device_agent.json_lines import json_line
from device_agent.thing_log import ThingLog

ROOT = Path(cli.__file__).parents[2]


class Lines(logging.Handler):
    """Keeps what the formatter makes of each record."""

    def __init__(self):
        super().__init__()
        self.setFormatter(JsonLines())
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@contextmanager
def lines_of(logger):
    """The lines of what is logged meanwhile."""
    handler = Lines()
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)


def test_a_line_says_when_how_bad_what_and_of_which_device(clock):
    log = ThingLog("pump-7", clock)
    with lines_of(log.logger) as lines:
        log.warning("the disk is %d %% full", 91)

    (line,) = map(json.loads, lines)
    assert list(line) == ["time", "level", "text", "thing"]
    assert (line["level"], line["text"], line["thing"]) == ("warning", "the disk is 91 % full", "pump-7")
    assert datetime.fromisoformat(line["time"]).tzname() == "UTC"


def test_what_is_of_no_device_says_so_and_an_exception_has_its_trace():
    logger = logging.getLogger("test of json lines")
    with lines_of(logger) as lines:
        try:
            int("oh")
        except ValueError:
            logger.exception("it failed")

    (line,) = map(json.loads, lines)
    assert (line["text"], line["thing"]) == ("it failed", None)
    assert line["trace"].splitlines()[-1].startswith("ValueError: ")


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_is_one_line_and_comes_back_as_it_was(text):
    line = json_line(1_790_000_000.9996, "error", text, "pump-7")

    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == {
        "time": "2026-09-21T14:13:20.999+00:00",
        "level": "error",
        "text": text,
        "thing": "pump-7",
    }


def test_the_log_of_an_agent_is_json_lines_to_its_end(toml):
    log = toml.parent / "log"
    with log.open("w") as stderr:
        agent = subprocess.Popen(
            [sys.executable, "-m", "device_agent.cli", "run", "--json", "--config", str(toml)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=ROOT,
        )
        deadline = time.monotonic() + 30
        while "started" not in log.read_text():
            assert agent.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        agent.send_signal(signal.SIGTERM)
        output, _ = agent.communicate(timeout=20)

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert (agent.returncode, output) == (0, b"")
    assert {"time", "level", "text", "thing"} <= set.intersection(*map(set, lines))
    assert lines[-1]["text"].startswith("stopped: ")
    assert lines[-1]["thing"] == "pump-7"
