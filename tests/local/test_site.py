"""The dashboard's files behind the gateway."""

import asyncio
import gzip
import os

import pytest
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from infra.web_headers import security_headers
from local.gateway import Gateway

SCRIPT = b"console.log('fieldline');" * 100
PAGE = b"<!doctype html><title>Fieldline</title>"


@pytest.fixture
def dist(tmp_path):
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_bytes(PAGE)
    (dist / "sw.js").write_bytes(b"self.skipWaiting()")
    (dist / "manifest.webmanifest").write_bytes(b"{}")
    (dist / "assets" / "app-1f0e.js").write_bytes(SCRIPT)
    (tmp_path / "secret.txt").write_bytes(b"not for browsers")
    return dist


@pytest.fixture
def asked(dist):
    """What the gateway answers: (status, headers, body as it was sent)."""

    def ask(*requests, before=None):
        async def play():
            async with TestClient(
                TestServer(Gateway(lambda: None, dict, dist=dist).app()), auto_decompress=False
            ) as client:
                answers = []
                for at, (path, headers) in enumerate(requests):
                    if at and before:
                        before()
                    async with client.get(URL(path, encoded=True), headers=headers) as answer:
                        answers.append((answer.status, answer.headers.copy(), await answer.read()))
                return answers

        return asyncio.run(play())

    return ask


def get(asked, path, **headers):
    (answer,) = asked((path, {"Accept-Encoding": "", **{k.replace("_", "-"): v for k, v in headers.items()}}))
    return answer


@pytest.mark.parametrize("path", ["/", "/devices", "/devices/press-4/history?range=24h", "/a.b/devices", "/devices/"])
def test_an_address_of_the_app_is_answered_by_its_page(asked, path):
    status, headers, body = get(asked, path)
    assert (status, body) == (200, PAGE)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "kind", "kept"),
    [
        ("/sw.js", "text/javascript; charset=utf-8", "no-cache"),
        ("/manifest.webmanifest", "application/manifest+json", "no-cache"),
        ("/assets/app-1f0e.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/config.json", "application/json", "no-cache"),
    ],
)
def test_a_file_has_its_type_and_is_kept_as_long_as_on_aws(asked, path, kind, kept):
    status, headers, _ = get(asked, path)
    assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, kind, kept)


@pytest.mark.parametrize("path", ["/", "/assets/app-1f0e.js", "/missing.js", "/config.json"])
def test_every_answer_says_what_cloudfront_says_but_for_https(asked, path):
    headers = get(asked, path)[1]
    assert {name: headers[name] for name in security_headers()} == security_headers()
    assert "Strict-Transport-Security" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/missing.js",
        "/assets/missing.css",
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "/%2fetc/resolv.conf",
        "/assets/%00.js",
        "/assets/" + "a" * 300 + ".js",
        "/link.txt",
        "/linked/secret.txt",
        "/notes.docx",
        "/.hidden/a.js",
        "/assets/app-1f0e.js.gz",
    ],
)
def test_what_is_no_file_of_the_build_is_a_problem_document(asked, dist, path):
    (dist / "link.txt").symlink_to(dist.parent / "secret.txt")
    (dist / "linked").symlink_to(dist.parent)
    (dist / "notes.docx").write_bytes(b"x")
    (dist / ".hidden").mkdir()
    (dist / ".hidden" / "a.js").write_bytes(b"x")
    (dist / "assets" / "app-1f0e.js.gz").write_bytes(b"x")
    status, headers, body = get(asked, path)
    assert (status, headers["Content-Type"].split(";")[0]) == (404, "application/problem+json")
    assert b"not for browsers" not in body


def test_a_file_that_did_not_change_is_not_sent_again(asked):
    etag = get(asked, "/sw.js")[1]["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        status, headers, body = get(asked, "/sw.js", If_None_Match=known)
        assert (status, body, headers["ETag"]) == (304, b"", etag)
        assert headers["Cache-Control"] == "no-cache"
    assert get(asked, "/sw.js", If_None_Match='"other"')[0] == 200


def test_a_new_build_is_served_without_a_restart(asked, dist):
    path = dist / "index.html"

    def build():
        path.write_bytes(b"<!doctype html>2")
        os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000))

    first, second = asked(("/", {}), ("/", {}), before=build)
    assert (first[2], second[2]) == (PAGE, b"<!doctype html>2")
    assert first[1]["ETag"] != second[1]["ETag"]


def test_what_gains_by_it_is_packed_for_whoever_takes_it(asked):
    for accepted in ("gzip", "gzip, deflate, br", "br;q=1, GZIP;q=0.5"):
        _, headers, body = get(asked, "/assets/app-1f0e.js", Accept_Encoding=accepted)
        assert (headers["Content-Encoding"], gzip.decompress(body)) == ("gzip", SCRIPT)
        assert headers["Vary"] == "Accept-Encoding"
    for accepted in ("", "identity", "gzip;q=0", "br"):
        _, headers, body = get(asked, "/assets/app-1f0e.js", Accept_Encoding=accepted)
        assert "Content-Encoding" not in headers
        assert body == SCRIPT
    assert "Content-Encoding" not in get(asked, "/sw.js", Accept_Encoding="gzip")[1]


def test_packed_and_unpacked_are_told_apart_by_caches(asked):
    packed = get(asked, "/assets/app-1f0e.js", Accept_Encoding="gzip")[1]["ETag"]
    plain = get(asked, "/assets/app-1f0e.js")[1]["ETag"]
    assert packed != plain
    assert get(asked, "/assets/app-1f0e.js", If_None_Match=packed, Accept_Encoding="gzip")[0] == 304


def test_what_the_build_packed_is_sent_unless_it_is_of_another_build(asked, dist):
    for suffix in ("br", "gz"):
        (dist / "assets" / f"app-1f0e.js.{suffix}").write_bytes(suffix.encode())
    assert get(asked, "/assets/app-1f0e.js", Accept_Encoding="gzip, br")[2] == b"br"
    assert get(asked, "/assets/app-1f0e.js", Accept_Encoding="gzip")[2] == b"gz"
    for suffix in ("br", "gz"):
        os.utime(dist / "assets" / f"app-1f0e.js.{suffix}", (1, 1))
    assert gzip.decompress(get(asked, "/assets/app-1f0e.js", Accept_Encoding="gzip, br")[2]) == SCRIPT


def test_without_a_build_a_page_says_what_makes_one(asked, dist):
    (dist / "index.html").unlink()
    status, headers, body = get(asked, "/devices")
    assert (status, headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert b"make dashboard" in body
    assert headers["Content-Security-Policy"] == security_headers()["Content-Security-Policy"]
    assert get(asked, "/sw.js")[0] == 404


def test_the_app_is_told_that_the_laptop_has_no_tiles(asked):
    assert get(asked, "/config.json")[2] == b'{"map_tiles":null}'


def test_a_head_is_answered_without_the_file_and_nothing_else_is(dist):
    async def play():
        async with TestClient(TestServer(Gateway(lambda: None, dict, dist=dist).app())) as client:
            async with client.head("/assets/app-1f0e.js", headers={"Accept-Encoding": ""}) as answer:
                head = (answer.status, answer.headers["Content-Length"], await answer.read())
            async with client.post("/devices", json={}) as answer:
                return head, answer.status

    assert asyncio.run(play()) == ((200, str(len(SCRIPT)), b""), 404)


def test_a_page_of_another_name_gets_nothing(asked):
    assert get(asked, "/", Host="evil.example")[0] == 421
