"""What devices prove themselves by, and where they connect."""

from collections.abc import Mapping
from typing import Protocol

from functions.domain.audit import Note
from functions.domain.certificates import Attached, CertificateRecord, Issued


class DeviceIdentities(Protocol):
    """Things and their certificates at the broker. Every method raises CertificatesError where it does not answer."""

    def issue(self, thing: str, attributes: Mapping[str, str], request: str) -> Issued:
        """A certificate for a signing request (PEM), tied to the thing and to what devices may do, and not active yet.

        The thing is made, with `attributes`, where there is none. Nothing that could connect is left behind where it
        fails. Raises RequestError for a request that is refused.
        """
        ...

    def activate(self, thing: str, certificate: str) -> None:
        """From now on the device can connect with it."""
        ...

    def of(self, thing: str) -> tuple[Attached, ...]:
        """The certificates that are tied to the thing, in no order; none of a thing that there is not."""
        ...

    def revoke(self, thing: str, certificate: str) -> None:
        """For good: it connects no more, and is no longer among the thing's. Idempotent, also for one that is not."""
        ...


class CertificateRecords(Protocol):
    """Who had certificates issued and revoked. Every method raises CertificatesError where the table is silent."""

    def add(self, record: CertificateRecord, note: Note) -> None: ...

    def end(self, record: CertificateRecord, note: Note) -> bool:
        """Keep it as revoked, at `revoked_at`, if it is not kept so yet; False, and without the note, if it is."""
        ...

    def of(self, thing: str) -> tuple[CertificateRecord, ...]:
        """As they are now, in no order; those that were revoked for 90 days."""
        ...


class Broker(Protocol):
    """Where devices connect. Every method raises CertificatesError where that cannot be found out."""

    def endpoints(self) -> tuple[str, ...]:
        """`host` or `host:port`, in order of preference."""
        ...

    def ca(self) -> str:
        """PEM: what the broker's own certificate is to be verified by."""
        ...
