"""Certificates of devices in memory: exact semantics, real signatures, no durability."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from functions.adapters.memory_audit import MemoryJournal
from functions.domain.audit import Note
from functions.domain.certificates import Attached, CertificateRecord, CertificateStatus, Issued
from functions.errors import CertificatesError, RequestError
from functions.ports.clock import Clock

_VALID = timedelta(days=365)


class MemoryIdentities:
    """`failing` names methods that do not answer, with how often they are still to fail."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._authority = _Authority(clock)
        self.ca = self._authority.own
        self.things: dict[str, dict[str, str]] = {}
        self.certificates: dict[str, dict[str, Attached]] = {}
        self.failing: dict[str, int] = {}

    def issue(self, thing: str, attributes: Mapping[str, str], request: str) -> Issued:
        self._answer("issue")
        self.things.setdefault(thing, dict(attributes))
        pem = self._authority.sign(request)
        issued = Issued(sha256(pem.encode()).hexdigest(), pem)
        attached = Attached(issued.id, CertificateStatus.INACTIVE, self._clock.now_ms())
        self.certificates.setdefault(thing, {})[issued.id] = attached
        return issued

    def activate(self, thing: str, certificate: str) -> None:
        self._answer("activate")
        of_thing = self.certificates.get(thing, {})
        if certificate not in of_thing:
            raise CertificatesError(f"activating a certificate of {thing}: there is none {certificate}")
        of_thing[certificate] = msgspec.structs.replace(of_thing[certificate], status=CertificateStatus.ACTIVE)

    def of(self, thing: str) -> tuple[Attached, ...]:
        self._answer("of")
        return tuple(self.certificates.get(thing, {}).values())

    def revoke(self, thing: str, certificate: str) -> None:
        self._answer("revoke")
        self.certificates.get(thing, {}).pop(certificate, None)

    def _answer(self, method: str) -> None:
        if self.failing.get(method, 0):
            self.failing[method] -= 1
            raise CertificatesError(f"{method}: the broker does not answer")


class MemoryCertificates:
    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self.records: dict[tuple[str, str], CertificateRecord] = {}
        self.failing = False

    def add(self, record: CertificateRecord, note: Note) -> None:
        if self.failing or (record.thing, record.id) in self.records:
            raise CertificatesError(f"keeping a certificate of {record.thing}: it cannot be, or is already")
        self._keep(record, note)

    def end(self, record: CertificateRecord, note: Note) -> bool:
        before = self.records.get((record.thing, record.id))
        if before is not None and before.revoked_at is not None:
            return False
        self._keep(record, note)
        return True

    def of(self, thing: str) -> tuple[CertificateRecord, ...]:
        return tuple(record for (owner, _), record in self.records.items() if owner == thing)

    def _keep(self, record: CertificateRecord, note: Note) -> None:
        self._journal.append(note)
        self.records[record.thing, record.id] = record


class MemoryBroker:
    def __init__(self, ca: str, endpoint: str = "broker.example:8883") -> None:
        self._ca = ca
        self._endpoint = endpoint

    def endpoints(self) -> tuple[str, ...]:
        return (self._endpoint,)

    def ca(self) -> str:
        return self._ca


class _Authority:
    """Signs as AWS IoT does: subject and key of the certificate are the request's. `own` is its own certificate."""

    def __init__(self, clock: Clock) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec

        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "memory")])
        self.own = self._signed(self._name, self._key.public_key())

    def sign(self, request: str) -> str:
        from cryptography import x509

        try:
            wanted = x509.load_pem_x509_csr(request.encode())
        except ValueError as exc:
            raise RequestError("csr", "a signing request that the broker accepts", "one that it cannot read") from exc
        return self._signed(wanted.subject, wanted.public_key())

    def _signed(self, subject: Any, key: Any) -> str:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        begins = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + _VALID)
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()
