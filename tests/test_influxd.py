"""The real server that tests use: where it cannot be had they say so, and CI does not pass without it."""

import pytest
import urllib3
from _pytest.outcomes import Failed, Skipped

from tests import debian
from tests.influxd import REQUIRED, Influxd, find_or_skip


@pytest.fixture
def no_tools(monkeypatch, tmp_path):
    """A machine without the server and without Debian's tools."""
    debian.fetch.cache_clear()
    monkeypatch.setattr(debian, "FOLDER", tmp_path / "debian")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(REQUIRED, raising=False)


def test_without_debian_s_tools_a_test_is_skipped_and_says_why(no_tools):
    with pytest.raises(Skipped, match=r"apt-get, which is not here; `python -m tests.influxd` fetches it on Debian"):
        find_or_skip()


def test_where_it_is_required_its_absence_is_a_failure(no_tools, monkeypatch):
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(Failed, match="apt-get, which is not here"):
        find_or_skip()


def test_a_server_keeps_its_port_and_its_data_over_restarts_and_kills(tmp_path):
    with Influxd(tmp_path / "data") as server:
        url = server.url
        server.database("kept")
        server.restart()
        server.kill()
        server.start()
        assert server.url == url
        assert b'["kept"]' in server.ask("SHOW DATABASES")


@pytest.mark.parametrize(("auth", "status"), [(True, 401), (False, 200)])
def test_who_has_not_signed_in_may_ask_only_where_nobody_must(tmp_path, auth, status):
    with Influxd(tmp_path / "data", auth=auth) as server:
        assert urllib3.request("GET", f"{server.url}/query?q=SHOW+DATABASES").status == status
