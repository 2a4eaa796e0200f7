"""Which transports there are. A library is loaded only by the first connection that needs it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from device_agent.transport import Transport
from device_agent.transport.options import TransportOptions
from device_agent.transport.pkcs11 import Pkcs11Key

TransportKind = Literal["crt", "paho"]
KINDS: tuple[TransportKind, ...] = get_args(TransportKind)
_LIBRARIES = {"crt": ("awscrt", "agent"), "paho": ("paho", "paho")}


def make_transport(kind: TransportKind, options: TransportOptions) -> Transport:
    """The transport of a kind that `unusable` has nothing against."""
    if kind == "crt":
        from device_agent.transport.crt import CrtTransport

        return CrtTransport(options)
    from device_agent.transport.paho import PahoTransport

    return PahoTransport(options)


def unusable(kind: TransportKind, private_key: Path | Pkcs11Key) -> Iterator[tuple[str, str, str]]:
    """What speaks against this kind on this device: configuration key, what was expected, and what came."""
    from importlib.util import find_spec

    library, extra = _LIBRARIES[kind]
    if find_spec(library) is None:
        yield "transport", f"one whose library is installed (pip install 'fieldline[{extra}]')", f"{kind!r}"
    if kind != "crt" and isinstance(private_key, Pkcs11Key):
        yield "private_key", f"the path of a key file (only transport 'crt' can use a token, not {kind!r})", "a token"
