import asyncio
import gzip
import json

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from local import gateway
from local.gateway import Gateway

GO_ON = web.AppKey("go_on", asyncio.Event)


async def echo(request):
    """An API that says what reached it."""
    body = await request.read()
    headers = {name.lower(): value for name, value in request.headers.items()}
    return web.json_response(
        {"method": request.method, "path": request.raw_path, "headers": headers, "body": body.decode()},
        headers={"X-Own": "kept", "Server": "hidden", "Connection": "X-Private", "X-Private": "hidden"},
    )


async def drip(request):
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"first ")
    await asyncio.wait_for(request.app[GO_ON].wait(), 5)
    await response.write(b"second")
    return response


async def measured(request):
    return web.Response(text=f"{request.headers.get('Content-Encoding')} {(await request.read()).hex()}")


async def busy(_request):
    """What MiniStack says, in the name of Lambda, when as many functions run as it lets."""
    return web.json_response({"__type": "TooManyRequestsException", "retryAfterSeconds": "1"}, status=429)


async def spent(_request):
    headers = {"Retry-After": "3"}
    return web.Response(text="{}", status=429, headers=headers, content_type="application/problem+json")


def run(scenario, *, up=True):
    """Run a scenario with (client of the gateway, the API's app) on an event loop of its own."""

    async def play():
        api = web.Application()
        api[GO_ON] = asyncio.Event()
        api.router.add_get("/stage/drip", drip)
        api.router.add_get("/stage/busy", busy)
        api.router.add_get("/stage/spent", spent)
        api.router.add_route("*", "/stage{tail:.*}", echo)
        async with TestServer(api) as server:
            base = str(server.make_url("/stage"))
            front = Gateway(lambda: base if up else None, lambda: {"API": base, "User": "<me>"})
            async with TestClient(TestServer(front.app())) as client:
                return await scenario(client, api)

    return asyncio.run(play())


def ask(method, path, **options):
    async def scenario(client, _api):
        async with client.request(method, path, **options) as answer:
            return answer.status, answer.headers, await answer.json()

    return run(scenario)


def test_a_request_reaches_the_stage_with_method_path_query_and_body():
    status, _, seen = ask("POST", "/v1/devices/a%2Fb?metric=x&metric=y%20z", data="payload")
    assert status == 200
    assert (seen["method"], seen["path"], seen["body"]) == (
        "POST",
        "/stage/devices/a%2Fb?metric=x&metric=y%20z",
        "payload",
    )


@pytest.mark.parametrize("path", ["/v1", "/v1/"])
def test_the_stage_itself_is_reached(path):
    assert ask("GET", path)[2]["path"].rstrip("/") == "/stage"


def test_the_bearer_token_passes():
    assert ask("GET", "/v1/me", headers={"Authorization": "Bearer t"})[2]["headers"]["authorization"] == "Bearer t"


@pytest.mark.parametrize("name", ["Origin", "Sec-Fetch-Site"])
def test_what_a_browser_says_of_the_page_stays_here(name):
    assert name.lower() not in ask("GET", "/v1/me", headers={name: "x"})[2]["headers"]


@pytest.mark.parametrize("name", ["TE", "Proxy-Authorization", "Keep-Alive", "Forwarded"])
def test_headers_of_one_connection_do_not_pass(name):
    assert name.lower() not in ask("GET", "/v1/me", headers={name: "x"})[2]["headers"]


@pytest.mark.parametrize(
    "said",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/auth/refresh", "/v1/%61uth/refresh"])
def test_pages_elsewhere_may_not_sign_in_or_out(path, said):
    status, _, body = ask("POST", path, json={}, headers=said)
    assert (status, body["type"]) == (403, "urn:fieldline:problem:forbidden")


@pytest.mark.parametrize("said", [{"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1"}, {}])
def test_its_own_page_and_programs_may_sign_in(said):
    assert ask("POST", "/v1/auth/refresh", json={}, headers=said)[0] == 200


def test_headers_that_the_client_names_as_its_connections_own_do_not_pass():
    sent = {"Connection": "X-Mine", "X-Mine": "1", "X-Other": "2"}
    seen = ask("GET", "/v1/me", headers=sent)[2]["headers"]
    assert "x-mine" not in seen
    assert seen["x-other"] == "2"


def test_a_client_cannot_claim_another_origin():
    seen = ask("GET", "/v1/me", headers={"X-Forwarded-For": "8.8.8.8", "X-Forwarded-Proto": "https"})[2]["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"


def test_the_answers_own_headers_pass_and_those_of_its_connection_do_not():
    headers = ask("GET", "/v1/me")[1]
    assert headers["X-Own"] == "kept"
    assert "X-Private" not in headers
    assert headers.get("Server") != "hidden"


def test_an_answer_is_passed_on_while_it_is_still_being_written():
    async def scenario(client, api):
        async with client.get("/v1/drip") as answer:
            first = await asyncio.wait_for(answer.content.readany(), 5)
            api[GO_ON].set()
            return first, await answer.content.read()

    assert run(scenario) == (b"first ", b"second")


def test_while_the_cloud_starts_the_answer_is_a_problem_document():
    async def scenario(client, _api):
        async with client.get("/v1/me") as answer:
            return answer.status, answer.content_type, await answer.json()

    status, content_type, body = run(scenario, up=False)
    assert (status, content_type) == (503, "application/problem+json")
    assert (body["status"], body["type"]) == (503, "urn:fieldline:problem:unavailable")
    assert "fieldline local status" in body["detail"]


def test_a_line_feed_in_a_path_is_for_the_api_to_refuse():
    async def scenario(client, _api):
        async with client.get(URL("/v1/devices/a%0Ab", encoded=True)) as answer:
            return answer.status, answer.content_type

    assert run(scenario, up=False) == (503, "application/problem+json")


def test_a_cloud_that_died_is_told_as_a_problem_document():
    async def scenario():
        front = Gateway(lambda: "http://127.0.0.1:1/stage", dict)
        async with TestClient(TestServer(front.app())) as client, client.get("/v1/me") as answer:
            return answer.status, answer.headers["Retry-After"], (await answer.json())["title"]

    assert asyncio.run(scenario()) == (503, "2", "The cloud is not up")


def test_a_cloud_in_which_all_functions_are_busy_is_told_as_a_problem_document():
    status, headers, body = ask("GET", "/v1/busy")
    assert (status, headers["Content-Type"].split(";")[0]) == (503, "application/problem+json")
    assert headers["Retry-After"] == "2"
    assert body["type"] == "urn:fieldline:problem:unavailable"


def test_who_asks_too_often_is_told_so_by_the_api_itself():
    status, headers, _ = ask("GET", "/v1/spent")
    assert (status, headers["Retry-After"]) == (429, "3")


def test_a_body_larger_than_api_gateways_limit_is_refused(monkeypatch):
    monkeypatch.setattr(gateway, "MAX_BODY", 4)
    status, _, body = ask("POST", "/v1/x", data="12345")
    assert (status, body["title"]) == (413, "Too large")


@pytest.mark.parametrize("sent", [gzip.compress(b"{}", mtime=0), b"{}"])
def test_a_body_that_says_that_it_is_packed_passes_as_it_came(sent):
    async def scenario():
        api = web.Application()
        api.router.add_route("*", "/stage{tail:.*}", measured)
        server = TestServer(api)
        await server.start_server(auto_decompress=False)
        front = Gateway(lambda: str(server.make_url("/stage")), dict)
        async with gateway.listening(front, "127.0.0.1", 0) as port, aiohttp.ClientSession() as client:
            packed, timeout = {"Content-Encoding": "gzip"}, aiohttp.ClientTimeout(total=5)
            async with client.post(
                f"http://127.0.0.1:{port}/v1/devices", data=sent, headers=packed, timeout=timeout
            ) as answer:
                text = await answer.text()
        await server.close()
        return text

    assert asyncio.run(scenario()) == f"gzip {sent.hex()}"


def test_a_foreign_host_name_is_refused():
    status, _, body = ask("GET", "/v1/me", headers={"Host": "evil.example"})
    assert status == 421
    assert "evil.example" in body["detail"]


def test_a_page_lists_what_is_where_and_escapes_it():
    async def scenario(client, _api):
        async with client.get("/_local") as answer:
            return answer.headers["Content-Security-Policy"], await answer.text()

    policy, page = run(scenario)
    assert "default-src 'none'" in policy
    assert "&lt;me&gt;" in page
    assert '<a href="http://' in page


def test_any_other_path_is_a_problem_document():
    status, _, body = ask("GET", "/nothing.js")
    assert (status, body["title"]) == (404, "Nothing here")
    assert "/_local" in body["detail"]


def test_a_client_that_leaves_early_does_no_harm():
    async def scenario(client, api):
        with pytest.raises((TimeoutError, aiohttp.ClientError)):
            async with client.get("/v1/drip", timeout=aiohttp.ClientTimeout(total=0.2)) as answer:
                await answer.read()
        api[GO_ON].set()
        async with client.get("/v1/me") as answer:
            return answer.status

    assert run(scenario) == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"GE\x01T /v1/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + b"secret" * 4000 + b"\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: localhost\r\nAuthorization Bearer secret\r\n\r\n",
        b"secret" * 4000,
    ],
)
def test_what_is_no_http_is_answered_by_a_problem_document_without_any_of_it(sent):
    async def scenario():
        async with gateway.listening(Gateway(lambda: None, dict), "127.0.0.1", 0) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            return answer.decode()

    head, _, body = asyncio.run(scenario()).partition("\r\n\r\n")
    assert head.split()[1] == "400"
    assert "application/problem+json" in head
    assert json.loads(body)["title"] == "Not HTTP"
    assert "secret" not in head + body
