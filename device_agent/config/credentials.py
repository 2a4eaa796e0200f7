"""What the device proves itself by: files, credentials of the service manager, or a key in a token."""

from pathlib import Path
from typing import Final, cast

from device_agent import credentials
from device_agent.config.table import Table
from device_agent.errors import CredentialError
from device_agent.transport.making import KINDS, TransportKind, unusable
from device_agent.transport.pkcs11 import Pkcs11Key

KEYS: Final = frozenset({"ca", "certificate", "private_key", "transport"})
"""What only a connection needs."""


def file(root: Table, key: str) -> Path:
    """A file by its path, or by `credential:NAME` one that the service manager hands over."""
    text = root.text(key)
    if not text:
        return root.base
    try:
        path = credentials.resolve(text, root.base)
    except CredentialError as error:
        root.problem(key, error.expected, error.got)
        return root.base
    if not path.is_file():
        root.problem(key, "a file", f"{path}, which is not there")
    return path


def transport(root: Table) -> tuple[TransportKind, Path | Pkcs11Key]:
    """The transport, and the key that it can use."""
    kind = cast("TransportKind", root.choice("transport", KINDS, "crt"))
    key: Path | Pkcs11Key = root.base
    if text := root.text("private_key"):
        try:
            key = credentials.private_key(text, root.base)
        except CredentialError as error:
            root.problem("private_key", error.expected, error.got)
    for name, expected, got in unusable(kind, key):
        root.problem(name, expected, got)
    return kind, key
