"""The Timestream look-alike as a process of its own, for tests.

@pytest.fixture(scope="session")
def lookalike(tmp_path_factory):
    with Lookalike(tmp_path_factory.mktemp("timestream")) as server:
        yield server
"""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

CHECKOUT = Path(__file__).parents[1]
_STOP_S = 30


class Lookalike:
    """Keeps its directory and its port over `kill` and `restart`; a port of the system's choice unless told one."""

    def __init__(self, directory: Path, *, closed_account: bool = False, port: int = 0) -> None:
        self._directory = directory
        self._closed_account = closed_account
        self.port = port
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers; raises RuntimeError with its log when it ends instead."""
        directory = self._directory
        directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "local.timestream", "--directory", str(directory), "--port", str(self.port)]
        command += ["--closed-account"] if self._closed_account else []
        with (directory / "server.log").open("a") as log:
            self._process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._process.stdout is not None
        said = self._process.stdout.readline()  # it prints when it listens
        if not said.startswith("listening on "):
            self._process.wait(_STOP_S)
            raise RuntimeError(f"the look-alike did not start:\n{(directory / 'server.log').read_text()}")
        self.port = int(said.rsplit(":", 1)[1])

    def kill(self) -> None:
        """SIGKILL: what it has not written to the disk is gone."""
        self._end(kill=True)

    def stop(self) -> int:
        """SIGTERM; gives its exit code."""
        return self._end(kill=False)

    def restart(self) -> None:
        self.stop()
        self.start()

    def client(self, service: str, **config: Any) -> Any:
        """Of boto3, as any program has it: `timestream-write` or `timestream-query`."""
        return boto3.client(
            service,  # type: ignore[call-overload]  # a name, not a literal
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(**{"retries": {"total_max_attempts": 1}, **config}),
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _end(self, *, kill: bool) -> int:
        process = self._process
        if process is None:
            return 0
        self._process = None
        if process.poll() is None:
            (process.kill if kill else process.terminate)()
        try:
            code = process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if process.stdout is not None:
            process.stdout.close()
        return code
