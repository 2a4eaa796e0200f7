"""A laptop cloud of the benchmark's own, and what it asks of it."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device_agent import identity
from local.deploy import client
from local.emulator import root_credentials
from local.instance import CHECKOUT, Instance

OWN = ("bench-001", "bench-002")
"""Devices that the fleet file declares, with certificates."""
MODEL = "machine"
PACE_S = 0.03
"""Between two requests: 50 a second are allowed to a principal."""


@dataclass
class Cloud:
    instance: Instance
    folder: Path

    def __post_init__(self) -> None:
        self.details = self.instance.read("instance.json")
        self.dynamodb = self.aws("dynamodb")
        self.environment = self._environment()
        self._token = ""
        self._token_until = 0.0

    def aws(self, service: str) -> Any:
        return client(service, self.instance.ports.aws_url)

    @property
    def aws_url(self) -> str:
        return self.instance.ports.aws_url

    @property
    def credentials(self) -> dict[str, str]:
        return root_credentials()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The document of an answer that went well; raises HTTPError otherwise."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.details["api"] + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def token(self) -> str:
        if time.monotonic() > self._token_until:
            body = {"user": self.details["user"], "password": self.details["password"]}
            headers = {"Content-Type": "application/json"}
            address = f"{self.details['api']}/auth/login"
            request = urllib.request.Request(address, json.dumps(body).encode(), headers)
            with urllib.request.urlopen(request, timeout=60) as answer:
                self._token = json.load(answer)["access_token"]
            self._token_until = time.monotonic() + 300
        return self._token

    def _environment(self) -> dict[str, str]:
        """The settings of the deployed `api` function."""
        pages = self.aws("lambda").get_paginator("list_functions").paginate()
        for page in pages:
            for function in page["Functions"]:
                known = function.get("Environment", {}).get("Variables", {})
                if function.get("Handler", "").endswith("handlers.api.handler"):
                    return {name: value for name, value in known.items() if name.startswith("FIELDLINE_")}
        raise SystemExit("the deployment has no function with the handler of the API")


@contextmanager
def running(port: int, folder: Path, log: Any) -> Iterator[Cloud]:
    """From a clean start until it is deleted."""
    entries = []
    for thing in OWN:
        identity.create(thing, folder)
        entries.append(f'[[device]]\nname = "{thing}"\nmodel = "{MODEL}"\ngroup = "bench"\ncsr = "{thing}.csr"\n')
    (folder / "fleet.toml").write_text("\n".join(entries))
    command, place = [sys.executable, "-m", "local"], ["--port", str(port)]
    fleet = ["--devices", "0", "--fleet", str(folder / "fleet.toml")]
    up = [*command, "up", "--detach", "--stage", "dev", *fleet, *place]
    subprocess.run(up, cwd=CHECKOUT, check=True, stdout=log)
    try:
        yield Cloud(Instance.at(port), folder)
    finally:
        subprocess.run([*command, "down", "--purge", *place], cwd=CHECKOUT, check=True, stdout=log)


def rest(_: Callable[[], None] | None = None) -> None:
    time.sleep(PACE_S)
