"""A laptop cloud of the benchmark's own with simulated devices, which serves the dashboard as it was built."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from bench.dashboards import builds
from local.instance import CHECKOUT, Instance

DEVICES = 3
COOKIE = "fieldline_refresh"
PATIENCE_S = 120.0


class Cloud:
    def __init__(self, instance: Instance) -> None:
        self.details = instance.read("instance.json")
        self.origin: str = self.details["dashboard"].rstrip("/")
        self._token = ""
        self._refresh = ""

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The document of an answer that went well; raises HTTPError otherwise."""
        return json.load(self._asked(method, path, body, {"Authorization": f"Bearer {self._token}"}))

    def sign_in(self) -> None:
        body = {"user": self.details["user"], "password": self.details["password"]}
        answer = self._asked("POST", "/auth/login", body, {})
        self._token = json.load(answer)["access_token"]
        cookies = [one.split(";")[0].partition("=") for one in answer.headers.get_all("Set-Cookie", [])]
        self._refresh = next(value for name, _, value in cookies if name == COOKIE)

    def signed_in(self) -> dict[str, Any]:
        """A browser's `storage_state`: the cookie that a sign-in leaves. No use spends it."""
        cookie = {
            "name": COOKIE,
            "value": self._refresh,
            "domain": urlsplit(self.origin).hostname,
            "path": "/v1/auth",
            "expires": -1,
            "httpOnly": True,
            "secure": False,
            "sameSite": "Strict",
        }
        return {"cookies": [cookie], "origins": []}

    def find(self, model: str) -> str:
        """A device of that model that is online and has told something."""

        def found() -> str | None:
            items = self.ask("GET", "/devices?limit=100")["items"]
            return next((one["id"] for one in items if one["model"] == model and one["status"] == "online"), None)

        return self.wait(f"an online device of model {model}", found)

    def wait(self, what: str, probe: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while not (answer := probe()):
            if time.monotonic() > deadline:
                raise SystemExit(f"{what}: not within {PATIENCE_S:g} s")
            time.sleep(0.5)
        return answer

    def _asked(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(self.details["api"] + path, data, headers, method=method)
        return urllib.request.urlopen(request, timeout=PATIENCE_S)


@contextmanager
def running(port: int, log: Any) -> Iterator[Cloud]:
    """From a clean start until it is deleted."""
    builds.fresh()
    command, place = [sys.executable, "-m", "local"], ["--port", str(port)]
    subprocess.run(
        [*command, "up", "--detach", "--stage", "dev", "--devices", str(DEVICES), *place],
        cwd=CHECKOUT, check=True, stdout=log,
    )  # fmt: skip
    try:
        cloud = Cloud(Instance.at(port))
        cloud.sign_in()
        yield cloud
    finally:
        subprocess.run([*command, "down", "--purge", *place], cwd=CHECKOUT, check=True, stdout=log)
