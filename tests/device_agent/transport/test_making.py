"""Which transport a device can use is known before it tries, and only that one's library is loaded."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from device_agent.transport.crt import CrtTransport
from device_agent.transport.making import make_transport, unusable
from device_agent.transport.paho import PahoTransport


@pytest.mark.parametrize(("kind", "made"), [("crt", CrtTransport), ("paho", PahoTransport)])
def test_a_kind_makes_its_transport(kind, made, options):
    assert type(make_transport(kind, options)) is made
    assert list(unusable(kind, options.private_key)) == []


@pytest.mark.parametrize(("kind", "extra"), [("crt", "agent"), ("paho", "paho")])
def test_a_library_that_is_not_installed_is_named_with_what_installs_it(kind, extra, monkeypatch, options):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    [(key, expected, got)] = unusable(kind, options.private_key)

    assert (key, got) == ("transport", repr(kind))
    assert f"pip install 'fieldline[{extra}]'" in expected


_SCRIPT = """
import sys
from pathlib import Path
import device_agent.link
from device_agent.transport.making import make_transport, unusable
from device_agent.transport.options import TransportOptions

path = Path("x")
for kind in ("crt", "paho"):
    assert not list(unusable(kind, path))
    make_transport(kind, TransportOptions("pump-7", path, path, path))
print(*sorted({"awscrt", "paho", "cryptography", "http"} & set(sys.modules)))
"""


def test_nothing_heavy_is_loaded_before_the_first_connection():
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.split() == []
