"""The gateway's way to the WebSocket, before a real one."""

import asyncio

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from local import gateway
from local.gateway import Gateway

ORIGIN = "http://127.0.0.1:8420"


class Cloud:
    """Takes the ticket `good`, and echoes; `bye` ends the connection from its side."""

    def __init__(self):
        self.handshakes = []
        self.ended = asyncio.Event()

    async def serve(self, request):
        self.handshakes.append(request)
        if request.query.get("ticket") != "good":
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.data == "bye":
                await socket.close(code=4001)
            elif message.data == "large":
                await socket.send_str("x" * 40_000)
            else:
                await socket.send_str(f"echo {message.data}")
        self.ended.set()
        return socket


def run(scenario, *, up=True):
    async def play():
        cloud = Cloud()
        app = web.Application()
        app.router.add_get("/_aws/execute-api/abc/ws", cloud.serve)
        async with TestServer(app) as server:
            base = str(server.make_url("/_aws/execute-api/abc/ws"))
            front = Gateway(lambda: None, dict, lambda: base if up else None, [ORIGIN])
            async with TestClient(TestServer(front.app())) as client:
                return await asyncio.wait_for(scenario(client, cloud), 10)

    return asyncio.run(play())


def test_frames_pass_both_ways():
    async def scenario(client, _cloud):
        async with client.ws_connect("/ws?ticket=good") as socket:
            await socket.send_str("a")
            first = await socket.receive_str()
            await socket.send_str("large")
            return first, len(await socket.receive_str())

    assert run(scenario) == ("echo a", 40_000)


def test_the_query_reaches_the_cloud_as_it_was_sent_and_no_header_of_the_page_but_its_origin():
    async def scenario(client, cloud):
        async with client.ws_connect("/ws?ticket=good&x=%20y", origin=ORIGIN, headers={"Cookie": "c=1"}):
            (request,) = cloud.handshakes
            return request.raw_path, request.headers.get("Origin"), request.headers.get("Cookie")

    assert run(scenario) == ("/_aws/execute-api/abc/ws?ticket=good&x=%20y", ORIGIN, None)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999"])
def test_a_page_elsewhere_is_refused_before_the_cloud_hears_of_it(origin):
    async def scenario(client, cloud):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await client.ws_connect("/ws?ticket=good", origin=origin)
        return caught.value.status, len(cloud.handshakes)

    assert run(scenario) == (403, 0)


def test_what_the_cloud_refuses_is_refused_with_its_status():
    async def scenario(client, _cloud):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await client.ws_connect("/ws?ticket=used")
        return caught.value.status

    assert run(scenario) == 403


def test_an_end_by_the_client_ends_the_cloud_s_side():
    async def scenario(client, cloud):
        async with client.ws_connect("/ws?ticket=good") as socket:
            await socket.close(code=1000)
        await cloud.ended.wait()

    run(scenario)


def test_a_client_that_vanishes_ends_the_cloud_s_side():
    async def scenario(client, cloud):
        socket = await client.ws_connect("/ws?ticket=good")
        socket._response.connection.transport.abort()
        await cloud.ended.wait()

    run(scenario)


def test_an_end_by_the_cloud_ends_the_client_s_side_with_its_code():
    async def scenario(client, _cloud):
        async with client.ws_connect("/ws?ticket=good") as socket:
            await socket.send_str("bye")
            message = await socket.receive()
            return message.type, socket.close_code

    assert run(scenario) == (WSMsgType.CLOSE, 4001)


def test_a_frame_beyond_the_bound_ends_the_connection(monkeypatch):
    monkeypatch.setattr(gateway, "MAX_FRAME", 1000)

    async def scenario(client, cloud):
        async with client.ws_connect("/ws?ticket=good") as socket:
            await socket.send_str("x" * 1001)
            await socket.receive()
            await cloud.ended.wait()
            return socket.close_code

    assert run(scenario) == 1009


def test_what_is_no_text_ends_the_connection():
    async def scenario(client, cloud):
        async with client.ws_connect("/ws?ticket=good") as socket:
            await socket.send_bytes(b"x")
            ended = await socket.receive()
            await cloud.ended.wait()
            return ended.type

    assert run(scenario) == WSMsgType.CLOSE


def test_a_plain_request_is_told_to_open_a_websocket():
    async def scenario(client, _cloud):
        async with client.get("/ws?ticket=good") as answer:
            return answer.status, (await answer.json())["title"]

    assert run(scenario) == (426, "A WebSocket")


def test_while_the_cloud_is_not_up_the_handshake_says_so():
    async def scenario(client, _cloud):
        async with client.get("/ws?ticket=good") as answer:
            return answer.status

    assert run(scenario, up=False) == 503


def test_a_cloud_that_died_is_told():
    async def scenario():
        front = Gateway(lambda: None, dict, lambda: "http://127.0.0.1:1/ws")
        async with TestClient(TestServer(front.app())) as client:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await client.ws_connect("/ws?ticket=good")
            return caught.value.status

    assert asyncio.run(scenario()) == 503
