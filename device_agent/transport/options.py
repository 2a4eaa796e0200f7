"""What a transport over TLS is told about the device, whichever library it uses."""

from dataclasses import dataclass
from pathlib import Path

from device_agent.transport import MAX_PAYLOAD
from device_agent.transport.pkcs11 import Pkcs11Key

RECEIVE_MAXIMUM = 16
"""So many messages the broker may send before the first is acknowledged: with their size, what a flood can occupy."""
MAX_PACKET = MAX_PAYLOAD + 16 * 1024
"""Bytes that the broker may send as one packet: a payload, its topic and its properties (8 KiB at AWS IoT Core)."""


@dataclass(frozen=True)
class TransportOptions:
    """Who we are and how patient."""

    client_id: str
    ca: Path
    certificate: Path
    private_key: Path | Pkcs11Key
    keep_alive_s: int = 45
    ping_timeout_s: float = 10.0
    """How long after the keep-alive a silent broker is still waited for."""
    session_expiry_s: int = 3600
    """How long the broker keeps our subscriptions and what came for them while we are away."""
    connect_timeout_s: float = 40.0
    """Above the 10 to 30 s for which the runtime's TLS holds back a failed handshake before it tells the reason."""
    connack_timeout_s: float = 20.0
    ack_timeout_s: int = 30
    stop_timeout_s: float = 5.0
