import json
import stat

import pytest

from local.errors import AlreadyRunningError
from local.instance import Instance
from local.ports import Ports


@pytest.fixture
def instance(tmp_path):
    return Instance(tmp_path / "9000", Ports(9000))


def test_a_written_file_is_read_back_and_only_its_owner_may_read_it(instance):
    instance.make_dirs()
    instance.write("instance.json", {"password": "secret"})
    assert instance.read("instance.json") == {"password": "secret"}
    assert stat.S_IMODE((instance.root / "instance.json").stat().st_mode) == 0o600


def test_a_file_that_a_crash_left_half_written_reads_as_empty(instance):
    instance.make_dirs()
    (instance.root / "run.json").write_text('{"phase": "re')
    assert instance.read("run.json") == {}


def test_a_missing_file_reads_as_empty(instance):
    assert instance.read("run.json") == {}


def test_writing_leaves_no_draft_behind(instance):
    instance.make_dirs()
    instance.write("a.json", {"n": 1})
    assert [path.name for path in instance.root.iterdir() if path.is_file()] == ["a.json"]
    assert json.loads((instance.root / "a.json").read_text()) == {"n": 1}


def test_the_lock_is_held_once(instance):
    with instance.lock(), pytest.raises(AlreadyRunningError, match="port 9000"), instance.lock():
        pass


def test_the_lock_shows_from_outside_while_it_is_held(instance):
    assert not instance.is_locked()
    with instance.lock():
        assert instance.is_locked()
    assert not instance.is_locked()


def test_two_instances_do_not_share_a_lock(instance, tmp_path):
    other = Instance(tmp_path / "9010", Ports(9010))
    with instance.lock(), other.lock():
        assert instance.is_locked()
