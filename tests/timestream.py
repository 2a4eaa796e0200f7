"""The Timestream look-alike as a process of its own, for tests.

@pytest.fixture(scope="session")
def lookalike(tmp_path_factory):
    with Lookalike(tmp_path_factory.mktemp("timestream")) as server:
        yield server
"""

import os
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from tests import forked

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

CHECKOUT = Path(__file__).parents[1]
_STOP_S = 30
_forks = get_context("forkserver")
_forks.set_forkserver_preload(["tests.forked", "local.timestream.__main__"])


class Lookalike:
    """Keeps its directory and its port over `kill` and `restart`; a port of the system's choice unless told one."""

    def __init__(self, directory: Path, *, closed_account: bool = False, port: int = 0) -> None:
        self._directory = directory
        self._closed_account = closed_account
        self.port = port
        self._process: ForkServerProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        assert self._process.pid is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers; raises RuntimeError with its log when it ends instead."""
        directory = self._directory
        directory.mkdir(parents=True, exist_ok=True)
        options = ["--directory", str(directory), "--port", str(self.port)]
        options += ["--closed-account"] if self._closed_account else []
        log = directory / "server.log"
        hears, says = _forks.Pipe(duplex=False)
        self._process = _forks.Process(target=forked.main, args=(options, str(log), says), daemon=True)
        self._process.start()
        says.close()
        with hears, open(os.dup(hears.fileno()), encoding="utf-8") as lines:  # noqa: PTH123 - a file without a path
            said = lines.readline()  # it prints when it listens
        if not said.startswith("listening on "):
            self._process.join(_STOP_S)
            raise RuntimeError(f"the look-alike did not start:\n{log.read_text()}")
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
        if process.is_alive():
            (process.kill if kill else process.terminate)()
        process.join(_STOP_S)
        if process.exitcode is None:
            process.kill()
            process.join()
        assert process.exitcode is not None
        code = process.exitcode
        process.close()
        return code
