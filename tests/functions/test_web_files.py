import pytest

from functions.web_files import cache_control, config, content_type, is_page, is_served


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("assets/app-1f0e.js", "text/javascript; charset=utf-8"),
        ("manifest.webmanifest", "application/manifest+json"),
        ("icons/icon-192.png", "image/png"),
    ],
)
def test_each_kind_of_file_has_its_type(path, kind):
    assert content_type(path) == kind


@pytest.mark.parametrize("path", ["notes.docx", "LICENSE"])
def test_a_kind_that_is_not_known_is_refused(path):
    with pytest.raises(ValueError, match=rf"{path}: expected one of \.css"):
        content_type(path)


def test_only_what_is_named_after_its_content_is_kept_for_ever():
    assert cache_control("assets/app-1f0e.js") == "public, max-age=31536000, immutable"
    for path in ("index.html", "sw.js", "manifest.webmanifest", "icons/assets/a.png", "config.json"):
        assert cache_control(path) == "no-cache"


def test_what_a_build_hides_or_packs_is_not_served():
    assert [
        is_served(path) for path in ("a.js", "assets/a.js", "a.js.gz", "a.js.br", ".vite/manifest.json", "a/.b")
    ] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


def test_an_address_of_the_app_names_no_file():
    pages = ("", "devices", "devices/a-1", "a.b/devices", "alarms/press-4.42")
    assert all(is_page(path) for path in pages)
    assert not any(is_page(path) for path in ("a.js", "assets/a-1.css", "missing.png"))


def test_the_app_is_told_where_tiles_come_from():
    assert config(None) == b'{"map_tiles":null}'
    assert config("https://t/{z}/{x}/{y}") == b'{"map_tiles":"https://t/{z}/{x}/{y}"}'
