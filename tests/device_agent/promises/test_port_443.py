"""The whole agent where a firewall lets nothing but HTTPS pass: it comes through by port 443 and ALPN."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import debian
from tests.device_agent.promises.device import ROOT

SCRIPT = Path(__file__).with_name("behind_a_firewall.py")


def test_an_endpoint_without_a_port_is_reached_by_443_where_8883_is_closed(tmp_path, credentials):
    files = (
        credentials.ca,
        credentials.server_certificate,
        credentials.server_key,
        credentials.certificate,
        credentials.private_key,
    )
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    done = subprocess.run(
        ["unshare", *user, "--net", sys.executable, str(SCRIPT), str(tmp_path), *map(str, files)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr:
        refusal = f"this machine gives nobody a network of their own: {done.stderr.strip()}"
        if os.environ.get(debian.REQUIRED):
            pytest.fail(f"{refusal} ({debian.REQUIRED} is set)")
        pytest.skip(refusal)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["endpoint"] == "localhost:443"
    assert found["alpn"] == ["x-amzn-mqtt-ca"]
    assert found["rows"] == list(range(len(found["rows"])))
