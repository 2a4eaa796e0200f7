"""A real MQTT 5 broker for tests: Debian's mosquitto, with mutual TLS, on 127.0.0.1 alone."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from device_agent.transport import Endpoint
from device_agent.transport.memory import Received
from tests import debian
from tests.device_agent.pki import Credentials

ROOT = Path(__file__).parents[2]
_START_S = 20.0
_SUBSCRIBED_S = 60.0
_PORTS = 5
_SELECT_FILES = 1024

_CONFIGURATION = """
listener {port} 127.0.0.1
cafile {credentials.ca}
certfile {credentials.server_certificate}
keyfile {credentials.server_key}
require_certificate true
use_identity_as_username true
plugin {plugin}
plugin_opt_config_file {directory}/security.json
persistence true
persistence_location {directory}/
set_tcp_nodelay true
log_dest stdout
{user}
"""


def _security(thing: str) -> dict[str, Any]:
    """Who may do what, for the broker's dynamic security: its access lists alone would refuse no subscription."""

    def allow(kind: str, *topics: str) -> list[dict[str, Any]]:
        return [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for topic in topics]

    own = f"$aws/things/{thing}/#"
    up, down = (f"dt/{thing}/#", f"cmd/{thing}/+/res", own), (f"cmd/{thing}/+/req", own)
    return {
        "defaultACLAccess": {
            "publishClientSend": False,
            "publishClientReceive": True,
            "subscribe": False,
            "unsubscribe": True,
        },
        "clients": [
            {"username": thing, "roles": [{"rolename": "device"}]},
            {"username": "app", "roles": [{"rolename": "app"}]},
        ],
        "roles": [
            {"rolename": "device", "acls": [*allow("publishClientSend", *up), *allow("subscribePattern", *down)]},
            {"rolename": "app", "acls": [*allow("publishClientSend", "#"), *allow("subscribePattern", "#")]},
        ],
    }


class EndedError(Exception):
    """The broker has ended while it started."""


class Mosquitto:
    """A broker of its own, stored in `directory`, on a port that a restart keeps. Nothing is left of it on exit."""

    def __init__(self, directory: Path, credentials: Credentials) -> None:
        self._directory = directory
        self._credentials = credentials
        self._binary = debian.tool("mosquitto")
        self._plugin = debian.tool("mosquitto_dynamic_security.so")
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "security.json").write_text(json.dumps(_security("pump-7")))
        for left in reversed(range(_PORTS)):
            try:
                self.start()
                break
            except EndedError:
                # Between our look for a free port and its start, another process may have taken that port.
                if not left:
                    raise
                self.port = 0
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.resume()
            self.kill()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("localhost", self.port)

    def start(self) -> None:
        self.port = self.port or _free_port()
        configuration = self._directory / "mosquitto.conf"
        # As root it would become another user, who may not read the files of the test.
        user = "user root" if os.geteuid() == 0 else ""
        configuration.write_text(
            _CONFIGURATION.format(
                port=self.port,
                credentials=self._credentials,
                directory=self._directory,
                plugin=self._plugin,
                user=user,
            )
        )
        log = self._directory / "mosquitto.log"
        tether = [sys.executable, str(ROOT / "local" / "tether.py"), str(os.getpid())]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*tether, str(self._binary), "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + _START_S
        while not _listens(self.port):
            said = log.read_text(errors="replace")[-2000:]
            if self._process.poll() is not None:
                raise EndedError(f"mosquitto ended while it started:\n{said}")
            assert time.monotonic() < until, f"mosquitto did not start within {_START_S:g} s:\n{said}"
            time.sleep(0.01)

    def stop(self) -> None:
        """As a shutdown would: what it must keep is stored."""
        self._running().terminate()
        self._running().wait(10)

    def kill(self) -> None:
        self._running().kill()
        self._running().wait(10)

    def freeze(self) -> None:
        """Connections stay and nobody answers."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def storage(self) -> list[Path]:
        """The files in which it keeps sessions and messages."""
        return list(self._directory.glob("mosquitto.db*"))

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "mosquitto was not started"
        return self._process


class App:
    """What is at the other side of the broker: sees every message, and sends some. Used from any thread."""

    def __init__(
        self, broker: Mosquitto, credentials: Credentials, certificate: Path, key: Path, *, name: str = "app"
    ) -> None:
        tls = ssl.create_default_context(cafile=str(credentials.ca))
        tls.load_cert_chain(certificate, key)
        self.received: list[Received] = []
        self._subscribed = False
        self._said = "nothing"
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.tls_set_context(tls)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe([("dt/#", 1), ("cmd/+/+/res", 1)])
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.connect("localhost", broker.port, clean_start=True)
        # paho waits with `select`, which takes no file from 1024 on: it would be disconnected again and again.
        connected = self._client.socket()
        assert connected is not None, "the app was disconnected at once"
        assert connected.fileno() < _SELECT_FILES, "too many open files in this process: who has left them open?"
        self._client.loop_start()

    def __enter__(self) -> Self:
        self.await_subscribed()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, times: int = 1) -> None:
        """Returns when the broker has it."""
        under_way = [self._client.publish(topic, payload, qos=1) for _ in range(times)]
        for each in under_way:
            each.wait_for_publish(30)

    def await_subscribed(self) -> None:
        until = time.monotonic() + _SUBSCRIBED_S
        while not self._subscribed:
            assert time.monotonic() < until, f"the app could not subscribe within {_SUBSCRIBED_S:g} s: {self._said}"
            time.sleep(0.005)

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed = True

    def _on_disconnect(self, _client: object, _data: object, _flags: object, reason: object, *_: object) -> None:
        self._subscribed = False
        self._said = f"disconnected: {reason}"

    def _on_message(self, _client: object, _data: object, message) -> None:
        self.received.append(Received(message.topic.split("/")[1], message.topic, message.payload))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
