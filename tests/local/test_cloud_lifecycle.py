"""Starting, stopping, dying and coming back. These tests stop the instance; each leaves it running for the next."""

import os
import signal
import socket
import stat
import time

import pytest

from local.instance import Instance
from local.ports import LOOPBACK
from tests.local.conftest import PORT, Laptop

pytestmark = pytest.mark.cloud
START_WITHIN_S = 60


def wait(condition, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def running(laptop):
    laptop.up()


def test_status_says_all_that_scripts_rely_on(laptop):
    status = laptop.status()
    assert status["ready"] is True
    assert status["api"] == f"http://127.0.0.1:{PORT}/v1"
    assert status["mqtt"] == f"localhost:{PORT + 2}"
    assert status["devices"] >= 2
    assert isinstance(status["messages_stored"], int)
    assert isinstance(status["quarantined"], dict)


def test_passwords_and_keys_are_readable_by_their_owner_only(laptop):
    files = [laptop.instance.root / "instance.json", *laptop.instance.fleet_dir.rglob("*.key")]
    assert len(files) > 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_starting_it_again_says_that_it_runs(laptop):
    pid = laptop.supervisor().pid
    done = laptop.run("up")
    assert "already running" in done.stdout
    assert f"127.0.0.1:{PORT}" in done.stdout
    assert laptop.supervisor().pid == pid


def test_a_stop_leaves_no_process_and_a_start_finds_the_state_again(laptop):
    before, password = laptop.status()["messages_stored"], laptop.details()["password"]
    laptop.run("down")
    assert laptop.processes() == []
    assert laptop.status()["reason"] == "stopped"
    laptop.up()
    assert laptop.status()["messages_stored"] >= before > 0
    assert laptop.details()["password"] == password


def test_ctrl_c_in_the_foreground_leaves_no_process(laptop):
    import subprocess
    import sys

    laptop.run("down")
    command = [sys.executable, "-m", "local", "up", "--port", str(PORT), "--devices", "2", "--stage", "dev"]
    command += ["--fleet", str(laptop.folder / "fleet.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        wait(lambda: laptop.status()["ready"], START_WITHIN_S)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[0]
    assert process.returncode == 0
    assert "Stopped." in said
    assert laptop.processes() == []


def test_a_killed_local_aws_is_told_and_the_next_start_recovers(laptop):
    laptop.child("ministack").kill()
    wait(lambda: not laptop.status()["ready"])
    laptop.up()  # also while the supervisor is still on its way down
    laptop.child("ministack").kill()
    wait(lambda: not laptop.instance.is_locked())
    status = laptop.run("status", "--json", check=False)
    assert status.returncode == 1
    assert "was killed by signal 9" in laptop.status()["reason"]
    assert laptop.processes() == []
    laptop.up()
    assert laptop.online() >= {"climate-001", "machine-002"}


def test_children_do_not_outlive_a_killed_supervisor_and_the_next_start_recovers(laptop):
    laptop.supervisor().kill()
    wait(lambda: laptop.processes() == [])
    assert "its supervisor died" in laptop.status()["reason"]
    laptop.up()
    assert laptop.status()["ready"] is True


def test_a_killed_simulator_is_started_again(laptop):
    first = laptop.child("simulator").pid
    laptop.child("simulator").kill()
    wait(lambda: laptop.instance.read("run.json")["children"]["simulator"]["pid"] != first)
    assert laptop.status()["ready"] is True
    assert "the simulator process ended with -9, started again" in laptop.status()["notes"]


def test_another_number_of_devices_is_deployed_and_keeps_the_certificates_of_the_others(laptop):
    def certificates():
        iot = laptop.client("iot")
        names = [thing["thingName"] for thing in iot.list_things()["things"]]
        return {name: iot.list_thing_principals(thingName=name)["principals"] for name in names}

    before = certificates()
    laptop.run("down")
    laptop.up(devices=4)
    assert laptop.online() >= {"climate-001", "machine-002", "tracker-003", "climate-004"}
    more = certificates()
    assert more.keys() - before.keys() == {"tracker-003", "climate-004"}
    assert {name: more[name] for name in before} == before
    laptop.run("down")
    laptop.up(devices=2)
    assert certificates() == before


def test_a_taken_port_is_one_clear_line(tmp_path):
    with socket.socket() as server:
        server.bind((LOOPBACK, PORT + 31))
        server.listen()
        other = Laptop(Instance.at(PORT + 30), None)
        try:
            done = other.run("up", "--detach", check=False)
        finally:
            other.run("down", "--purge")
    assert done.returncode == 1
    assert f"Port {PORT + 31} (for the local AWS) is taken by" in done.stderr
    assert str(os.getpid()) in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_second_instance_runs_beside_the_first_and_shares_nothing(laptop):
    other = Laptop(Instance.at(PORT + 10), None)
    try:
        other.up(devices=1)
        assert other.status()["devices"] == 1
        assert laptop.online() >= {"climate-001", "machine-002"}
        names = {thing["thingName"] for thing in other.client("iot").list_things()["things"]}
        assert names == {"climate-001"}
        assert other.details()["password"] != laptop.details()["password"]
        other.run("down", "--purge")
        assert not other.instance.root.exists()
        assert laptop.status()["ready"] is True
    finally:
        other.run("down", "--purge", check=False)
