import subprocess
import sys

import pytest

from local.children import MINISTACK, Children
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
