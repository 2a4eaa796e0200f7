import asyncio
import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.supervision.heartbeats import Heartbeats
from device_agent.supervision.watchdog import Notifier, Watchdog, _status, watchdog_interval_s


class Manager:
    """The service manager's end of the protocol, on a real socket."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(0)

    def received(self):
        messages = []
        try:
            while True:
                messages.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            return messages


@pytest.fixture
def manager(tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.socket.close()


@pytest.fixture
def notifier(manager):
    return Notifier.from_env({"NOTIFY_SOCKET": manager.socket.getsockname()})


def test_the_manager_is_told_ready_status_and_stopping(manager, notifier):
    notifier.ready("3 sensors")
    notifier.status("connected to a\nb")
    notifier.alive()
    notifier.stopping()
    assert manager.received() == [
        "READY=1\nSTATUS=3 sensors",
        "STATUS=connected to a b",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_an_abstract_socket_is_reached_too():
    name = f"fieldline-{os.getpid()}-{os.urandom(4).hex()}"
    manager = Manager(f"\0{name}")
    Notifier.from_env({"NOTIFY_SOCKET": f"@{name}"}).ready()
    assert manager.received() == ["READY=1\nSTATUS=running"]
    manager.socket.close()


def test_the_variable_is_taken_from_what_children_inherit(manager):
    env = {"NOTIFY_SOCKET": manager.socket.getsockname(), "PATH": "/bin"}
    Notifier.from_env(env)
    assert env == {"PATH": "/bin"}


def test_nothing_is_sent_and_nothing_logged_without_the_variable(caplog):
    Notifier.from_env({}).ready()
    assert caplog.text == ""


@pytest.mark.parametrize("said", ["relative/path", "vsock:2:1234", "@"])
def test_a_socket_of_another_kind_is_named_in_the_log(caplog, said):
    Notifier.from_env({"NOTIFY_SOCKET": said}).ready()
    assert f"NOTIFY_SOCKET: expected an absolute path or @ and an abstract name, got {said!r}" in caplog.text


def test_a_manager_that_has_gone_is_logged_and_raises_nothing(manager, notifier, caplog, tmp_path):
    manager.socket.close()
    (tmp_path / "notify").unlink()
    notifier.alive()
    assert "the service manager cannot be told WATCHDOG=1" in caplog.text


def test_a_manager_that_does_not_read_blocks_nothing(notifier, caplog):
    for _ in range(5000):
        notifier.alive()
        if caplog.records:
            break
    assert "the service manager cannot be told WATCHDOG=1" in caplog.text


@given(st.text(max_size=400))
def test_a_status_is_one_line_whatever_it_is_made_of(text):
    status = _status(text)
    assert status.startswith("STATUS=")
    assert len(status.splitlines()) == 1
    assert len(status) <= 207


@pytest.mark.parametrize(
    ("env", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_PID": "42"}, None),
    ],
)
def test_the_interval_counts_only_for_the_process_that_is_watched(env, interval_s):
    assert watchdog_interval_s(env, pid=42) == interval_s


@pytest.mark.parametrize("usec", ["0", "-1", "soon", "1.5", "²"])
def test_an_interval_that_is_none_is_named_in_the_log(caplog, usec):
    assert watchdog_interval_s({"WATCHDOG_USEC": usec}) is None
    assert f"WATCHDOG_USEC: expected microseconds above 0, got {usec!r}" in caplog.text


@pytest.fixture
async def feed(notifier, clock):
    """Run a watchdog of 30 s over these heartbeats."""
    running = []

    def feed_(heartbeats):
        running.append(asyncio.ensure_future(Watchdog(notifier, heartbeats, clock, 30).run()))

    yield feed_
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_the_watchdog_is_fed_at_half_its_interval_while_every_critical_task_beats(feed, manager, clock):
    heartbeats = Heartbeats(clock)
    beat = heartbeats.register("recorder", 20, critical=True)
    heartbeats.register("sensor that hangs", 1)
    feed(heartbeats)
    await clock.advance(0)
    assert manager.received() == ["WATCHDOG=1"]
    for _ in range(4):
        beat()
        await clock.advance(15)
        assert manager.received() == ["WATCHDOG=1"]


async def test_the_watchdog_starves_while_a_critical_task_is_silent(feed, manager, clock, caplog):
    heartbeats = Heartbeats(clock)
    heartbeats.register("recorder", 20, critical=True)
    feed(heartbeats)
    await clock.advance(29)
    manager.received()
    await clock.advance(600)

    assert manager.received() == ["STATUS=stalled: recorder"]
    assert caplog.text.count("the watchdog is not fed: no heartbeat of recorder") == 1


async def test_a_task_that_beats_again_in_time_saves_the_process(feed, manager, clock):
    heartbeats = Heartbeats(clock)
    beat = heartbeats.register("recorder", 14, critical=True)
    feed(heartbeats)
    await clock.advance(16)
    assert manager.received() == ["WATCHDOG=1", "STATUS=stalled: recorder"]
    beat()
    await clock.advance(3)

    # 18 s after the last meal: within the 30 s that the manager waits.
    assert manager.received() == ["STATUS=running", "WATCHDOG=1"]


async def test_nobody_is_fed_where_nobody_watches(notifier, manager, clock):
    await Watchdog(notifier, Heartbeats(clock), clock, None).run()
    assert manager.received() == []
