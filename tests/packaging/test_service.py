"""The installed service under a real systemd, in the sandbox of its unit."""

import time

import pytest

from tests.packaging.provisioning import INSTALL, provision

# What the machine would start first is not part of the test, and pauses are shorter.
DROP_IN = """
[Unit]
DefaultDependencies=no

[Service]
ExecStartPre=/usr/lib/fieldline-agent/bin/python3 -I -c "{in_the_sandbox}"
WatchdogSec=6
RestartSec=1
StandardOutput=append:/run/agent.log
StandardError=append:/run/agent.log
"""

# What the agent may come to need later, each of which a sandbox has broken for somebody: pipes of lgpio in the working
# directory, closures of cffi, adjtimex.
IN_THE_SANDBOX = (
    "import sys, cryptography.x509, gpiozero, smbus2; sys.version_info >= (3, 13) or __import__('lgpio'); "
    "from device_agent.time.kernel import is_synchronised; is_synchronised()"
)


@pytest.fixture
def installed(booted_machine, host, tmp_path):
    (tmp_path / "drop-in").write_text(DROP_IN.format(in_the_sandbox=IN_THE_SANDBOX))
    booted_machine.put(tmp_path / "drop-in", "/etc/systemd/system/fieldline-agent.service.d/test.conf")
    booted_machine.put(host, "/fieldline.deb")
    booted_machine.run(*INSTALL)
    return booted_machine


def shown(machine, *properties):
    said = machine.run("systemctl", "show", "fieldline-agent", f"--property={','.join(properties)}")
    found = dict(line.split("=", 1) for line in said.splitlines())
    return [found[name] for name in properties]


def await_(condition, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def test_the_service_lives_through_its_life(installed, tmp_path):
    # Installed, enabled, and not failed for want of a configuration.
    assert shown(installed, "ActiveState", "UnitFileState", "ConditionResult", "Result") == [
        "inactive",
        "enabled",
        "no",
        "success",
    ]

    # Started: `start` returns when the agent has said that it is ready. Its key is one that only root can read.
    provision(installed, tmp_path, key="credential:device.key")
    log = installed.succeeds("systemctl", "start", "fieldline-agent") or installed.run("cat", "/run/agent.log")
    assert log is True, log
    state, status, first = shown(installed, "ActiveState", "StatusText", "MainPID")
    assert (state, status) == ("active", "running as pump-7")
    process = dict(
        line.split(":", 1) for line in installed.run("cat", f"/proc/{first}/status").splitlines() if ":" in line
    )
    assert int(process["CapEff"], 16) == int(process["CapBnd"], 16) == 0
    assert process["NoNewPrivs"].strip() == "1"
    assert process["Seccomp"].strip() == "2"
    assert int(process["Uid"].split()[0]) > 0
    assert "pump-7" in installed.run("fieldline-agent", "status", user="fieldline")

    # Stopped in its tracks: the watchdog ends it, and it is started again.
    installed.run("kill", "-STOP", first)
    await_(lambda: shown(installed, "NRestarts", "ActiveState") == ["1", "active"])
    (second,) = shown(installed, "MainPID")
    assert second != first

    # Installed anew while it runs: it is stopped in good order, replaced and started.
    installed.run(*INSTALL)
    assert shown(installed, "ActiveState")[0] in ("activating", "active")
    await_(lambda: shown(installed, "ActiveState") == ["active"])
    (third,) = shown(installed, "MainPID")
    assert third not in (first, second)
    assert "stopped: " in installed.run("cat", "/run/agent.log")

    # Purged while it runs.
    installed.run("dpkg", "--purge", "fieldline-agent")
    assert not installed.exists(f"/proc/{third}")
    assert not installed.exists("/run/fieldline")
    assert shown(installed, "ActiveState", "LoadState")[0] == "inactive"
