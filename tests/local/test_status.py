import pytest

from local.instance import Instance
from local.ports import Ports
from local.run_record import FAILED, READY, STOPPED, STOPPING, RunRecord
from local.status import status


@pytest.fixture
def instance(tmp_path):
    instance = Instance(tmp_path / "9000", Ports(9000))
    instance.make_dirs()
    return instance


def test_an_instance_that_was_never_started_says_so(tmp_path):
    found = status(Instance(tmp_path / "9000", Ports(9000)))
    assert (found["ready"], found["phase"], found["reason"]) == (False, "stopped", "never started")


def test_an_instance_that_failed_says_why(instance):
    RunRecord(instance).turn(FAILED, "the cloud fell down")
    assert status(instance)["reason"] == "failed: the cloud fell down"


def test_an_instance_that_was_stopped_says_so(instance):
    RunRecord(instance).turn(STOPPED)
    assert status(instance)["reason"] == "stopped"


def test_an_instance_whose_supervisor_died_says_what_to_do(instance):
    RunRecord(instance).turn(READY)
    found = status(instance)
    assert found["phase"] == "stopped"
    assert "supervisor died" in found["reason"]
    assert "fieldline local up --port 9000" in found["reason"]


def test_an_instance_that_starts_says_how_far_it_is(instance):
    with instance.lock():
        RunRecord(instance).step("synthesizing")
        found = status(instance)
    assert (found["ready"], found["phase"], found["reason"]) == (False, "starting", "starting: synthesizing")


def test_a_cloud_that_does_not_answer_makes_the_instance_not_ready(tmp_path):
    instance = Instance(tmp_path / "1024", Ports(1024))
    instance.make_dirs()
    details = dict.fromkeys(("api", "mqtt", "aws", "user", "ca", "lake", "region"), "x")
    instance.write("instance.json", {**details, "outputs": {"StateTableName": "state"}})
    with instance.lock():
        RunRecord(instance).turn(READY)
        found = status(instance)
    assert found["ready"] is False
    assert "does not answer" in found["reason"]


def test_an_instance_that_stops_says_so_and_why_if_it_did_not_mean_to(instance):
    record = RunRecord(instance)
    with instance.lock():
        record.step("ready at http://127.0.0.1:9000")
        record.turn(STOPPING)
        assert status(instance)["reason"] == "stopping"
        record.turn(STOPPING, "the cloud fell down")
        assert status(instance)["reason"] == "stopping: the cloud fell down"
