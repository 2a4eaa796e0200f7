"""The package on a real Debian: this one, below an overlay that keeps every change in memory."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.packaging.conftest import HOST
from tests.packaging.provisioning import INSTALL, provision

EVERY_MODULE = """
import importlib, pkgutil, sys
import contract, device_agent
names = [m.name for p in (contract, device_agent) for m in pkgutil.walk_packages(p.__path__, p.__name__ + ".")]
for name in names:
    if not name.endswith(("__main__", "._yaml")):  # rules in YAML are for people: no device reads them
        importlib.import_module(name)
import awscrt.mqtt5, cryptography.x509, gpiozero, msgspec, paho.mqtt.client, smbus2
if sys.version_info < (3, 13):
    import lgpio
outside = {p for p in sys.path if "python3" in p and not p.startswith(sys.base_prefix)} - set(EXPECTED)
print(sys.version_info[1], len(names), sorted(outside))
"""


@pytest.fixture
def installed(machine, host):
    machine.put(host, "/fieldline.deb")
    machine.run(*INSTALL)
    return machine


@pytest.fixture
def provisioned(installed, tmp_path):
    provision(installed, tmp_path)
    return installed


def test_the_agents_user_can_check_its_configuration_and_change_nothing_but_its_state(provisioned):
    assert "usage: fieldline-agent" in provisioned.run("fieldline-agent", "--help", user="fieldline")
    found = provisioned.run(
        "fieldline-agent", "check", "--json", "--config", "/etc/fieldline/agent.toml", user="fieldline"
    )
    assert json.loads(found)["thing"] == "pump-7"
    example = "/usr/share/doc/fieldline-agent/examples/agent.toml"
    provisioned.run("sh", "-c", f"sed s/AmazonRootCA1/ca/ {example} >/etc/fieldline/example.toml")
    provisioned.run("fieldline-agent", "check", "--config", "/etc/fieldline/example.toml", user="fieldline")
    for path in ("/usr/lib/fieldline-agent/packages/x", "/etc/fieldline/x", "/etc/credstore/x"):
        provisioned.run("touch", path, user="fieldline", expect=1)
    provisioned.run("touch", "/var/lib/fieldline/x", user="fieldline")


def test_what_it_lays_down_belongs_to_those_who_need_it_and_the_unit_is_valid(installed):
    modes = installed.run("stat", "-c", "%a %U %G %n", "/etc/fieldline", "/var/lib/fieldline", "/etc/credstore")
    assert modes.splitlines() == [
        "750 root fieldline /etc/fieldline",
        "700 fieldline fieldline /var/lib/fieldline",
        "700 root root /etc/credstore",
    ]
    assert "fieldline" in installed.run("id", "fieldline")
    assert installed.run("find", "/usr/lib/fieldline-agent/packages/device_agent", "-name", "supervisor.*.pyc")
    wanted = "/etc/systemd/system/multi-user.target.wants/fieldline-agent.service"
    assert installed.run("readlink", wanted).strip().endswith("/lib/systemd/system/fieldline-agent.service")
    said = installed.run("systemd-analyze", "verify", "fieldline-agent.service").splitlines()
    # What systemd before 254 does not know yet, and no other complaint.
    assert [line for line in said if "RestartSteps" not in line and "RestartMaxDelaySec" not in line] == []


def test_an_upgrade_keeps_what_was_set_a_removal_keeps_the_identity_and_a_purge_leaves_nothing(
    provisioned, build, tmp_path
):
    provisioned.run("sh", "-c", "echo LOG_LEVEL=DEBUG >/etc/default/fieldline-agent")
    provisioned.run("touch", "/var/lib/fieldline/queued", user="fieldline")
    provisioned.put(build(tmp_path, HOST, version="1.2.4"), "/fieldline.deb")
    provisioned.run(*INSTALL)
    assert provisioned.run("dpkg-query", "--show", "--showformat=${Version}", "fieldline-agent") == "1.2.4"
    assert provisioned.run("cat", "/etc/default/fieldline-agent") == "LOG_LEVEL=DEBUG\n"
    provisioned.run("fieldline-agent", "check", "--config", "/etc/fieldline/agent.toml", user="fieldline")

    provisioned.run("dpkg", "--remove", "fieldline-agent")
    assert not provisioned.exists("/usr/lib/fieldline-agent")
    for kept in ("/etc/fieldline/pump-7.key", "/var/lib/fieldline/queued", "/etc/default/fieldline-agent"):
        assert provisioned.exists(kept)

    provisioned.run("dpkg", "--purge", "fieldline-agent")
    assert {path for path in provisioned.changed() if "fieldline" in path} == {"/fieldline.deb"}
    assert "fieldline" not in provisioned.run("cat", "/etc/passwd", "/etc/group")


def pythons():
    """Every Python on this machine that the package is for, by its version."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = {}
    for version in ("3.13", "3.12", "3.11"):
        name = f"python{version}"
        paths = (shutil.which(name, path="/usr/bin"), *pyenv.glob(f"versions/{version}.*/bin/{name}"))
        if path := next(filter(None, paths), None):
            found[version] = Path(path).resolve()
    assert found
    return found


def test_every_module_finds_what_it_needs_with_each_python_and_nothing_of_the_systems(installed):
    for version, python in pythons().items():
        installed.run("mkdir", "-p", f"/{version}/bin")
        installed.run("sh", "-c", f"echo 'home = {python.parent}' >/{version}/pyvenv.cfg")
        installed.run("ln", "-s", python, f"/{version}/bin/python3")
        installed.run("ln", "-s", "/usr/lib/fieldline-agent/lib", f"/{version}/lib")
        expected = [f"/{version}/lib/python{version}/site-packages"]
        if version == "3.13":
            expected.append("/usr/lib/python3/dist-packages")
        script = EVERY_MODULE.replace("EXPECTED", repr(expected))
        minor, modules, outside = installed.run(f"/{version}/bin/python3", "-I", "-c", script).split(maxsplit=2)
        assert (minor, outside.strip()) == (version.split(".")[1], "[]")
        assert int(modules) > 20
