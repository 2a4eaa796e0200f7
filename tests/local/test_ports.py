import socket

import pytest

from local import ports
from local.errors import PortTakenError
from local.ports import LOOPBACK, Ports, is_taken, require_free


@pytest.fixture
def listener():
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


def test_four_ports_follow_from_one():
    four = Ports(9000)
    assert [port for port, _ in four.uses()] == [9000, 9001, 9002, 9003]
    assert four.mqtt_endpoint == "localhost:9002"
    assert four.timestream_url == "http://127.0.0.1:9003"


@pytest.mark.parametrize("port", [0, 80, 65533, 70000])
def test_a_port_without_room_for_the_next_three_is_refused(port):
    with pytest.raises(PortTakenError, match=f"between 1024 and 65532, got {port}"):
        Ports(port)


def test_a_port_that_another_program_listens_on_is_taken(listener):
    assert is_taken(listener)


def test_a_port_is_free_again_when_its_listener_is_gone(listener):
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        port = other.getsockname()[1]
    assert not is_taken(port)


def test_a_taken_port_is_told_in_one_line_with_its_purpose_and_a_way_out(listener, monkeypatch):
    monkeypatch.setattr(ports, "is_taken", lambda port: port == listener)
    with pytest.raises(PortTakenError) as caught:
        require_free(Ports(listener - 1))
    text = str(caught.value)
    assert f"Port {listener} (for the local AWS) is taken by" in text
    assert "--port" in text
    assert "\n" not in text
