"""From a device's key to everything that its agent needs: a key pair, a certificate for it, CA and configuration."""

import os
import pwd
import re
import ssl
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from contract.identity import parse_thing
from device_agent import identity
from device_agent.errors import EnrolmentError, KeyMaterialError

SERVICE: Final = "fieldline"
"""The user that the package's service runs as."""
PRIVATE, SHARED, FOLDER = 0o600, 0o640, 0o750
CA, CONFIG = "ca.pem", "agent.toml"
_MODEL: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
_MISSING: Final = "the answer is not that of Fieldline's API"


class Certifier(Protocol):
    def certificate(self, thing: str, csr: str, sensors: str) -> Mapping[str, Any]:
        """Raises EnrolmentError."""
        ...


@dataclass(frozen=True)
class Enrolled:
    """Where everything is. `wrote_config` is false for a configuration that was there before, and stayed."""

    thing: str
    certificate_id: str
    private_key: Path
    certificate: Path
    ca: Path
    config: Path
    wrote_config: bool


@dataclass(frozen=True)
class _Answer:
    certificate_id: str
    certificate: str
    ca: str
    agent_toml: str
    model: str
    model_file: str | None


def enrol(thing: str, directory: Path, cloud: Certifier, *, sensors: str, replace: bool = False) -> Enrolled:
    """Have the device certified. A key and a configuration that are there stay; a certificate only without `replace`.

    What fails can be done again: a key that was made is used then.

    Raises:
        contract.errors.IdentityError: `thing` is not a thing name.
        KeyMaterialError: there is a certificate already, or the folder's files cannot be used or written.
        EnrolmentError: the cloud gave none, or not one for this key.
    """
    parse_thing(thing)
    certificate = directory / f"{thing}.pem"
    if certificate.exists() and not replace:
        raise KeyMaterialError(f"{thing} is enrolled already: {certificate} exists (--force-certificate replaces it)")
    made = _key(thing, directory)
    try:
        answer = _read(cloud.certificate(thing, made.csr.read_text(encoding="ascii"), sensors), thing)
        _require_certified(made.private_key, answer)
        wrote = _write(directory, certificate, answer)
    except OSError as error:
        raise KeyMaterialError(f"cannot write to {directory}: {error}") from error
    return Enrolled(
        thing=thing,
        certificate_id=answer.certificate_id,
        private_key=made.private_key,
        certificate=certificate,
        ca=directory / CA,
        config=directory / CONFIG,
        wrote_config=wrote,
    )


def _key(thing: str, directory: Path) -> identity.KeyMaterial:
    try:
        if not directory.is_dir():
            directory.mkdir(mode=FOLDER, parents=True)
            _hand_over(directory, only_group=True)
        made = identity.ask_again(thing, directory) if _there(directory, thing) else _new_key(thing, directory)
        _hand_over(made.private_key)
    except OSError as error:
        raise KeyMaterialError(f"cannot write to {directory}: {error}") from error
    return made


def _there(directory: Path, thing: str) -> bool:
    return (directory / f"{thing}.key").exists()


def _new_key(thing: str, directory: Path) -> identity.KeyMaterial:
    with suppress(FileNotFoundError):
        # A request without its key is of no use to anybody.
        (directory / f"{thing}.csr").unlink()
    return identity.create(thing, directory)


def _read(document: Mapping[str, Any], thing: str) -> _Answer:
    def text(name: str) -> str:
        value = document.get(name)
        if not isinstance(value, str) or not value:
            raise EnrolmentError(f"{_MISSING}: it has no {name!r}")
        return value

    if text("thing") != thing:
        raise EnrolmentError(f"the cloud answered for {text('thing')!r}, and not for {thing!r}")
    config = text("agent_toml")
    try:
        configured = tomllib.loads(config).get("thing")
    except tomllib.TOMLDecodeError as error:
        raise EnrolmentError(f"{_MISSING}: its 'agent_toml' is no TOML: {error}") from error
    if configured != thing:
        raise EnrolmentError(f"{_MISSING}: its 'agent_toml' is not for {thing!r}")
    model = text("model")
    if not _MODEL.fullmatch(model):
        raise EnrolmentError(f"{_MISSING}: its 'model' is no name of a device model")
    return _Answer(
        certificate_id=text("certificate_id"),
        certificate=text("certificate"),
        ca=text("ca"),
        agent_toml=config,
        model=model,
        model_file=None if document.get("model_file") is None else text("model_file"),
    )


def _require_certified(private_key: Path, answer: _Answer) -> None:
    """Before anything is written: an agent with another's certificate would be refused without a word."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        certified = x509.load_pem_x509_certificate(answer.certificate.encode()).public_key()
        key: Any = serialization.load_pem_private_key(private_key.read_bytes(), password=None)
    except ValueError as error:
        raise EnrolmentError(f"{_MISSING}: its 'certificate' is none in PEM") from error
    if certified != key.public_key():
        raise EnrolmentError(f"the cloud answered with a certificate for another key than {private_key}")
    try:
        ssl.create_default_context(cadata=answer.ca)
    except (ssl.SSLError, ValueError) as error:
        raise EnrolmentError(f"{_MISSING}: its 'ca' is no certificate in PEM") from error


def _write(directory: Path, certificate: Path, answer: _Answer) -> bool:
    """The configuration last: the service starts as soon as there is one."""
    files = {certificate: answer.certificate, directory / CA: answer.ca}
    if answer.model_file is not None:
        files[directory / f"{answer.model}.json"] = answer.model_file
    for path, content in files.items():
        identity.replace_file(path, content.encode(), SHARED)
        _hand_over(path, only_group=True)
    config = directory / CONFIG
    try:
        identity.write_new(config, answer.agent_toml.encode(), SHARED)
    except FileExistsError:
        return False
    _hand_over(config, only_group=True)
    return True


def service_account() -> pwd.struct_passwd | None:
    """Whom files have to be readable for, where root puts them into place for the package's service."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam(SERVICE)
    return None


def _hand_over(path: Path, *, only_group: bool = False) -> None:
    account = service_account()
    if account is not None:
        os.chown(path, -1 if only_group else account.pw_uid, account.pw_gid)
