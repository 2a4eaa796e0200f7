"""The command as its own process: pipes that close, full disks, terminals that cannot show every character, Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from cli.app import main; main()"]


@pytest.fixture
def start(config_dir):
    def start(*args, env=None, **kwargs):
        return subprocess.Popen(
            [*COMMAND, *args],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "FIELDLINE_CONFIG_DIR": str(config_dir), **(env or {})},
            stderr=subprocess.PIPE,
            **kwargs,
        )

    return start


def ended(process):
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err.decode()


@pytest.fixture
def device(signed_in):
    signed_in.documents["press-4"] = {"id": "press-4", "name": "Küche", "latest": {}}
    signed_in.rows = [{"ts": n, "metric": "t", "value": float(n), "q": "good", "late": False} for n in range(5000)]
    signed_in.page_size = 1000
    return signed_in


@pytest.mark.parametrize("args", [["whoami"], ["telemetry", "press-4", "t", "--csv"]], ids=["little", "much"])
def test_a_reader_that_has_enough_is_no_crash(start, device, args):
    read, write = os.pipe()
    os.close(read)
    process = start(*args, stdout=write)
    os.close(write)
    code, _, stderr = ended(process)
    assert (code, stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's full disk")
@pytest.mark.parametrize("args", [["whoami"], ["telemetry", "press-4", "t", "--csv"]], ids=["little", "much"])
def test_a_full_disk_is_one_line(start, device, args):
    with Path("/dev/full").open("wb") as full:
        code, _, stderr = ended(start(*args, stdout=full))
    assert (code, stderr) == (1, "error: Cannot write the output: No space left on device.\n")


def test_a_terminal_without_the_letters_gets_escapes_and_json_stays_json(start, device):
    latin = {"PYTHONIOENCODING": "ascii"}
    code, out, _ = ended(start("devices", "show", "press-4", env=latin, stdout=subprocess.PIPE))
    assert code == 0
    assert b"K\\xfcche" in out
    code, out, _ = ended(start("devices", "show", "press-4", "--json", env=latin, stdout=subprocess.PIPE))
    assert code == 0
    assert json.loads(out)["name"] == "Küche"


def test_what_is_piped_is_whole(start, device):
    code, out, stderr = ended(start("telemetry", "press-4", "t", "--csv", stdout=subprocess.PIPE))
    assert (code, stderr) == (0, "")
    assert len(out.splitlines()) == 5001


@pytest.mark.parametrize("leave", ["Ctrl-C", "Ctrl-D"])
def test_leaving_at_the_password_prompt_is_quiet(start, deployment, leave):
    master, slave = pty.openpty()
    process = start(
        "login", deployment.api, "--user", "ada", stdin=slave, stdout=subprocess.PIPE, start_new_session=True
    )
    os.close(slave)
    asked = b""
    while b"Password: " not in asked:
        asked += process.stderr.read(1)
    if leave == "Ctrl-C":
        process.send_signal(signal.SIGINT)
    else:
        os.write(master, b"\x04")
    code, _, stderr = ended(process)
    os.close(master)
    assert code == 130
    assert "Traceback" not in stderr
    assert not deployment.calls("/cognito/")
