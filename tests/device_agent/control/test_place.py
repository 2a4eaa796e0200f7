"""Where the control socket is, and who may use it."""

import os
import socket
import struct
from pathlib import Path

from device_agent.config.table import Table
from device_agent.control import place as control_socket
from device_agent.control.place import ControlSettings, parse_control


class Peer:
    def __init__(self, uid):
        self.uid = uid

    def getsockopt(self, level, option, size):
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_PEERCRED)
        return struct.pack("3i", 1, self.uid, 1)


def test_root_and_the_same_user_are_allowed_and_others_only_by_a_group():
    own = os.geteuid()

    assert control_socket.is_allowed(Peer(0), None)
    assert control_socket.is_allowed(Peer(own), None)
    assert not control_socket.is_allowed(Peer(own + 1), None)
    assert control_socket.is_allowed(Peer(own + 1), 50)


def parsed(values, queue=Path("/var/lib/fieldline/queue")):
    problems = []
    table = Table(values, Path("/etc/fieldline/agent.toml"), "control.", problems)
    settings = parse_control(table, queue)
    table.finish()
    return settings, [problem.key for problem in problems]


def test_the_socket_is_beside_the_queue_unless_the_service_manager_gives_a_directory():
    settings, problems = parsed({})

    assert problems == []
    assert settings.place(None) == Path("/var/lib/fieldline/queue.sock")
    assert settings.place("/run/fieldline:/run/other") == Path("/run/fieldline/control.sock")
    assert settings.places() == (Path("/var/lib/fieldline/queue.sock"), Path("/run/fieldline/control.sock"))


def test_a_socket_that_is_configured_is_there_and_nowhere_else():
    settings, problems = parsed({"socket": "agent.sock", "group": "root"})

    assert problems == []
    assert settings == ControlSettings(
        Path("/etc/fieldline/agent.sock"), Path("/var/lib/fieldline/queue.sock"), group=0
    )
    assert settings.place("/run/fieldline") == Path("/etc/fieldline/agent.sock")
    assert settings.places() == (Path("/etc/fieldline/agent.sock"),)


def test_a_group_that_this_machine_does_not_have_is_a_problem():
    assert parsed({"group": "nobody-has-this-group"})[1] == ["control.group"]
