"""Tools that tests need: where they cannot be had tests say so, and CI does not pass without them."""

import ctypes
import subprocess
from pathlib import Path

import pytest
from _pytest.outcomes import Failed, Skipped

from tests import debian


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Shared by the tests, so that each package is fetched once."""
    return tmp_path_factory.mktemp("fetched") / "debian"


@pytest.fixture
def bare(monkeypatch, folder):
    """A machine that has none of the tools installed."""
    debian.fetch.cache_clear()
    monkeypatch.setattr(debian, "_installed", lambda _name: None)
    monkeypatch.setattr(debian, "FOLDER", folder)
    yield
    debian.fetch.cache_clear()


@pytest.fixture
def no_apt(bare, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(debian.REQUIRED, raising=False)


def test_without_debian_s_tools_a_test_is_skipped_and_says_why(no_apt):
    with pytest.raises(Skipped, match=r"mosquitto: .* apt-get, which is not here; `python -m tests.debian` fetches it"):
        debian.tool("mosquitto")


def test_where_tools_are_required_their_absence_is_a_failure(no_apt, monkeypatch):
    monkeypatch.setenv(debian.REQUIRED, "1")
    with pytest.raises(Failed, match="apt-get, which is not here"):
        debian.tool("mosquitto")


@pytest.fixture
def lacks(monkeypatch):
    """Take a shared library and its package away from the machine."""

    def take(library, package):
        is_installed = debian._is_installed
        monkeypatch.setattr(debian, "_is_installed", lambda name: name != package and is_installed(name))
        monkeypatch.setattr(
            debian,
            "_lacking",
            lambda _file, folders: [] if any((folder / library).exists() for folder in folders) else [library],
        )

    return take


def test_an_unpacked_tool_runs_with_the_libraries_that_this_machine_lacks(bare, lacks):
    lacks("libcjson.so.1", "libcjson1")
    mosquitto = debian.tool("mosquitto")

    said = subprocess.run([mosquitto, "-h"], capture_output=True, text=True, check=False, timeout=60)

    assert "mosquitto version 2" in said.stdout
    assert said.stderr == ""
    assert "/libcjson1/" in mosquitto.read_text()


def test_what_an_unpacked_library_needs_is_loaded_before_it(bare, lacks):
    lacks("libgcc_s.so.1", "libgcc-s1")
    try:
        ctypes.CDLL(str(debian.tool("libsofthsm2.so")))
    finally:
        maps = Path("/proc/self/maps").read_text()
    assert "/debian/libgcc-s1/" in maps


def test_a_library_that_no_dependency_brings_is_named(bare, lacks, monkeypatch):
    monkeypatch.setattr(debian, "_dependencies", lambda _package: iter(["libcjson1"]))
    lacks("libnowhere.so.9", "libcjson1")
    with pytest.raises(debian.MissingError, match=r"no package that mosquitto depends on has libnowhere\.so\.9"):
        debian.fetch("mosquitto")


def test_a_tool_is_unpacked_once(bare, monkeypatch):
    first = debian.fetch("softhsm2-util")
    debian.fetch.cache_clear()
    monkeypatch.setattr(debian, "_apt", lambda *command: pytest.fail(f"{command} was run again"))

    assert debian.fetch("softhsm2-util") == first


@pytest.fixture
def no_browser(bare, monkeypatch):
    """Nor has it a browser; gives what was run to have one."""
    debian.fetch_browser.cache_clear()
    monkeypatch.delenv(debian.BROWSER_AT, raising=False)
    monkeypatch.delenv(debian.REQUIRED, raising=False)
    run = []
    monkeypatch.setattr(debian, "_run", lambda *command: run.append(" ".join(command)))
    yield run
    debian.fetch_browser.cache_clear()


def test_who_may_not_install_a_browser_is_told_in_one_line_how_to(no_browser, monkeypatch):
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    with pytest.raises(Skipped, match=r"^[^\n]*`sudo apt-get install chromium` on Debian, or set FIELDLINE_CHROMIUM"):
        debian.browser()
    monkeypatch.setenv(debian.REQUIRED, "1")
    with pytest.raises(Failed, match="only root may install it"):
        debian.browser()
    assert no_browser == []


def test_root_has_debian_s_browser_installed(no_browser, monkeypatch):
    monkeypatch.setattr(debian.os, "geteuid", lambda: 0)
    monkeypatch.setattr(debian.shutil, "which", lambda name, **_path: f"/usr/bin/{name}")
    monkeypatch.setattr(debian, "_installed", lambda name: Path(f"/usr/bin/{name}") if no_browser else None)
    assert debian.browser() == Path("/usr/bin/chromium")
    assert no_browser == ["apt-get install --yes --no-install-recommends chromium"]


def test_a_browser_may_be_named(no_browser, monkeypatch, tmp_path):
    monkeypatch.setenv(debian.BROWSER_AT, str(tmp_path / "nowhere"))
    with pytest.raises(debian.MissingError, match=r"FIELDLINE_CHROMIUM: expected a program, got '.*nowhere'"):
        debian.fetch_browser()
    named = tmp_path / "chrome"
    named.write_text("#!/bin/sh\n")
    named.chmod(0o755)
    monkeypatch.setenv(debian.BROWSER_AT, str(named))
    assert debian.fetch_browser() == named
