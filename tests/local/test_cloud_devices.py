"""What the local AWS enforces of the deployed device policies, over mutual TLS."""

import asyncio
import socket
import ssl
import time

import pytest

from contract import topics
from device_agent.errors import ConnectError, PublishRefusedError

pytestmark = pytest.mark.cloud
# MQTT 3.1.1: connect as "tester", clean session, keep alive 60 s; accepted.
MQTT_CONNECT = b"\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06tester"
CONNECTED = b"\x20\x02\x00\x00"
EMPTY = b'{"v": 1, "boot": "b", "seq": 0, "sent": 0, "m": []}'


def publish(laptop, thing, topic, *, certificate_of=None):
    async def play():
        transport = laptop.transport(thing, certificate_of)
        await transport.connect(laptop.endpoint)
        try:
            await transport.publish(topic, EMPTY)
        finally:
            await transport.disconnect()

    asyncio.run(play())


@pytest.mark.parametrize(
    "topic", [topics.telemetry("tester"), topics.event("tester"), topics.telemetry_basic_ingest("tester")]
)
def test_a_device_publishes_as_itself(laptop, topic):
    publish(laptop, "tester", topic)


@pytest.mark.parametrize(
    "topic",
    [
        topics.telemetry("stranger"),
        topics.event("stranger"),
        topics.telemetry_basic_ingest("stranger"),
        topics.command_request("tester", "c1"),
        "dt/tester/other",
        "anything",
    ],
)
def test_a_publish_outside_the_policy_is_refused(laptop, topic):
    with pytest.raises(PublishRefusedError):
        publish(laptop, "tester", topic)


def test_a_device_connects_under_its_own_name_only(laptop):
    with pytest.raises(ConnectError):
        publish(laptop, "stranger", topics.telemetry("stranger"), certificate_of="tester")


def answer(context, port, name="localhost", sent=b""):
    """The first bytes that the broker sends; nothing when it closes."""
    with (
        socket.create_connection(("localhost", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as secure,
    ):
        secure.sendall(sent)
        return secure.recv(4)


def test_a_client_without_a_certificate_is_refused(laptop):
    """MiniStack alone would serve it, and hold it to no policy."""
    context = ssl.create_default_context(cafile=laptop.details()["ca"])
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # in 1.3 the refusal comes after the handshake, as a bare close
    with pytest.raises(ssl.SSLError):
        answer(context, laptop.instance.ports.mqtt, sent=MQTT_CONNECT)


def test_the_brokers_certificate_is_for_localhost_and_no_other_name(laptop):
    laptop.transport("tester")
    context = ssl.create_default_context(cafile=laptop.details()["ca"])
    context.load_cert_chain(laptop.folder / "tester.pem", laptop.folder / "tester.key")
    assert answer(context, laptop.instance.ports.mqtt, sent=MQTT_CONNECT) == CONNECTED
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        answer(context, laptop.instance.ports.mqtt, name="iot.example.com")


def test_a_revoked_certificate_is_refused_at_the_next_connection(laptop):
    publish(laptop, "outcast", topics.telemetry("outcast"))
    iot = laptop.client("iot")
    (principal,) = iot.list_thing_principals(thingName="outcast")["principals"]
    certificate_id = principal.rsplit("/", 1)[1]
    iot.update_certificate(certificateId=certificate_id, newStatus="REVOKED")
    try:
        with pytest.raises(ConnectError):
            publish(laptop, "outcast", topics.telemetry("outcast"))
    finally:
        iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")
    publish(laptop, "outcast", topics.telemetry("outcast"))


def test_the_simulated_fleet_reports_and_its_messages_are_stored(laptop):
    before = laptop.status()["messages_stored"]
    deadline = time.monotonic() + 20
    while laptop.status()["messages_stored"] <= before:
        assert time.monotonic() < deadline
        time.sleep(0.5)
