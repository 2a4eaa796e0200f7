"""A private key that stays in a token (TPM, secure element, SoftHSM), named by a PKCS#11 URI of RFC 7512.

Of the RFC this takes what the runtime can select by: the path attributes `token`, `object`, `slot-id` and
`type=private`, and the query attributes `module-path`, `pin-source` (a file: its path or `file:` URI) and `pin-value`.
Any other attribute is an error rather than ignored, since it could name another key.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from device_agent.errors import CredentialError

SCHEME = "pkcs11:"
_PATH = ("token", "object", "slot-id", "type")
_QUERY = ("module-path", "pin-source", "pin-value")
_EXPECTED = "pkcs11:token=…;object=…?module-path=…&pin-source=…"


@dataclass(frozen=True)
class Pkcs11Key:
    """Which key of which token, and how to log in."""

    module: Path
    """The token's PKCS#11 library."""
    token: str | None = None
    object: str | None = None
    slot: int | None = None
    pin_source: Path | None = None
    """A file whose first line is the PIN."""
    pin_value: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """For people: without the PIN."""
        names = {"token": self.token, "object": self.object, "slot-id": self.slot}
        return SCHEME + ";".join(f"{name}={value}" for name, value in names.items() if value is not None)


def parse(uri: str, resolve: Callable[[str], Path] = Path) -> Pkcs11Key:
    """Read a `pkcs11:` URI, whose paths `resolve` makes; raises CredentialError. Nothing is opened."""
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    attributes = _attributes(path, ";", _PATH) | _attributes(query, "&", _QUERY)
    if "module-path" not in attributes:
        raise CredentialError(f"{_EXPECTED}, with module-path", "none")
    if not attributes.keys() & {"token", "object", "slot-id"}:
        raise CredentialError(f"{_EXPECTED}, with a token, an object or a slot-id", "none of them")
    if "pin-source" in attributes and "pin-value" in attributes:
        raise CredentialError(f"{_EXPECTED}, with either pin-source or pin-value", "both")
    if (kind := attributes.get("type", "private")) != "private":
        raise CredentialError(f"{_EXPECTED}, with type=private if any", f"type={kind}")
    slot = attributes.get("slot-id")
    if slot is not None and not (slot.isascii() and slot.isdigit()):
        raise CredentialError(f"{_EXPECTED}, with a number as slot-id", repr(slot))
    source = attributes.get("pin-source")
    if source is not None and source.startswith("|"):
        raise CredentialError(f"{_EXPECTED}, with a file as pin-source", "a command")
    return Pkcs11Key(
        module=resolve(attributes["module-path"]),
        token=attributes.get("token"),
        object=attributes.get("object"),
        slot=None if slot is None else int(slot),
        pin_source=None if source is None else resolve(source.removeprefix("file://").removeprefix("file:")),
        pin_value=attributes.get("pin-value"),
    )


def read_pin(key: Pkcs11Key) -> str | None:
    """What to log in with; None where the token asks for it by itself. Raises OSError."""
    if key.pin_source is None:
        return key.pin_value
    return (key.pin_source.read_text(encoding="utf-8").splitlines() or [""])[0]


def _attributes(text: str, separator: str, known: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(separator)):
        name, equals, value = part.partition("=")
        if name not in known:
            # Not the value: what is misspelt may be a PIN.
            raise CredentialError(f"{_EXPECTED}, of {', '.join(known)}", f"{name!r}")
        if not equals or not value:
            raise CredentialError(f"{_EXPECTED}, with a value of {name}", "none")
        if name in found:
            raise CredentialError(f"{_EXPECTED}, with one {name}", "several")
        found[name] = unquote(value)
    return found
