"""The configuration's files for somebody who helps: read as far as they can be, whatever is wrong with them."""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from contract.errors import IdentityError
from contract.identity import parse_thing
from device_agent.config import files as config_files
from device_agent.config.root import endpoint
from device_agent.credentials import CREDENTIAL
from device_agent.errors import ConfigError, Problem
from device_agent.transport import Endpoint, pkcs11

MOST_ENDPOINTS: Final = 4
_ELSEWHERE: Final = (pkcs11.SCHEME, CREDENTIAL)
"""Keys that are no file of the configuration's."""


class Configuration:
    """`values` are what the files say, empty where one cannot be read; `problems` is why."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[str, Any] = {}
        self.problems: list[str] = []
        try:
            self.values, found = config_files.read(path)
            self.problems = _said(found)
        except ConfigError as error:
            self.problems = _said(error.problems)

    @property
    def thing(self) -> str:
        """The device's name, fit for the name of a file."""
        name = self.values.get("thing")
        try:
            return parse_thing(name) if isinstance(name, str) else "device"
        except IdentityError:
            return "device"

    def check(self) -> dict[str, Any]:
        """Every problem that a start would find."""
        problems = list(self.problems)
        if not problems:
            from device_agent.config import agent as config

            try:
                config.load(self.path)
            except ConfigError as error:
                problems = _said(error.problems)
        return {"file": str(self.path), "problems": problems}

    def endpoints(self) -> list[Endpoint]:
        """Those that can be understood, a few at most."""
        texts = self.values.get("endpoints")
        found = [endpoint(text) for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
        return [usable.candidates()[0] for usable in found if usable is not None][:MOST_ENDPOINTS]

    def file(self, key: str) -> Path | None:
        """The path that a key names, relative ones from the configuration's folder; None where it names none."""
        text = self.values.get(key)
        if not isinstance(text, str) or not text or "\0" in text or text.startswith(_ELSEWHERE):
            return None
        return self.path.absolute().parent / text

    def key_lines(self) -> list[str]:
        """The lines of the private key, so that they can be looked for; empty if it cannot be read."""
        key = self.file("private_key")
        try:
            return [] if key is None else key.read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            return []

    def identity(self) -> dict[str, Any]:
        """What the certificate says, and what kind of key there is. Raises OSError and ValueError."""
        from cryptography import x509

        key, certificate = self.file("private_key"), self.file("certificate")
        found: dict[str, Any] = {"key": _described(key) if key is not None else "no file, or none is named"}
        if certificate is not None:
            read = x509.load_pem_x509_certificate(certificate.read_bytes())
            found["certificate"] = {
                "subject": read.subject.rfc4514_string(),
                "issuer": read.issuer.rfc4514_string(),
                "not_before": read.not_valid_before_utc.isoformat(),
                "not_after": read.not_valid_after_utc.isoformat(),
            }
        return found


def _said(problems: Iterable[Problem]) -> list[str]:
    """Without what came instead: it may be a secret in the wrong place, cut so that nobody recognises it."""
    return [f"{problem.file}: {problem.key}: expected {problem.expected}" for problem in problems]


def _described(key: Path) -> dict[str, Any]:
    status = key.stat()
    return {"file": str(key), "mode": f"{stat.S_IMODE(status.st_mode):04o}", "owner": status.st_uid}
