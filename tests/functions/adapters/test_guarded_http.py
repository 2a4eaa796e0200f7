"""POSTs to a real receiver on this machine, whose name a resolver of ours leads to wherever a test wants."""

import socket
import time
from threading import Event

import pytest

from functions.adapters.guarded_http import SHOWN_BYTES, GuardedHttp, Refused, Unreachable, resolve
from functions.domain.webhook_addresses import parse_url
from tests.functions.adapters.hook_server import HookServer, certificate

PUBLIC = "93.184.215.14"
HOOK = parse_url("https://hooks.example.com/alarms?of=plant", loopback=False)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(trusted):
    made = HookServer(trusted)
    yield made
    made.close()


@pytest.fixture
def plain():
    made = HookServer()
    yield made
    made.close()


class Network:
    """Names lead to `addresses`, one list for each time that is asked; a connection to any of them ends at a server."""

    def __init__(self, port, *addresses):
        self.port = port
        self.addresses = list(addresses)
        self.asked = []
        self.dialled = []

    def resolve(self, host, port):
        self.asked.append((host, port))
        return self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]

    def connect(self, address, port, timeout_s):
        self.dialled.append((address, port))
        if address in {"192.0.1.1", "2606:4700::2"}:
            raise ConnectionRefusedError(111, "Connection refused")
        return socket.create_connection(("127.0.0.1", self.port), timeout_s)


def http(network, trusted, **more):
    return GuardedHttp(resolve=network.resolve, connect=network.connect, context=trusted.context, **more)


def test_a_post_goes_to_the_address_that_was_looked_at_in_the_name_of_its_host(server, trusted):
    network = Network(server.port, [PUBLIC])
    answered = http(network, trusted).post(HOOK, {"webhook-id": "msg_1"}, b'{"v":1}')
    assert (answered.status, answered.text) == (200, "ok")
    assert (network.asked, network.dialled) == ([("hooks.example.com", 443)], [(PUBLIC, 443)])
    (heard,) = server.heard
    assert (heard.path, heard.body, heard.headers["host"], heard.headers["webhook-id"]) == (
        "/alarms?of=plant",
        b'{"v":1}',
        "hooks.example.com",
        "msg_1",
    )
    assert server.names == ["hooks.example.com"]


@pytest.mark.parametrize(
    "addresses",
    [
        ["169.254.169.254"],
        ["127.0.0.1"],
        ["10.0.0.7"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["fd00:ec2::254"],
        [PUBLIC, "10.0.0.7"],
        ["::1", PUBLIC],
    ],
)
def test_a_name_that_leads_inside_is_connected_to_by_none_of_its_addresses(server, trusted, addresses):
    network = Network(server.port, addresses)
    with pytest.raises(Refused, match="is no public address"):
        http(network, trusted).post(HOOK, {}, b"{}")
    assert network.dialled == []
    assert server.heard == []


def test_a_name_that_is_bound_anew_between_look_and_connection_leads_nowhere_else(server, trusted):
    network = Network(server.port, [PUBLIC], ["169.254.169.254"])
    guarded = http(network, trusted)
    assert guarded.post(HOOK, {}, b"{}").status == 200
    assert network.dialled == [(PUBLIC, 443)]
    with pytest.raises(Refused, match=r"169\.254\.169\.254"):
        guarded.post(HOOK, {}, b"{}")
    assert len(server.heard) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data/", "https://hooks.example.com/other"])
def test_a_redirect_is_answered_and_not_followed(server, trusted, status, target):
    network = Network(server.port, [PUBLIC])
    server.answers.append((status, {"Location": target}, b""))
    assert http(network, trusted).post(HOOK, {}, b"{}").status == status
    assert len(network.dialled) == len(server.heard) == 1


@pytest.mark.parametrize("text", ["https://2130706433/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/"])
def test_an_address_in_another_notation_is_resolved_like_a_name_and_refused(text, trusted):
    dialled = []
    guarded = GuardedHttp(connect=lambda *where: dialled.append(where), context=trusted.context)
    with pytest.raises((Refused, Unreachable)):
        guarded.post(parse_url(text, loopback=False), {}, b"{}")
    assert dialled == []


def test_the_system_s_resolver_knows_this_machine():
    assert set(resolve("localhost", 443)) <= {"127.0.0.1", "::1"}


def test_the_next_address_is_tried_where_one_is_not_reached(server, trusted):
    network = Network(server.port, ["2606:4700::2", PUBLIC])
    assert http(network, trusted).post(HOOK, {}, b"{}").status == 200
    assert [address for address, _ in network.dialled] == ["2606:4700::2", PUBLIC]


def test_a_receiver_that_is_not_reached_is_said_so(server, trusted):
    with pytest.raises(Unreachable, match="not reached: Connection refused"):
        http(Network(server.port, ["192.0.1.1"]), trusted).post(HOOK, {}, b"{}")


def test_a_certificate_of_another_host_is_not_accepted(server, trusted):
    network = Network(server.port, [PUBLIC])
    with pytest.raises(Unreachable, match=r"certificate is not one of other\.example\.com"):
        http(network, trusted).post(parse_url("https://other.example.com/", loopback=False), {}, b"{}")
    with pytest.raises(Unreachable, match="certificate"):
        GuardedHttp(resolve=network.resolve, connect=network.connect).post(HOOK, {}, b"{}")
    assert server.heard == []


def test_a_name_that_there_is_not_is_said_so(server, trusted):
    def unknown(_host, _port):
        raise socket.gaierror(-2, "Name or service not known")

    guarded = GuardedHttp(resolve=unknown, context=trusted.context)
    with pytest.raises(Unreachable, match="cannot be resolved: Name or service not known"):
        guarded.post(HOOK, {}, b"{}")
    with pytest.raises(Unreachable, match="has no address"):
        http(Network(server.port, []), trusted).post(HOOK, {}, b"{}")


def drip(handler):
    """One byte at a time, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        handler.wfile.write(b"a")
        handler.wfile.flush()
        time.sleep(0.02)


def drip_body(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        handler.wfile.write(b"a")
        handler.wfile.flush()
        time.sleep(0.02)


def silence(handler):
    handler.connection.settimeout(5)
    handler.rfile.read(1)


@pytest.mark.parametrize("behaviour", [drip, silence])
def test_a_receiver_that_is_slow_gets_no_more_time_than_all_others(server, trusted, behaviour):
    server.answers.append(behaviour)
    started = time.monotonic()
    with pytest.raises(Unreachable, match=r"no answer within 0\.3 s"):
        http(Network(server.port, [PUBLIC]), trusted, timeout_s=0.3).post(HOOK, {}, b"{}")
    assert time.monotonic() - started < 2


def test_what_a_slow_answer_says_counts_as_soon_as_its_head_is_there(server, trusted):
    server.answers.append(drip_body)
    answered = http(Network(server.port, [PUBLIC]), trusted, timeout_s=0.3).post(HOOK, {}, b"{}")
    assert answered.status == 200
    assert set(answered.text) <= {"a"}


def test_a_resolver_that_hangs_gets_no_more_time_either(trusted):
    guarded = GuardedHttp(resolve=lambda *_: Event().wait(3), context=trusted.context, timeout_s=0.1)
    started = time.monotonic()
    with pytest.raises(Unreachable, match=r"was not resolved within 0\.1 s"):
        guarded.post(HOOK, {}, b"{}")
    assert time.monotonic() - started < 2


def test_of_an_answer_no_more_is_read_than_is_shown(server, trusted):
    server.answers.append((500, {}, b"x" * 5_000_000))
    answered = http(Network(server.port, [PUBLIC]), trusted).post(HOOK, {}, b"{}")
    assert (answered.status, len(answered.text)) == (500, SHOWN_BYTES)


def test_what_is_no_http_is_said_so(server, trusted):
    server.answers.append(lambda handler: handler.wfile.write(b"220 mail.example.com ESMTP\r\n"))
    with pytest.raises(Unreachable, match="its answer is no HTTP"):
        http(Network(server.port, [PUBLIC]), trusted).post(HOOK, {}, b"{}")


def test_the_switch_of_the_laptop_lets_plain_http_go_to_this_machine_only(plain, trusted):
    url = parse_url(f"http://localhost:{plain.port}/hook", loopback=True)
    guarded = GuardedHttp(loopback=True, context=trusted.context)
    assert guarded.post(url, {}, b"{}").status == 200
    assert plain.heard[0].headers["host"] == f"localhost:{plain.port}"
    network = Network(plain.port, [PUBLIC])
    with pytest.raises(Refused, match="without TLS nothing is sent but to this machine"):
        http(network, trusted, loopback=True).post(url, {}, b"{}")
    with pytest.raises(Refused, match=r"10\.0\.0\.7"):
        http(Network(plain.port, ["10.0.0.7"]), trusted, loopback=True).post(url, {}, b"{}")
