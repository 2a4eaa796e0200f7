import asyncio

import pytest

from local.ministack_guard import guard, refusal

OWN = "http://127.0.0.1:8420"
HOST = (b"host", b"127.0.0.1:8421")


async def open_to_all(scope, receive, send):
    """An application as MiniStack is: it answers everybody, and lets every page read it."""
    if scope["type"] == "http":
        headers = [(b"Access-Control-Allow-Origin", b"*"), (b"x-own", b"kept")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"secret"})
    else:
        await send({"type": scope["type"] + ".accept"})


def ask(*headers, kind="http"):
    sent = []

    async def receive():
        return {"type": f"{kind}.connect"}

    async def send(message):
        sent.append(message)

    asyncio.run(guard(open_to_all, {OWN})({"type": kind, "headers": list(headers)}, receive, send))
    return sent


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8421", "localhost:8421", "localhost", "assets.localhost:8421", "LOCALHOST"]
)
def test_names_of_this_machine_are_served(host):
    assert refusal([(b"host", host.encode())], {OWN}) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evillocalhost", "10.0.0.1", "@", ""]
)
def test_other_names_are_refused(host):
    assert refusal([(b"host", host.encode())], {OWN})[0] == 421


def test_a_request_without_a_host_is_refused():
    assert refusal([], {OWN})[0] == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", OWN + ".evil.example"])
def test_a_page_from_elsewhere_is_refused_before_it_reaches_the_application(origin):
    start, body = ask(HOST, (b"origin", origin.encode()))
    assert start["status"] == 403
    assert b"secret" not in body["body"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_page_elsewhere_embeds_is_refused(site):
    assert ask(HOST, (b"sec-fetch-site", site.encode()))[0]["status"] == 403


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_what_a_person_opens_is_served(site):
    assert ask(HOST, (b"sec-fetch-site", site.encode()))[0]["status"] == 200


def test_a_program_is_served_and_the_wildcard_is_taken_out():
    start, body = ask(HOST)
    assert (start["status"], body["body"]) == (200, b"secret")
    assert start["headers"] == [(b"x-own", b"kept")]


def test_the_instances_own_page_may_read_the_answer_whatever_the_browser_calls_its_site():
    start = ask(HOST, (b"origin", OWN.encode()), (b"sec-fetch-site", b"cross-site"))[0]
    assert start["status"] == 200
    assert (b"access-control-allow-origin", OWN.encode()) in start["headers"]
    assert (b"vary", b"Origin") in start["headers"]


def test_a_web_socket_from_elsewhere_is_closed_before_it_opens():
    assert ask(HOST, (b"origin", b"https://evil.example"), kind="websocket")[0]["type"] == "websocket.close"
    assert ask(HOST, kind="websocket")[0]["type"] == "websocket.accept"


def test_starting_and_stopping_pass():
    assert ask(kind="lifespan")[0]["type"] == "lifespan.accept"
