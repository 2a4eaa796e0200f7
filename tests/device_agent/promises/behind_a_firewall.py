"""Run by test_port_443.py in a network of its own, where a broker listens on port 443 alone: an agent finds it there.

Arguments: the device's folder, then CA, the server's certificate and key, the device's certificate and key.
"""

import asyncio
import fcntl
import json
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.device_agent.promises.device import Device, numbers
from tests.device_agent.tls_broker import TlsBroker

SIOCSIFFLAGS = 0x8914
IFF_UP = 1
PATIENCE_S = 60


@dataclass
class Credentials:
    ca: str
    server_certificate: str
    server_key: str
    certificate: str
    private_key: str


def bring_up_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


async def main(folder, credentials):
    bring_up_loopback()
    broker = TlsBroker(credentials, alpn=["x-amzn-mqtt-ca"], port=443)
    await broker.start()
    device = Device(folder, credentials)
    device.write("localhost")
    device.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while len(numbers(broker.received)) < 20:
                assert device.ended() is None, device.said()
                await asyncio.sleep(0.02)
        found = {"endpoint": device.ask()["endpoint"], "alpn": broker.alpn_chosen, "rows": numbers(broker.received)}
        await asyncio.to_thread(device.stop)
    finally:
        device.kill()
        await broker.stop()
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(Path(sys.argv[1]), Credentials(*sys.argv[2:])))))
