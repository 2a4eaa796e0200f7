"""A real InfluxDB server for tests: Debian's influxdb 1.6, unpacked without root; see `tests/debian.py`.

`python -m tests.influxd` fetches it beforehand; see `find_or_skip`.
"""

import logging
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

import urllib3

from functions.adapters.influx_auth import BasicAuth
from tests import debian

ROOT = Path(__file__).parents[1]
REQUIRED = "FIELDLINE_REQUIRE_INFLUXD"
ADMIN = BasicAuth("admin", "not a 'secret' of anybody")
_TETHER = ROOT / "local" / "tether.py"
_log = logging.getLogger("influxd")
_START_S = 30.0
_STOP_S = 30.0

_CONFIGURATION = """
reporting-disabled = true
bind-address = "127.0.0.1:0"

[meta]
dir = "{directory}/meta"

[data]
dir = "{directory}/data"
wal-dir = "{directory}/wal"
wal-fsync-delay = "0s"
index-version = "tsi1"
max-series-per-database = 0
max-values-per-tag = 0
query-log-enabled = false
{data}

[monitor]
store-enabled = false

[subscriber]
enabled = false

[http]
bind-address = "127.0.0.1:{port}"
auth-enabled = {auth}
log-enabled = false
flux-enabled = false
{http}
"""


def find_or_skip() -> Path:
    """The binary. Where it cannot be had the test is skipped and says why; with FIELDLINE_REQUIRE_INFLUXD it fails."""
    return debian.or_skip("influxd", REQUIRED, "python -m tests.influxd")


class Influxd:
    """A server of its own: data in `directory`, on a port that the system gave and that a restart keeps.

    With `auth` only ADMIN may use it. `data` and `http` are further lines of these sections of its configuration.
    """

    def __init__(self, directory: Path, *, auth: bool = True, data: str = "", http: str = "") -> None:
        self._directory = directory
        self._auth = auth
        self._more = {"data": data, "http": http}
        self._log = directory / "influxd.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        directory.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> None:
        binary = find_or_skip()
        configuration = self._directory / "influxd.toml"
        auth = str(self._auth).lower()
        configuration.write_text(
            _CONFIGURATION.format(directory=self._directory, port=self._port, auth=auth, **self._more)
        )
        first = not self._port
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(_TETHER), str(os.getpid()), str(binary), "-config", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._await()
        if first and self._auth:
            self.ask(f"CREATE USER {ADMIN.user} WITH PASSWORD '{_escaped(ADMIN.password)}' WITH ALL PRIVILEGES")

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def kill(self) -> None:
        """As a power cut would end it."""
        self._running().kill()
        self._running().wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def ask(self, statement: str, database: str = "") -> bytes:
        """As ADMIN; the answer, which must be no error."""
        answer = urllib3.request(
            "POST",
            f"{self.url}/query",
            body=urlencode({"q": statement, "db": database, "epoch": "ns"}),
            headers={"Authorization": ADMIN.header(), "Content-Type": "application/x-www-form-urlencoded"},
        )
        assert answer.status == 200, answer.data
        assert b'"error"' not in answer.data, answer.data
        return answer.data

    def database(self, name: str) -> str:
        """A new one."""
        self.ask(f'CREATE DATABASE "{name}"')
        return name

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "influxd was not started"
        return self._process

    def _await(self) -> None:
        until = time.monotonic() + _START_S
        while not self._answers():
            said = self._log.read_text(errors="replace")[-2000:]
            assert self._running().poll() is None, f"influxd ended while it started:\n{said}"
            assert time.monotonic() < until, f"influxd did not start within {_START_S:g} s:\n{said}"
            time.sleep(0.02)

    def _answers(self) -> bool:
        listening = re.search(r"Listening on HTTP.* addr=127\.0\.0\.1:(\d+)", self._log.read_text(errors="replace"))
        if listening is None:
            return False
        self._port = int(listening[1])
        try:
            return urllib3.request("GET", f"{self.url}/ping", retries=False, timeout=5).status == 204
        except urllib3.exceptions.HTTPError:
            return False


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        _log.info(debian.fetch("influxd"))
    except debian.MissingError as problem:
        sys.exit(str(problem))
