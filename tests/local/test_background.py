import io
import sys

import pytest
from rich.console import Console

from local import background, run_record
from local.errors import AlreadyRunningError, ChildDiedError, LocalError
from local.instance import Instance
from local.ports import Ports
from local.run_record import RunRecord
from local.supervisor import Options


@pytest.fixture
def instance(tmp_path):
    return Instance(tmp_path / "9000", Ports(9000))


def test_stopping_what_was_never_started_leaves_nothing_behind(instance):
    assert background.stop(instance) is False
    assert not instance.root.exists()


def test_stopping_what_is_down_says_that_nothing_ran(instance):
    instance.make_dirs()
    assert background.stop(instance) is False


def test_purging_deletes_everything(instance):
    instance.make_dirs()
    instance.write("instance.json", {})
    background.purge(instance)
    assert not instance.root.exists()


def test_a_running_instance_is_not_purged(instance):
    instance.make_dirs()
    with instance.lock(), pytest.raises(AlreadyRunningError):
        background.purge(instance)
    assert instance.root.exists()


def test_the_lines_of_a_log_file_come_as_they_stand(tmp_path):
    (tmp_path / "a.log").write_bytes(b"one\ntw\xffo\nthree")
    assert list(background.file_lines(tmp_path / "a.log", follow=False)) == ["one", "tw\ufffdo", "three"]


def test_a_missing_log_file_is_named(tmp_path):
    with pytest.raises(LocalError, match=r"a\.log"):
        next(background.file_lines(tmp_path / "a.log", follow=False))


SUPERVISOR = """
import sys, time
from pathlib import Path
from local.instance import Instance
from local.ports import Ports
from local.run_record import RunRecord
instance = Instance(Path(sys.argv[1]), Ports(9000))
record = RunRecord(instance)
print("what it says", flush=True)
record.step("a step")
record.turn(*sys.argv[2:])
while sys.argv[2] == "ready" and not (instance.root / "end").exists():
    time.sleep(0.01)
"""


def begin(instance, monkeypatch, script, *arguments):
    """Start that script in the place of a supervisor; what was shown meanwhile."""
    command = [sys.executable, "-c", script, *arguments]
    monkeypatch.setattr(background, "_serve_command", lambda *_: command)
    shown = io.StringIO()
    background.start(instance, Options(), Console(file=shown))
    return shown.getvalue()


def logs(instance):
    return {path.name: path.read_text() for path in instance.log_dir.iterdir()}


def test_a_start_returns_when_it_is_ready_and_its_log_takes_the_place_of_the_one_before(instance, monkeypatch):
    instance.make_dirs()
    (instance.log_dir / "supervisor.log").write_text("before\n")
    try:
        shown = begin(instance, monkeypatch, SUPERVISOR, str(instance.root), "ready")
    finally:
        (instance.root / "end").touch()
    assert "a step" in shown
    assert logs(instance) == {"supervisor.log": "what it says\n"}


def test_a_start_that_fails_says_why_and_keeps_its_log(instance, monkeypatch):
    with pytest.raises(ChildDiedError, match="the cloud fell down"):
        begin(instance, monkeypatch, SUPERVISOR, str(instance.root), "failed", "the cloud fell down")
    assert logs(instance) == {"supervisor.log": "what it says\n"}


def test_a_start_that_loses_leaves_the_log_of_the_winner_alone(instance, monkeypatch):
    instance.make_dirs()
    (instance.log_dir / "supervisor.log").write_text("the winner's\n")
    RunRecord(instance).step("the winner's step")
    with pytest.raises(AlreadyRunningError, match="quicker"):
        begin(instance, monkeypatch, f"raise SystemExit({background.LOST})")
    assert logs(instance) == {"supervisor.log": "the winner's\n"}


def test_the_record_of_an_earlier_run_does_not_make_a_start_ready(instance, monkeypatch):
    instance.make_dirs()
    RunRecord(instance).turn(run_record.READY)
    record = run_record.read(instance)
    instance.write("run.json", {**record, "supervisor": {**record["supervisor"], "started": 1.0}})
    monkeypatch.setattr(background, "CHANGE_TIMEOUT_S", 0.0)
    with instance.lock(), pytest.raises(LocalError, match="still starting"):
        background.wait_while_changing(instance, Console(file=io.StringIO()))
