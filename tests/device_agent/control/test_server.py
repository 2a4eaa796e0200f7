"""The control socket answers the agent's own user with JSON lines, whatever is sent to it."""

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.clock import ManualClock, SystemClock
from device_agent.control import place as control_socket
from device_agent.control import protocol as control_protocol
from device_agent.control import server as control
from device_agent.control.server import ControlServer, call
from device_agent.errors import ControlError, NotRunningError, QueueError


@pytest.fixture
def path(tmp_path):
    """Longer than a socket address can hold."""
    folder = tmp_path / ("long-" * 30)
    folder.mkdir()
    return folder / "control.sock"


@pytest.fixture
def open_folder():
    """One that every user may enter, other than pytest's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def serve(path, log):
    @asynccontextmanager
    async def serve_(handlers, clock=None, group=None, at=path):
        server = ControlServer(at, group, handlers, thing="pump-7", clock=clock or SystemClock(), log=log)
        listening = asyncio.Event()
        task = asyncio.create_task(server.run(listening.set))
        await asyncio.wait([task, asyncio.create_task(listening.wait())], return_when=asyncio.FIRST_COMPLETED)
        try:
            if task.done():
                task.result()
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, ControlError):
                await task

    return serve_


async def ask(path, *request):
    return await asyncio.to_thread(call, path, *request)


async def say(path, raw):
    """What comes back for raw bytes, to the end."""

    def talk():
        with control_socket.connect(path, 10) as connection:
            connection.sendall(raw)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            received = b""
            with suppress(ConnectionError):
                while part := connection.recv(65_536):
                    received += part
            return received

    return await asyncio.to_thread(talk)


async def echo(params):
    return {"got": params}


async def test_a_request_is_answered_with_what_its_handler_returns(serve, path):
    async with serve({"echo": echo}):
        assert await ask(path, "echo", {"a": [1, True, "x"]}) == {"got": {"a": [1, True, "x"]}}
        assert await ask(path, "echo") == {"got": {}}


async def test_an_agent_of_another_thing_is_none(serve, path):
    async with serve({"echo": echo}):
        assert await asyncio.to_thread(call, path, "echo", thing="pump-7") == {"got": {}}
        with pytest.raises(NotRunningError, match="no agent of pump-8"):
            await asyncio.to_thread(call, path, "echo", thing="pump-8")


async def test_several_requests_may_follow_each_other_on_one_connection(serve, path):
    async with serve({"echo": echo}):
        answers = await say(path, b'{"method": "echo"}\n{"method": "echo", "params": {"b": 2}}\n')

    assert list(map(json.loads, answers.splitlines())) == [
        {"result": {"got": {}}},
        {"result": {"got": {"b": 2}}},
    ]


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (QueueError("the disk is full"), "QueueError", "the disk is full"),
        (ControlError("no such sensor", "unknown_name"), "unknown_name", "no such sensor"),
        (ZeroDivisionError("oh"), "internal", "ZeroDivisionError: oh"),
    ],
)
async def test_a_handler_that_fails_is_answered_with_its_message_and_the_next_request_is_served(
    serve, path, failure, kind, message
):
    async def fail(params):
        raise failure

    async with serve({"fail": fail, "echo": echo}):
        with pytest.raises(ControlError, match=message) as raised:
            await ask(path, "fail")
        assert raised.value.kind == kind
        assert await ask(path, "echo") == {"got": {}}


async def test_an_unknown_method_names_the_known_ones(serve, path):
    async with serve({"echo": echo}):
        with pytest.raises(ControlError, match="expected one of echo, got 'fly'"):
            await ask(path, "fly")


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b"\xff\xfe", b'{"method": 1}', b'{"method": "echo", "params": []}', b"[" * 50_000, b'{"x": 1}'],
)
async def test_what_is_no_request_is_answered_as_such(serve, path, line):
    async with serve({"echo": echo}):
        answer = json.loads(await say(path, line + b"\n"))
        assert answer["error"]["kind"] == "control"
        assert await ask(path, "echo") == {"got": {}}


async def test_a_request_that_is_too_long_ends_the_connection(serve, path):
    async with serve({"echo": echo}):
        assert await say(path, b"x" * (control_protocol.MAX_REQUEST_BYTES + 1) + b"\n") == b""
        assert await ask(path, "echo") == {"got": {}}


async def test_an_answer_that_is_too_long_is_an_error(serve, path):
    async def much(params):
        return "x" * control_protocol.MAX_RESPONSE_BYTES

    async with serve({"much": much}):
        with pytest.raises(ControlError, match="bytes") as raised:
            await ask(path, "much")
        assert raised.value.kind == "too_large"


async def test_a_client_that_says_nothing_is_sent_away(serve, path, eventually):
    clock = ManualClock()
    async with serve({"echo": echo}, clock):
        with await asyncio.to_thread(control_socket.connect, path, 10) as connection:
            connection.sendall(b'{"method": ')
            await eventually(lambda: clock.sleepers >= 2)
            await clock.advance(control.IDLE_S)
            assert await asyncio.to_thread(connection.recv, 100) == b""


async def test_a_handler_that_hangs_is_given_up(serve, path, eventually):
    clock = ManualClock()
    cancelled = asyncio.Event()

    async def hang(params):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serve({"hang": hang}, clock):
        asking = asyncio.create_task(ask(path, "hang"))
        await eventually(lambda: clock.sleepers >= 2)
        await clock.advance(control.ANSWER_S)
        with pytest.raises(ControlError, match="longer than 60 s"):
            await asking
        assert cancelled.is_set()


async def test_more_clients_than_are_served_at_once_are_told_so(serve, path):
    async with serve({"echo": echo}):
        clients = [await asyncio.to_thread(control_socket.connect, path, 10) for _ in range(control.MOST_CLIENTS)]
        for client in clients:  # each is being served once it was answered
            client.sendall(b'{"method": "echo"}\n')
            assert await asyncio.to_thread(client.recv, 1000)
        with pytest.raises(ControlError, match="others are connected"):
            await ask(path, "echo")
        for client in clients:
            client.close()


async def test_the_socket_is_the_agents_users_alone_and_goes_with_the_agent(serve, path):
    async with serve({}):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


async def test_a_socket_that_cannot_be_taken_away_is_no_error_of_the_stop(serve, path):
    async with serve({}):
        path.unlink()
        path.mkdir()


async def test_with_a_group_it_is_the_groups_too(serve, path):
    async with serve({"echo": echo}, group=os.getgid()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert await ask(path, "echo") == {"got": {}}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_another_user_is_turned_away_even_where_the_file_lets_him_in(serve, open_folder):
    path = open_folder / "control.sock"
    script = (
        "import os, socket, sys; os.setgid(65534); os.setuid(65534); c = socket.socket(socket.AF_UNIX);"
        'c.connect(sys.argv[1]); c.sendall(b\'{"method": "echo"}\\n\'); print(c.recv(1000).decode())'
    )
    async with serve({"echo": echo}, at=path):
        path.chmod(0o666)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-S", "-c", script, str(path), stdout=subprocess.PIPE
        )
        answer, _ = await process.communicate()
    assert json.loads(answer)["error"]["kind"] == "permission"


async def test_the_socket_of_an_agent_that_is_gone_gives_way(serve, path):
    left = control_socket.listen(path, None)
    left.close()
    assert path.exists()

    async with serve({"echo": echo}):
        assert await ask(path, "echo") == {"got": {}}


async def test_two_agents_do_not_share_a_socket(serve, path):
    async with serve({"echo": echo}):
        with pytest.raises(ControlError, match="another agent listens") as raised:
            async with serve({}):
                pass
        assert raised.value.kind == "in_use"
        assert await ask(path, "echo") == {"got": {}}


async def test_a_file_that_is_no_socket_is_left_alone(serve, path):
    path.write_text("precious")

    with pytest.raises(ControlError, match="something else than a socket"):
        async with serve({}):
            pass
    assert path.read_text() == "precious"


def test_without_an_agent_the_client_says_so(path):
    with pytest.raises(NotRunningError):
        call(path, "status")
    with pytest.raises(NotRunningError):
        call(path.parent / "none" / "control.sock", "status")


def test_an_agent_that_does_not_answer_is_not_waited_for_longer_than_asked(path):
    with control_socket.listen(path, None), pytest.raises(ControlError, match=r"within 0\.05 s"):
        call(path, "status", timeout_s=0.05)


@given(st.binary(max_size=200))
def test_any_line_is_a_request_or_a_control_error(line):
    with suppress(ControlError):
        control_protocol.read_request(line)
    with suppress(ControlError):
        control_protocol.read_response(line)
