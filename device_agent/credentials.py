"""Where CA, certificate and key are, and whether they are usable: better known at the start than at each connection."""

import os
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from device_agent.config.values import is_path, no_path
from device_agent.errors import ConfigError, CredentialError, Problem
from device_agent.transport import pkcs11
from device_agent.transport.pkcs11 import Pkcs11Key

CREDENTIAL = "credential:"
DIRECTORY = "CREDENTIALS_DIRECTORY"
"""The environment variable in which systemd tells a service where its `LoadCredential=` files are."""


class Credentials(Protocol):
    """The part of a configuration that `verify` needs."""

    @property
    def ca(self) -> Path: ...

    @property
    def certificate(self) -> Path: ...

    @property
    def private_key(self) -> Path | Pkcs11Key: ...


def resolve(text: str, base: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The file that a configuration names: a path, relative to `base`, or `credential:NAME`, put there by systemd.

    Raises CredentialError: it cannot be a path, there are no credentials from systemd, or NAME is no plain file name.
    """
    if not is_path(text):
        raise CredentialError("a path", no_path(text))
    if not text.startswith(CREDENTIAL):
        return base / text
    name = text.removeprefix(CREDENTIAL)
    if not name or "/" in name or name in (".", ".."):
        raise CredentialError(f"{CREDENTIAL}NAME, with the name of a LoadCredential= of the service", repr(text))
    if not (directory := environ.get(DIRECTORY)):
        raise CredentialError(f"a service with LoadCredential={name}:…", f"{text!r} and no ${DIRECTORY}")
    return Path(directory) / name


def private_key(text: str, base: Path, environ: Mapping[str, str] = os.environ) -> Path | Pkcs11Key:
    """The key that a configuration names: a path, relative to `base`, `credential:NAME`, or a `pkcs11:` URI.

    Raises CredentialError: it cannot be that of a device, for what it says or for who may read its file or PIN.
    """
    if text.startswith(pkcs11.SCHEME):
        key = pkcs11.parse(text, lambda path: resolve(path, base, environ))
        if not is_path(str(key.module)) or not key.module.is_file():
            raise CredentialError("a module-path that is the token's PKCS#11 library", str(key.module))
        if key.pin_source is not None:
            check_private(key.pin_source, environ)
        return key
    path = resolve(text, base, environ)
    check_private(path, environ)
    return path


def check_private(path: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Raises CredentialError if anyone but us and root may read or replace what is in the file.

    What systemd put into the credentials' directory it guards itself, by access lists that look like group rights.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise CredentialError("a file that can be read", f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise CredentialError("a file", f"{path}, which is none")
    directory = environ.get(DIRECTORY)
    if directory and path.parent == Path(directory):
        return
    if status.st_uid not in (os.geteuid(), 0):
        raise CredentialError(f"a file of user {os.geteuid()} or root", f"{path} of user {status.st_uid}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        got = f"{path} with mode {stat.S_IMODE(status.st_mode):04o}"
        raise CredentialError("a file that only its owner may read (mode 0600)", got)


def verify(file: Path, config: Credentials) -> None:
    """Raises ConfigError, against the configuration `file`, for what is no PEM of its kind, and for a wrong key.

    Whether a token has the key of the certificate only the first connection tells.
    """
    ca = _certificate_problem(file, "ca", "a PEM file with a CA's certificate", config.ca)
    own = _certificate_problem(file, "certificate", "a PEM file with a certificate", config.certificate)
    if own is None and not isinstance(config.private_key, Pkcs11Key):
        own = _pair_problem(file, config.certificate, config.private_key)
    problems = tuple(problem for problem in (ca, own) if problem is not None)
    if problems:
        raise ConfigError(problems)


def verify_apart(file: Path, config: Credentials) -> None:
    """As `verify`, in a child process: what OpenSSL loads for it, two megabytes, would stay as long as the agent runs.

    Call it before there is a second thread.
    """
    if (child := os.fork()) == 0:
        fine = False
        try:
            verify(file, config)
            fine = True
        finally:
            os._exit(0 if fine else 1)
    _, status = os.waitpid(child, 0)
    if status != 0:
        # What is wrong is found out here: an agent that will not start has memory to spare.
        verify(file, config)


def _certificate_problem(file: Path, key: str, expected: str, path: Path) -> Problem | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        return Problem(file, key, expected, str(path))
    except OSError as error:
        return Problem(file, key, expected, f"{path}: {error.strerror}")
    return None


def _pair_problem(file: Path, certificate: Path, key: Path) -> Problem | None:
    try:
        # Without a password function OpenSSL would ask for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=lambda: b"")
    except (ssl.SSLError, OSError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            return Problem(file, "private_key", f"the key of {certificate}", f"{key}, the key of another")
        expected = "a certificate and its private key in PEM, the key without a password"
        return Problem(file, "certificate, private_key", expected, f"{certificate}: {error}")
    return None
