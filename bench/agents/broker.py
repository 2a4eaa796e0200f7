"""A mosquitto on loopback with certificates of its own, and a subscriber that counts what arrives there."""

import datetime as dt
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.agents.arrivals import Arrivals
from contract import topics
from tests import debian

START_S = 10.0
POLL_S = 0.05
VALID = dt.timedelta(days=365)
"""The peer makes itself a certificate of its own, which nobody has signed, in place of one that ends within days."""
_TELEMETRY = "v1/gateway/telemetry"
_LIMITS_REQUEST = "v1/devices/me/rpc/request/"
# What ThingsBoard's server would answer: without it the gateway sends nothing.
_NO_LIMITS = json.dumps(
    {"maxPayloadSize": 65_536, "maxInflightMessages": 100, "rateLimits": {}, "gatewayRateLimits": {}}
)


@dataclass(frozen=True)
class Credentials:
    """PEM files; the device's name is `thing`."""

    thing: str
    ca: Path
    server_certificate: Path
    server_key: Path
    certificate: Path
    private_key: Path


def issue(thing: str, folder: Path) -> Credentials:
    """An authority, a server `localhost` and a device."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = dt.datetime.now(dt.UTC)

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    authority = ec.generate_private_key(ec.SECP256R1())

    def write(name: str, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType | None) -> tuple[Path, Path]:
        builder = x509.CertificateBuilder(named("bench"), named(name), key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + VALID)
        if extension is not None:
            builder = builder.add_extension(extension, critical=False)
        certificate, private = folder / f"{name}.pem", folder / f"{name}.key"
        signed = builder.sign(authority, hashes.SHA256())
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        private.touch(mode=0o600)
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, private

    ca, _ = write("bench", authority, x509.BasicConstraints(ca=True, path_length=0))
    server = write(
        "localhost", ec.generate_private_key(ec.SECP256R1()), x509.SubjectAlternativeName([x509.DNSName("localhost")])
    )
    device = write(thing, ec.generate_private_key(ec.SECP256R1()), None)
    return Credentials(thing, ca, *server, *device)


class Broker:
    """`start`, `stop` and `start` again on the same ports."""

    def __init__(self, credentials: Credentials, folder: Path) -> None:
        self.credentials = credentials
        self.port, self._plain_port = _free_port(), _free_port()
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(
            # Started as root it would become another user, who cannot read the key.
            "user root\nallow_anonymous true\nmax_queued_messages 0\n"
            f"listener {self._plain_port} 127.0.0.1\n"
            f"listener {self.port} 127.0.0.1\nrequire_certificate true\ncafile {credentials.ca}\n"
            f"certfile {credentials.server_certificate}\nkeyfile {credentials.server_key}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = debian.fetch("mosquitto")
        self._process = subprocess.Popen(
            [binary, "-c", self._configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(lambda: _listens(self._plain_port), START_S, "mosquitto does not listen")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    @contextmanager
    def sink(self) -> Iterator["Sink"]:
        """Subscribed to both agents' telemetry while the context lasts."""
        sink = Sink(self._plain_port)
        try:
            yield sink
        finally:
            sink.close()


class Sink:
    """Reads the row numbers out of both agents' telemetry, and plays the part of ThingsBoard's server."""

    def __init__(self, port: int) -> None:
        import paho.mqtt.client as mqtt

        self.arrivals = Arrivals()
        self.metrics: set[str] = set()
        """All that were ever seen."""
        self._lock = threading.Lock()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(topics.TELEMETRY_FROM, 1), (_TELEMETRY, 1), (f"{_LIMITS_REQUEST}+", 1)]
        )
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._take
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if not subscribed.wait(START_S):
            raise SystemExit("the sink cannot subscribe")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def restart(self) -> Arrivals:
        """Count from nothing again; what was counted until now."""
        with self._lock:
            before, self.arrivals = self.arrivals, Arrivals()
        return before

    def _take(self, client: Any, _user: object, message: Any) -> None:
        if message.topic.startswith(_LIMITS_REQUEST):
            client.publish(message.topic.replace("/request/", "/response/"), _NO_LIMITS, qos=1)
            return
        document = json.loads(message.payload)
        measurements = document["m"] if "m" in document else [m for rows in document.values() for m in rows]
        rows = {int(m["values"]["temperature"]): m["ts"] for m in measurements if "temperature" in m["values"]}
        self.metrics.update(*(measurement["values"] for measurement in measurements))
        with self._lock:
            self.arrivals.take(time.monotonic(), rows)


def until(condition: Callable[[], bool], within_s: float, otherwise: str) -> None:
    """Wait until the condition holds; ends the benchmark if it does not in time."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(otherwise)
        time.sleep(POLL_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
