import json
import stat
import tarfile
import threading

import pytest

from device_agent.diag.bundle import MOST_BYTES, collect, pack
from device_agent.diag.redaction import REDACTED, Redactor


def found(collectors, redactor=None, within_s=30):
    return {part.file: part for part in collect(collectors, redactor or Redactor(), within_s=within_s)}


def test_a_collector_that_raises_costs_its_own_part_only():
    def broken():
        raise RuntimeError("no such bus")

    parts = found({"broken": broken, "fine": lambda: {"a": 1}, "text": lambda: "a\nb"})
    assert list(parts) == ["broken.json", "fine.json", "text.txt"]
    assert json.loads(parts["broken.json"].content) == {"error": "RuntimeError: no such bus"}
    assert parts["broken.json"].error == "RuntimeError: no such bus"
    assert json.loads(parts["fine.json"].content) == {"a": 1}
    assert parts["text.txt"].content == b"a\nb"


def test_a_collector_that_hangs_is_left_behind():
    release = threading.Event()
    parts = found({"hangs": release.wait, "fine": lambda: 1}, within_s=0.2)
    release.set()
    assert parts["hangs.json"].error == "took too long"
    assert parts["fine.json"].error is None


def test_an_error_is_redacted_like_everything():
    def tells():
        raise ValueError("password=hunter2")

    assert b"hunter2" not in found({"tells": tells})["tells.json"].content


def test_what_one_collector_learns_is_taken_out_of_the_others():
    redactor = Redactor()

    def learns():
        redactor.learn("planted-by-a-driver")
        return {}

    parts = found({"log": lambda: "got planted-by-a-driver", "config": learns}, redactor)
    assert parts["log.txt"].content == f"got {REDACTED}".encode()


def test_a_text_keeps_its_end_and_a_value_that_is_too_large_says_so():
    parts = found({"log": lambda: "old\n" + "x\n" * MOST_BYTES + "new", "state": lambda: ["x" * 30] * 20_000})
    assert len(parts["log.txt"].content) == MOST_BYTES
    assert parts["log.txt"].content.endswith(b"x\nnew")
    assert f"{MOST_BYTES} at most" in parts["state.json"].error


@pytest.mark.parametrize("value", [float("nan"), {"a": [float("inf")]}])
def test_what_is_no_json_says_so(value):
    assert "found what is no JSON" in found({"odd": lambda: value})["odd.json"].error


def test_a_value_that_contains_itself_says_so():
    endless = []
    endless.append(endless)
    assert "found what is no JSON" in found({"odd": lambda: endless})["odd.json"].error


def test_the_file_is_its_owners_and_overwrites_nothing(tmp_path):
    path = tmp_path / "bundle.tar.gz"
    pack(collect({"a": lambda: 1}, Redactor(), within_s=10), path, folder="diag", at_s=1_764_000_000)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as tar:
        assert [(entry.name, entry.mtime) for entry in tar] == [("diag/a.json", 1_764_000_000)]
    with pytest.raises(FileExistsError):
        pack([], path, folder="diag", at_s=0)
