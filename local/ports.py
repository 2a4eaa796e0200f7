"""The ports of an instance: four in a row, all on loopback."""

import errno
import socket
from dataclasses import dataclass

import psutil

from local.errors import PortTakenError

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8420
_LOWEST, _HIGHEST = 1024, 65535 - 3


@dataclass(frozen=True)
class Ports:
    """Where an instance listens; everything follows from the gateway's port."""

    gateway: int = DEFAULT_PORT

    def __post_init__(self) -> None:
        if not _LOWEST <= self.gateway <= _HIGHEST:
            raise PortTakenError(f"--port must be between {_LOWEST} and {_HIGHEST}, got {self.gateway}")

    @property
    def aws(self) -> int:
        return self.gateway + 1

    @property
    def mqtt(self) -> int:
        return self.gateway + 2

    @property
    def timestream(self) -> int:
        return self.gateway + 3

    @property
    def gateway_url(self) -> str:
        return f"http://{LOOPBACK}:{self.gateway}"

    @property
    def origins(self) -> tuple[str, ...]:
        """What a browser may call this origin."""
        return (self.gateway_url, f"http://localhost:{self.gateway}")

    @property
    def aws_url(self) -> str:
        return f"http://{LOOPBACK}:{self.aws}"

    @property
    def timestream_url(self) -> str:
        return f"http://{LOOPBACK}:{self.timestream}"

    @property
    def mqtt_endpoint(self) -> str:
        """Named `localhost`, as the broker's certificate is."""
        return f"localhost:{self.mqtt}"

    def uses(self) -> tuple[tuple[int, str], ...]:
        return (
            (self.gateway, "the gateway"),
            (self.aws, "the local AWS"),
            (self.mqtt, "MQTT"),
            (self.timestream, "Timestream"),
        )


def is_taken(port: int) -> bool:
    """Whether binding the port would fail now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as exc:
            if exc.errno in {errno.EADDRINUSE, errno.EACCES}:
                return True
            raise
    return False


def require_free(ports: Ports) -> None:
    """Raises PortTakenError in one line that names the port, what it is for and who has it."""
    for port, purpose in ports.uses():
        if is_taken(port):
            raise PortTakenError(
                f"Port {port} (for {purpose}) is taken by {_owner(port)}: choose another with --port, "
                f"for example --port {_free_start(ports.gateway + 10)}."
            )


def _owner(port: int) -> str:
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.pid]
    except psutil.AccessDenied:
        return "another program"
    for connection in listening:
        try:
            process = psutil.Process(connection.pid)
            return f"{process.name()} (pid {process.pid})"
        except psutil.NoSuchProcess:
            continue
    return "another program"


def _free_start(start: int) -> int:
    for port in range(start, min(start + 1000, _HIGHEST), 10):
        if not any(is_taken(candidate) for candidate, _ in Ports(port).uses()):
            return port
    return start
