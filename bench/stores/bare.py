"""What one writes without an adapter: lines and questions for InfluxDB by hand, over the same HTTP client."""

import json
import zlib
from itertools import groupby
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

import urllib3

from bench.stores.workload import METRIC, Question
from functions.domain.series import Point

_GZIP = 16 + zlib.MAX_WBITS
_MS = 1_000_000


class BareInflux:
    """Writes into a database of its own, so that neither side overwrites the other, and asks the adapter's."""

    def __init__(self, url: str, user: str, password: str, *, asked: str, written: str) -> None:
        self._http = urllib3.PoolManager()
        self._auth = urllib3.util.make_headers(basic_auth=f"{user}:{password}")
        self._query = f"{url}/query?" + urlencode({"db": asked, "epoch": "ns"})
        self._write = f"{url}/write?" + urlencode({"db": written, "precision": "ns"})

    def write(self, points: list[Point]) -> None:
        lines = []
        for (device, ts), message in groupby(points, key=attrgetter("device", "ts")):
            fields = ",".join(f"f:{point.metric}={point.value!r}" for point in message)
            lines.append(f"telemetry,device={device} {fields} {ts * _MS}")
        body = zlib.compress("\n".join(lines).encode(), level=1, wbits=_GZIP)
        answer = self._http.request("POST", self._write, body=body, headers={**self._auth, "Content-Encoding": "gzip"})
        if answer.status != 204:
            raise SystemExit(f"the bare client could not write: {answer.status} {answer.data!r}")

    def ask(self, question: Question, device: str, end: int) -> list[Any]:
        field = f'"f:{METRIC}"'
        picked = field if question.bin_ms is None else f"mean({field}), min({field}), max({field})"
        binned = "" if question.bin_ms is None else f" GROUP BY time({question.bin_ms}ms) fill(none)"
        start = end - question.span_ms
        where = f"device = '{device}' AND time >= {start * _MS} AND time < {end * _MS}"
        text = f"SELECT {picked} FROM telemetry WHERE {where}{binned}"  # noqa: S608 - the names are this module's
        answer = self._http.request("POST", self._query, fields={"q": text}, headers=self._auth, encode_multipart=False)
        if answer.status != 200:
            raise SystemExit(f"the bare client could not ask: {answer.status} {answer.data!r}")
        rows: list[Any] = json.loads(answer.data)["results"][0]["series"][0]["values"]
        return rows
