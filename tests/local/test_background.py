import pytest

from local import background
from local.errors import AlreadyRunningError, LocalError
from local.instance import Instance
from local.ports import Ports


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
