"""Where messages to receivers on the internet may go: nowhere inside, whatever name or notation leads there.

The networks are those of IANA's special-purpose registries (RFC 6890 and its updates) that are not reachable globally,
with multicast, and the addresses at which clouds serve metadata. An address that carries another one (IPv4-mapped,
NAT64, 6to4) is judged by that too.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

import msgspec

from functions.errors import RequestError

Address = IPv4Address | IPv6Address

_V4: Final = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "metadata"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_GLOBAL_V6: Final = IPv6Network("2000::/3")
"""All that IANA has given out for global unicast; whatever is outside is local, multicast or reserved."""
_V6: Final = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
    )
)
_V6_LOCAL: Final = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_6TO4: Final = IPv6Network("2002::/16")
_HTTPS, _HTTP = 443, 80
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_SHOWN: Final = "an address of another kind"


class Url(msgspec.Struct, frozen=True):
    """A receiver's address: `target` is its path with its query, `host` a name or an address without brackets."""

    text: str
    secure: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """As the header `Host` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _HTTPS if self.secure else _HTTP
        return host if self.port == usual else f"{host}:{self.port}"


def parse_url(text: str, *, loopback: bool) -> Url:
    """Raises RequestError, which does not show the address: it may hold a secret.

    It is https at port 443; with the switch for `loopback` also http, and any port.
    """
    expected = "http:// or https://" if loopback else "https://"
    if not (text.isascii() and text.isprintable() and " " not in text and "\\" not in text):
        raise RequestError("address", f"a URL that begins with {expected}, in printable ASCII", _SHOWN)
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname or ""
    except ValueError as exc:
        raise RequestError("address", f"a URL that begins with {expected}", _SHOWN) from exc
    if parts.scheme not in ({"http", "https"} if loopback else {"https"}):
        raise RequestError("address", f"a URL that begins with {expected}", _SHOWN)
    if "@" in parts.netloc or parts.fragment:
        raise RequestError("address", "a URL without a user or a fragment", _SHOWN)
    if not (_HOST.fullmatch(host) or _literal(host)):
        raise RequestError("address", "a URL with the name of a host", _SHOWN)
    secure = parts.scheme == "https"
    usual = _HTTPS if secure else _HTTP
    if port not in {None, usual} and not loopback:
        raise RequestError("address", f"a URL at port {_HTTPS}", f"port {port}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    url = Url("", secure, host.lower(), port or usual, target)
    return msgspec.structs.replace(url, text=f"{parts.scheme}://{url.authority}{target}")


def refusal(text: str, *, loopback: bool) -> str | None:
    """Why nothing is sent to an IP address; None where it may be. With the switch for `loopback` that is let in."""
    try:
        address = ip_address(text)
    except ValueError:
        return "no IP address"
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "link-local"
    kinds = {kind for one in _carried(address) if (kind := _kind(one)) is not None}
    if loopback and kinds <= {"loopback"}:
        return None
    return ", ".join(sorted(kinds)) or None


def refusals(addresses: Iterable[str], *, loopback: bool) -> dict[str, str]:
    """Those that are refused, with why."""
    found = {address: refusal(address, loopback=loopback) for address in addresses}
    return {address: why for address, why in found.items() if why is not None}


def _carried(address: Address) -> Iterable[Address]:
    """What leads to where a packet really goes. A mapped address is only another spelling, the others are both."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
    elif address in _6TO4:
        yield IPv4Address(int(address) >> 80 & 0xFFFF_FFFF)
    else:
        yield address


def _kind(address: Address) -> str | None:
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _V4 if address in network), None)
    if address not in _GLOBAL_V6:
        return next((kind for network, kind in _V6_LOCAL if address in network), "reserved")
    return next((kind for network, kind in _V6 if address in network), None)


def _literal(host: str) -> bool:
    """Whether it is an IPv6 address; those of IPv4, in whatever notation, look like names and are resolved as such."""
    try:
        return "%" not in host and isinstance(ip_address(host), IPv6Address)
    except ValueError:
        return False
