"""Two that answer InfluxDB's requests: the look-alike's front in this process, and a real server."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlencode

import urllib3

from local.timestream.engine import Engine
from local.timestream.influx import Front
from local.timestream.influx_requests import Request
from tests.influxd import Influxd

NOW = 1_764_000_000_000_000_000


class Answer(NamedTuple):
    status: int
    body: str


class Server(Protocol):
    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer: ...


class Lookalike:
    """The front without HTTP beneath it; `now` in ns stands still unless a test moves it."""

    def __init__(self, directory: Path, now: int = NOW) -> None:
        self.directory = directory
        self.now = now
        self._open()

    def _open(self) -> None:
        self.engine = Engine(self.directory, background=False)
        self.front = Front(self.engine, lambda: self.now)

    def restart(self) -> None:
        self.engine.close()
        self._open()

    def close(self) -> None:
        self.engine.close()

    def ask(self, method, path, query, body=b"", headers=None):
        lower = {key.lower(): value for key, value in (headers or {}).items()}
        reply = self.front.answer(Request(method, path, query, lower, body))
        return Answer(reply.status, reply.body.decode().strip())


class Real:
    def __init__(self, influxd: Influxd) -> None:
        self._influxd = influxd
        self._pool = urllib3.PoolManager()

    def ask(self, method, path, query, body=b"", headers=None):
        url = f"{self._influxd.url}{path}?{urlencode(query)}"
        reply = self._pool.request(method, url, body=body, headers=headers or {}, retries=False)
        return Answer(reply.status, reply.data.decode().strip())


def query(server: Server, text: str, database: str = "t", epoch: str = "ns") -> str:
    return server.ask("POST", "/query", {"db": database, "epoch": epoch, "q": text}).body


def write(server: Server, lines: str, database: str = "t", precision: str = "ns") -> Answer:
    return server.ask("POST", "/write", {"db": database, "precision": precision}, lines.encode())
