"""A certificate authority for tests: a server for localhost, the device `pump-7`, and whoever else is asked for."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from device_agent import identity


class Authority:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.ca = self._write(
            "ca.pem",
            self._certify(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=0)),
        )

    def server(self, host: str) -> tuple[Path, Path]:
        """Certificate and key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certified = self._certify(
            _common_name(host), key.public_key(), x509.SubjectAlternativeName([x509.DNSName(host)])
        )
        return self._write(f"{host}.pem", certified), self.write_key(f"{host}.key", key)

    def device(self, thing: str) -> tuple[Path, Path]:
        """Certificate and key, which the agent's own code made, as an installer would."""
        material = identity.create(thing, self._directory)
        request = x509.load_pem_x509_csr(material.csr.read_bytes())
        certified = self._certify(request.subject, request.public_key())
        return self._write(f"{thing}.pem", certified), material.private_key

    def certificate(self, name: str, key: ec.EllipticCurvePrivateKey, *, file: str | None = None) -> Path:
        """For a key that was made elsewhere; in `file` if another has the name."""
        return self._write(file or f"{name}.pem", self._certify(_common_name(name), key.public_key()))

    def write_key(self, name: str, key: ec.EllipticCurvePrivateKey) -> Path:
        encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        path = self._write(name, key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
        path.chmod(0o600)
        return path

    def _certify(self, subject: x509.Name, public_key, *extensions) -> bytes:
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder(self._name, subject, public_key, x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _write(self, name: str, content: bytes) -> Path:
        path = self._directory / name
        path.write_bytes(content)
        return path


@dataclass(frozen=True)
class Credentials:
    authority: Authority
    ca: Path
    server_certificate: Path
    server_key: Path
    certificate: Path
    private_key: Path


def make_credentials(directory: Path) -> Credentials:
    authority = Authority(directory)
    return Credentials(authority, authority.ca, *authority.server("localhost"), *authority.device("pump-7"))


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
