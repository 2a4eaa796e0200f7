import asyncio
import itertools
import subprocess
import sys

import pytest

from local.children import LIVED_S, MINISTACK, RESTARTS, TIMESTREAM, Children
from local.errors import ChildDiedError
from local.instance import Instance
from local.ports import Ports
from local.run_record import RunRecord


@pytest.mark.parametrize(
    ("log", "end"),
    [(b"", "--port 9000`."), (b"begun\nout of memory\n", "its log ends with:\n  begun\n  out of memory")],
)
def test_the_end_of_the_local_aws_is_told_with_the_end_of_its_log_if_that_says_anything(tmp_path, log, end):
    instance = Instance(tmp_path / "9000", Ports(9000))
    instance.make_dirs()
    (instance.log_dir / "ministack.log").write_bytes(log)
    children = Children(instance, RunRecord(instance))
    children.add(MINISTACK, subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"]))
    children[MINISTACK].wait()
    with pytest.raises(ChildDiedError, match="ended with exit code 7") as caught:
        children.require_cloud()
    assert str(caught.value).endswith(end)


class Broken:
    """A child that ends at once, whenever it is started."""

    def __init__(self):
        self.started = 0

    def start(self):
        self.started += 1
        child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
        child.wait()
        return child


async def watched(tmp_path, monotonic, notes):
    instance = Instance(tmp_path / "9000", Ports(9000))
    instance.make_dirs()
    record = RunRecord(instance)
    children = Children(instance, record, pause_s=0, monotonic=monotonic)
    broken = Broken()
    children.add(TIMESTREAM, broken.start())
    watching = asyncio.ensure_future(children.watch({TIMESTREAM: broken.start}))
    while len(record.notes) < notes:  # noqa: ASYNC110 - the record tells other processes, not this one
        await asyncio.sleep(0.01)
    watching.cancel()
    return broken.started, record.notes


async def test_a_child_that_ends_is_started_again_some_times_and_noted_each_time(tmp_path):
    started, notes = await watched(tmp_path, lambda: 0.0, RESTARTS + 1)
    assert started == 1 + RESTARTS
    assert notes == [
        *["the timestream process ended with 3, started again"] * RESTARTS,
        "the timestream process ended with 3",
    ]


async def test_a_child_that_lived_for_a_while_before_it_ended_has_all_its_starts_again(tmp_path):
    minutes = itertools.count(step=LIVED_S)
    _, notes = await watched(tmp_path, lambda: next(minutes), RESTARTS + 3)
    assert set(notes) == {"the timestream process ended with 3, started again"}
