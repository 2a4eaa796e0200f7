"""A device's certificates: issued for a request that the device made itself, listed, revoked."""

from enum import StrEnum
from typing import Final

import msgspec

from functions.domain.access import By
from functions.errors import RequestError

MAX_REQUEST_BYTES: Final = 4096
MAX_ACTIVE: Final = 2
"""Of one device: enough to change one for the next."""
KEEP_ENDED_MS: Final = 90 * 86_400_000
"""How long one that was revoked stays on the list."""
_ID_CHARS: Final = 64
_HEX: Final = frozenset("0123456789abcdef")


class CertificateStatus(StrEnum):
    """`INACTIVE` is one that connects nothing, but could be made to."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    REVOKED = "revoked"


class Issued(msgspec.Struct, frozen=True):
    """`pem` is the certificate alone."""

    id: str
    pem: str


class Attached(msgspec.Struct, frozen=True):
    """A certificate by which a thing can be, or could be made to be, known to the broker."""

    id: str
    status: CertificateStatus
    issued_at: int


class CertificateRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a certificate here. `issued_by` is None where the deployment made it."""

    id: str
    thing: str
    issued_at: int
    issued_by: By | None
    revoked_at: int | None = None


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker and the records say of it together."""

    id: str
    status: CertificateStatus
    issued_at: int
    issued_by: By | None


def parse_certificate_id(text: str) -> str:
    """Raises RequestError."""
    if len(text) != _ID_CHARS or not _HEX.issuperset(text):
        raise RequestError("certificate", "the id of a certificate: 64 of 0-9 and a-f", repr(text[:100]))
    return text


def together(attached: tuple[Attached, ...], records: tuple[CertificateRecord, ...]) -> tuple[Certificate, ...]:
    """Newest first. What the broker says of a certificate stands, whatever the records say."""
    known = {record.id: record for record in records}
    there = {one.id for one in attached}
    found = [
        Certificate(
            id=one.id,
            status=one.status,
            issued_at=known[one.id].issued_at if one.id in known else one.issued_at,
            issued_by=known[one.id].issued_by if one.id in known else None,
        )
        for one in attached
    ]
    found += [
        Certificate(id=one.id, status=CertificateStatus.REVOKED, issued_at=one.issued_at, issued_by=one.issued_by)
        for one in records
        if one.id not in there
    ]
    return tuple(sorted(found, key=lambda one: (-one.issued_at, one.id)))
