"""`tests.together`, which decides whether CI is red."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# As pytest does: says when it is interrupted, and ends after it has cleared up.
WAITS = (
    """bash -c 'trap "echo interrupted; sleep 0.2; echo cleared up; exit 2" INT; echo ready > {}; """
    """while :; do sleep 0.05; done'"""
)


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.together", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(*arguments):
    process = start(*arguments)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


@pytest.mark.parametrize(("first", "second", "code"), [("true", "true", 0), ("false", "true", 1), ("true", "false", 1)])
def test_it_fails_when_either_fails(first, second, code):
    assert run("one", first, "other", second)[0] == code


def test_a_command_that_is_killed_is_a_failure():
    code, said = run("one", "bash -c 'kill -9 $$'", "other", "true")
    assert code == 1
    assert "one: failed (-9)" in said


def test_all_go_on_when_one_fails_and_no_report_is_mixed_with_anothers(tmp_path):
    # Each writes its first line, waits for the other to have written one, and goes on.
    turn = "bash -c 'echo {0} 1; touch {2}/{0}; until [ -e {2}/{1} ]; do sleep 0.01; done; echo {0} 2 >&2; exit {3}'"
    code, said = run("a", turn.format("a", "b", tmp_path, 3), "b", turn.format("b", "a", tmp_path, 0))
    assert code == 1
    lines = [line for line in said.splitlines() if not line.startswith("==> side by side")]
    blocks = sorted([lines[:3], lines[3:]])
    assert [block[1:] for block in blocks] == [["a 1", "a 2"], ["b 1", "b 2"]]
    assert blocks[0][0].startswith("==> a: failed (3) after")
    assert blocks[1][0].startswith("==> b: passed after")


def test_the_first_is_passed_on_as_it_comes_when_asked(tmp_path):
    wait = f"bash -c 'echo early; until [ -e {tmp_path}/seen ]; do sleep 0.01; done'"
    process = start("--live", "one", wait, "other", "true")
    for line in process.stdout:
        if line == "early\n":
            break
    (tmp_path / "seen").touch()
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_and_waits_until_they_have_cleared_up(tmp_path, number):
    one, other = tmp_path / "one", tmp_path / "other"
    process = start("one", WAITS.format(one), "other", WAITS.format(other))
    while not (one.exists() and other.exists()):
        os.sched_yield()
        assert process.poll() is None
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert said.count("interrupted\ncleared up\n") == 2
