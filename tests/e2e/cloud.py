"""A running laptop cloud as its users see it: the command, the API over HTTP, MQTT over mutual TLS."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
T = TypeVar("T")
PATIENCE_S = 120
"""For an answer of the API: after a restart and on a busy machine, a function's first takes many seconds."""


def wait_for(what: str, probe: Callable[[], T | None], within_s: float = 90.0, every_s: float = 0.25) -> T:
    """The first truthy answer of `probe`; fails with its last one, so that a broken loop says where it stands."""
    deadline = time.monotonic() + within_s
    answer = probe()
    while not answer:
        assert time.monotonic() < deadline, f"{what}: not within {within_s:g} s, last seen {answer!r}"
        time.sleep(every_s)
        answer = probe()
    return answer


@dataclass(frozen=True)
class Device:
    """A device of the test's fleet file, with the certificate that the template issued."""

    name: str
    key: Path
    certificate: Path


@dataclass
class Cloud:
    """An instance on `port`; `folder` holds what the test itself made for it."""

    port: int
    folder: Path

    def run(self, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [str(BIN / "fieldline"), *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=280
        )
        assert not check or done.returncode == 0, f"fieldline {' '.join(command)}:\n{done.stdout}\n{done.stderr}"
        return done

    def up(self, *options: str) -> "subprocess.CompletedProcess[str]":
        for known in ("details", "token"):  # they may be others when it is up
            self.__dict__.pop(known, None)
        fleet = str(self.folder / "fleet.toml")
        port = str(self.port)
        return self.run("local", "up", "--detach", "--port", port, "--devices", "12", "--fleet", fleet, *options)

    def status(self) -> dict[str, Any]:
        return json.loads(self.run("local", "status", "--json", "--port", str(self.port), check=False).stdout)

    @property
    def root(self) -> Path:
        return ROOT / ".local" / str(self.port)

    def processes(self) -> list[int]:
        from local.processes import marked

        return [process.pid for process in marked(str(self.root))]

    @cached_property
    def details(self) -> dict[str, Any]:
        return json.loads((self.root / "instance.json").read_text())

    def aws(self, service: str) -> Any:
        from local.deploy import client

        return client(service, self.details["aws"])

    def outputs(self) -> dict[str, str]:
        return self.details["outputs"]

    # --- the API

    @cached_property
    def token(self) -> str:
        where = httpx.get(f"{self.details['api']}/sign-in", timeout=PATIENCE_S).raise_for_status().json()
        answer = httpx.post(
            where["endpoint"],
            timeout=PATIENCE_S,
            headers={
                "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth",
                "Content-Type": "application/x-amz-json-1.1",
            },
            json={
                "AuthFlow": "USER_PASSWORD_AUTH",
                "ClientId": where["client_id"],
                "AuthParameters": {"USERNAME": self.details["user"], "PASSWORD": self.details["password"]},
            },
        )
        return answer.raise_for_status().json()["AuthenticationResult"]["AccessToken"]

    def get(self, path: str, token: str | None = None, **params: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return httpx.get(f"{self.details['api']}{path}", headers=headers, params=params, timeout=PATIENCE_S)

    def device(self, name: str) -> dict[str, Any]:
        return self.get(f"/devices/{name}").raise_for_status().json()

    def counter(self, name: str, counter: str) -> int:
        return self.device(name).get("counters", {}).get(counter, 0)

    def quarantine(self, name: str) -> list[dict[str, Any]]:
        return self.get(f"/devices/{name}/quarantine").raise_for_status().json()["items"]

    def points(self, name: str, metric: str, start: int, end: int, **more: Any) -> list[dict[str, Any]]:
        """Every row of the answer, whatever the size of its pages."""
        rows: list[dict[str, Any]] = []
        params = {"metric": metric, "from": start, "to": end, "limit": 1000, **more}
        while True:
            page = self.get(f"/devices/{name}/telemetry", **params).raise_for_status().json()
            rows += page["items"]
            if not page["cursor"]:
                return rows
            params["cursor"] = page["cursor"]

    # --- devices

    def declared(self, name: str) -> Device:
        """The device, once its certificate has been fetched the way an installer would."""
        certificate = self.folder / f"{name}.pem"
        if not certificate.exists():
            from local.emulator import REGION, root_credentials

            keys = root_credentials()
            environment = {
                "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"],
                "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
                "AWS_DEFAULT_REGION": REGION,
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.folder),
            }
            fetch = [str(BIN / "fieldline"), "fleet", "certificate", name, "--out", str(certificate)]
            fetch += ["--endpoint-url", self.details["aws"]]
            subprocess.run(fetch, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=60)
        return Device(name, self.folder / f"{name}.key", certificate)

    def agent_config(self, name: str, model: str, sensors: str, **settings: Any) -> Path:
        device = self.declared(name)
        lines = {
            "thing": name,
            "model": model,
            "endpoints": [self.details["mqtt"]],
            "ca": str(self.details["ca"]),
            "certificate": str(device.certificate),
            "private_key": str(device.key),
            "queue": str(self.folder / f"{name}.queue"),
            "queue_max_mib": 8,
            "state": str(self.folder / f"{name}.state"),
            **settings,
        }
        path = self.folder / f"{name}.toml"
        path.write_text(
            "\n".join(f"{key} = {json.dumps(value)}" for key, value in lines.items())
            + "\n[clock]\nsync = 'system'\n"
            + sensors
        )
        return path

    def start_agent(self, config: Path) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{config.stem}.log").open("ab") as log:
            return subprocess.Popen(
                [str(BIN / "fieldline-agent"), "run", "--config", str(config)], stdout=log, stderr=log, cwd=ROOT
            )
