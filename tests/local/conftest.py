"""`laptop`: one running instance for the integration tests of this folder."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from device_agent import identity
from device_agent.transport import Endpoint
from device_agent.transport.crt import CrtTransport
from device_agent.transport.options import TransportOptions
from local import processes
from local.deploy import client
from local.figures import Reader
from local.instance import CHECKOUT, Instance
from local.simulation import certificate_pem

PORT = int(os.environ.get("FIELDLINE_LOCAL_TEST_PORT", "18520"))
OWN_DEVICES = ("tester", "stranger", "outcast")


@dataclass
class Laptop:
    """An instance as its users see it, and its files and processes as only a test does."""

    instance: Instance
    folder: Path

    def run(self, command, *options, check=True, timeout=240):
        """Stage dev, which has no store of its own to start; tests/e2e runs prod."""
        options = ("--stage", "dev", *options) if command == "up" else options
        done = subprocess.run(
            [sys.executable, "-m", "local", command, "--port", str(self.instance.ports.gateway), *options],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def up(self, devices=2):
        fleet = ("--fleet", str(self.folder / "fleet.toml")) if self.folder else ()
        return self.run("up", "--detach", "--devices", str(devices), *fleet)

    def status(self):
        return json.loads(self.run("status", "--json", check=False).stdout)

    def details(self):
        return self.instance.read("instance.json")

    def online(self):
        """The simulated devices that are online; the test's own come and go."""
        details, run = self.details(), self.instance.read("run.json")
        figures = Reader(self.instance.ports.aws_url, details["outputs"]["StateTableName"], run["started"]).read()
        return {device.thing for device in figures.devices if device.online} - set(OWN_DEVICES)

    def client(self, service):
        return client(service, self.instance.ports.aws_url)

    def child(self, name) -> psutil.Process:
        return psutil.Process(self.instance.read("run.json")["children"][name]["pid"])

    def supervisor(self) -> psutil.Process:
        return psutil.Process(self.instance.read("run.json")["supervisor"]["pid"])

    def processes(self):
        return processes.marked(str(self.instance.root))

    @property
    def endpoint(self):
        return Endpoint("localhost", self.instance.ports.mqtt)

    def transport(self, thing, certificate_of=None):
        """A connection as `thing`, with the certificate that the template issued to it or to another."""
        owner = certificate_of or thing
        certificate = self.folder / f"{owner}.pem"
        if not certificate.exists():
            certificate.write_text(certificate_pem(self.client("iot"), owner))
        return CrtTransport(
            TransportOptions(
                client_id=thing,
                ca=Path(self.details()["ca"]),
                certificate=certificate,
                private_key=self.folder / f"{owner}.key",
                connect_timeout_s=10,
            )
        )


@pytest.fixture(scope="session")
def laptop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    entries = []
    for name in OWN_DEVICES:
        identity.create(name, folder)
        entries.append(f'[[device]]\nname = "{name}"\nmodel = "climate"\ngroup = "test/local"\ncsr = "{name}.csr"\n')
    (folder / "fleet.toml").write_text("\n".join(entries))
    laptop = Laptop(Instance.at(PORT), folder)
    laptop.run("down", "--purge")
    try:
        laptop.up()
        yield laptop
    finally:
        laptop.run("down", "--purge", check=False)
