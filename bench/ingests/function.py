"""The `ingest` function in a process of its own: its bundle and the Python that it is for, and nothing else.

A line that it reads names a file with an event; what it answers says what became of that, and what memory it took.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
_BUILD = """
import sys
from pathlib import Path
from infra.bundling import Bundle
Bundle("fn-hot", "host", Path.cwd()).build(Path(sys.argv[1]))
"""
_RUN = """
import json, os, resource, sys
from types import SimpleNamespace
from functions.handlers import ingest
strangers = [name for name in ("tests", "bench", "moto", "pydantic") if name in sys.modules]
assert not strangers and ingest.__file__.startswith(sys.argv[1]), "this is not the bundle alone"
context = SimpleNamespace(function_name="ingest", memory_limit_in_mb=1024, invoked_function_arn="arn",
                          aws_request_id="r", log_group_name="g")
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the handler logs and measures
for path in sys.stdin:
    with open(path.strip(), "rb") as event:
        answer = ingest.handler(json.load(event), context)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([len(answer["batchItemFailures"]), peak]), file=out, flush=True)
"""


class Invoked(NamedTuple):
    failed: int
    peak_mib: float
    """Of the process so far."""


class Function:
    def __init__(self, bundle: Path, environment: Mapping[str, str], directory: Path) -> None:
        self._directory = directory
        plain = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")
        self._process = subprocess.Popen(
            [plain, "-s", "-c", _RUN, str(bundle)],
            env={**environment, "PYTHONPATH": str(bundle)},
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def invoke(self, event: Mapping[str, Any]) -> Invoked:
        path = self._directory / "event.json"
        path.write_text(json.dumps(event))
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the function cannot be spoken to")
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the function ended in an error")
        failed, peak_kib = json.loads(line)
        return Invoked(failed, peak_kib / 1024)

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=30)


@contextmanager
def bundled() -> Iterator[Path]:
    """The code that is deployed as `ingest`, built for this machine."""
    with tempfile.TemporaryDirectory(prefix="fieldline-bench-") as name:
        # In a process of its own, since the CDK that it imports starts another one.
        subprocess.run([sys.executable, "-c", _BUILD, name], cwd=ROOT, stderr=subprocess.DEVNULL, check=True)
        yield Path(name)


@contextmanager
def running(bundle: Path, environment: Mapping[str, str]) -> Iterator[Function]:
    with tempfile.TemporaryDirectory(prefix="fieldline-bench-") as name:
        function = Function(bundle, environment, Path(name))
        try:
            yield function
        finally:
            function.close()
