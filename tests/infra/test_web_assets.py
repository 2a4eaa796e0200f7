"""The build that a deployment takes along."""

import pytest

from infra import web_assets
from infra.errors import DashboardError


@pytest.fixture
def dist(tmp_path, monkeypatch):
    monkeypatch.setattr(web_assets, "DIST", tmp_path)
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "assets" / "app-1f0e.js").write_text("1")
    return tmp_path


def test_a_build_is_deployed_as_it_is(dist):
    assert web_assets.dashboard_files("lambda") == dist


def test_without_a_build_one_line_says_what_makes_it(dist):
    (dist / "index.html").unlink()
    with pytest.raises(DashboardError, match="run `make dashboard`"):
        web_assets.dashboard_files("lambda")


def test_a_file_that_no_browser_can_be_told_the_type_of_is_refused_before_a_deployment(dist):
    (dist / "assets" / "notes.docx").write_text("x")
    with pytest.raises(DashboardError, match=r"assets/notes\.docx: expected one of \.css"):
        web_assets.dashboard_files("lambda")


def test_what_is_hidden_or_packed_beforehand_is_of_no_interest(dist):
    (dist / ".vite").mkdir()
    (dist / ".vite" / "anything.xyz").write_text("x")
    (dist / "assets" / "app-1f0e.js.br").write_text("x")
    assert web_assets.dashboard_files("lambda") == dist


def test_the_laptop_needs_no_build(dist):
    (dist / "index.html").unlink()
    page = web_assets.dashboard_files("host") / "index.html"
    assert "make dashboard" in page.read_text()
