"""From "Add device" to the first reading, with the commands that an installer is shown; and out again."""

import json
import os
import subprocess
import time

import pytest

from tests.e2e.cloud import BIN, ROOT, wait_for
from tests.e2e.people import Asking

HOUR_MS = 3_600_000
CERTIFICATES = "/devices/newcomer/certificates"


@pytest.fixture
def root(cloud):
    asking = Asking(cloud)
    yield lambda method, path, **options: asking("root", method, path, **options)
    asking.close()


def enrol(cloud, key, folder, *more):
    command = ["enrol", "--api", cloud.details["api"], "--thing", "newcomer", "--dir", str(folder), *more]
    return subprocess.run(
        [str(BIN / "fieldline-agent"), *command],
        cwd=ROOT,
        env={**os.environ, "FIELDLINE_ENROL_KEY": key},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def agent(*command):
    return subprocess.run(
        [str(BIN / "fieldline-agent"), *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def running(cloud):
    started = []

    def start(config):
        started.append(cloud.start_agent(config))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait(20)


def newest(root):
    latest = root("GET", "/devices/newcomer/latest").document["latest"]
    return max((one["ts"] for one in latest.values()), default=0)


def test_an_installer_comes_from_a_name_to_the_first_reading_and_an_administrator_ends_it(
    cloud, root, running, tmp_path
):
    body = {"id": "newcomer", "name": "Newcomer", "model": "climate", "group": "test/enrolled"}
    assert root("POST", "/devices", body=body).status == 201
    expires = int(time.time() * 1000) + HOUR_MS
    key = root("POST", "/devices/newcomer/keys", body={"name": "enrolment", "expires_at": expires}).document["key"]

    config = tmp_path / "agent.toml"
    enrolled = enrol(cloud, key, tmp_path, "--sensors", "simulated")
    assert enrolled.returncode == 0, enrolled.stderr
    assert key not in enrolled.stdout + enrolled.stderr
    checked = agent("check", "--config", str(config))
    assert checked.returncode == 0, checked.stderr
    (certificate,) = root("GET", CERTIFICATES).document["items"]
    assert (certificate["status"], certificate["issued_by"]["id"]) == ("active", "device:newcomer")

    process = running(config)
    wait_for("the first reading", lambda: newest(root), within_s=60)
    process.terminate()
    assert process.wait(20) == 0

    assert root("DELETE", f"{CERTIFICATES}/{certificate['id']}").status == 204
    assert [one["status"] for one in root("GET", CERTIFICATES).document["items"]] == ["revoked"]
    log = cloud.folder / "agent.log"
    log.write_text("")
    restarted = time.time() * 1000
    running(config)
    attempts = wait_for(
        "two refused connections", lambda: (n := log.read_text().count(f"{cloud.details['mqtt']}: ")) > 1 and n, 30
    )
    status = agent("status", "--json", "--config", str(config))
    assert (attempts, json.loads(status.stdout)["connected"]) == (attempts, False), status.stdout
    assert newest(root) < restarted


def test_a_new_certificate_brings_it_back_with_the_key_that_it_has(cloud, root, running, tmp_path):
    """The administrator gave another key: the one before may have ended."""
    body = {"id": "newcomer", "model": "climate", "group": "test/enrolled"}
    assert root("POST", "/devices", body=body).status in {201, 409}
    made = root("POST", "/devices/newcomer/keys", body={"name": "again"}).document["key"]
    for more in ((), ("--force-certificate",)):
        done = enrol(cloud, made, tmp_path, "--sensors", "simulated", *more)
        assert done.returncode == 0, done.stderr
    full = enrol(cloud, made, tmp_path, "--force-certificate")
    assert (full.returncode, "2 active certificates" in full.stderr) == (9, True)
    before = newest(root)
    running(tmp_path / "agent.toml")
    wait_for("a reading", lambda: newest(root) > before, within_s=60)

    assert root("DELETE", "/devices/newcomer").status == 204
    assert {one["status"] for one in root("GET", CERTIFICATES).document["items"]} == {"revoked"}
    late = enrol(cloud, made, tmp_path, "--force-certificate")
    assert late.returncode == 9, "a decommissioned device's key is no longer one"
