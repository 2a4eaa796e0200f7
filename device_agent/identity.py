"""A device's own key and certificate request. The private key is made here and never leaves the device."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.identity import parse_thing
from device_agent.errors import KeyMaterialError

OWNER_ONLY = 0o600


@dataclass(frozen=True)
class KeyMaterial:
    """Where the files of a new identity are."""

    thing: str
    private_key: Path
    csr: Path


def create(thing: str, directory: Path) -> KeyMaterial:
    """Make `{thing}.key` (EC P-256, PKCS #8 PEM, mode 0600) and `{thing}.csr` (CN = thing) in `directory`.

    Raises:
        contract.errors.IdentityError: `thing` is not a thing name.
        KeyMaterialError: either file exists already (nothing is overwritten) or cannot be written.
    """
    parse_thing(thing)
    material = KeyMaterial(thing, directory / f"{thing}.key", directory / f"{thing}.csr")
    for path in (material.private_key, material.csr):
        if path.exists():
            raise KeyMaterialError(f"{path} exists already; move it away to make a new identity")
    key_pem, csr_pem = _key_and_request(thing, None)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_new(material.private_key, key_pem, OWNER_ONLY)
        try:
            write_new(material.csr, csr_pem, 0o644)
        except OSError:
            # A key without its request is of no use and would block the next attempt.
            with suppress(OSError):
                material.private_key.unlink()
            raise
    except OSError as error:
        raise KeyMaterialError(f"cannot write the identity of {thing} to {directory}: {error}") from error
    return material


def ask_again(thing: str, directory: Path) -> KeyMaterial:
    """As `create`, with the `{thing}.key` that is there already: only `{thing}.csr` is made, or made anew.

    Raises:
        contract.errors.IdentityError: `thing` is not a thing name.
        KeyMaterialError: the key cannot be used, or the request cannot be written.
    """
    parse_thing(thing)
    material = KeyMaterial(thing, directory / f"{thing}.key", directory / f"{thing}.csr")
    try:
        _, csr_pem = _key_and_request(thing, material.private_key.read_bytes())
        replace_file(material.csr, csr_pem, 0o644)
    except OSError as error:
        raise KeyMaterialError(f"cannot make a request of {material.private_key}: {error}") from error
    except (ValueError, TypeError) as error:
        raise KeyMaterialError(f"{material.private_key} is no private key in PEM without a password") from error
    return material


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Write a file as a whole, in place of one that may be there. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    write_new(draft, content, mode)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink()
        raise


def _key_and_request(thing: str, key_pem: bytes | None) -> tuple[bytes, bytes]:
    """Of the key that is given, or of a new one."""
    # cryptography takes longer to import than the rest of the agent together.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key: Any = ec.generate_private_key(ec.SECP256R1())
    if key_pem is not None:
        key = serialization.load_pem_private_key(key_pem, password=None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, thing)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    made = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made, request.public_bytes(serialization.Encoding.PEM)


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Create `path` with `mode` from its first moment; fails if it exists, even as a dangling link."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
