"""Things and their certificates at AWS IoT, and where it is."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from functions.adapters.aws import error_code, wrapped
from functions.domain.certificates import Attached, CertificateStatus, Issued
from functions.errors import CertificatesError, RequestError

if TYPE_CHECKING:
    from mypy_boto3_iot.client import IoTClient

_GONE = "ResourceNotFoundException"
_THERE = "ResourceAlreadyExistsException"
_REFUSED = frozenset({"InvalidRequestException", "CertificateValidationException"})
_STATUS = {"ACTIVE": CertificateStatus.ACTIVE, "REVOKED": CertificateStatus.REVOKED}
_ROOTS = Path(__file__).with_name("amazon_roots.pem")


class IotIdentities:
    """`policies` are the names of those that every device carries."""

    def __init__(self, client: "IoTClient", policies: Sequence[str]) -> None:
        self._client = client
        self._policies = policies

    def issue(self, thing: str, attributes: Mapping[str, str], request: str) -> Issued:
        with wrapped(CertificatesError, f"issuing a certificate for {thing}"):
            self._make(thing, attributes)
            try:
                # Not active, since nobody says that it should be.
                made = self._client.create_certificate_from_csr(certificateSigningRequest=request)
            except ClientError as exc:
                if error_code(exc) not in _REFUSED:
                    raise
                said = exc.response.get("Error", {}).get("Message", "")
                raise RequestError(
                    "csr", "a signing request that AWS IoT accepts", f"one that it refuses: {said}"[:300]
                ) from exc
            try:
                for policy in self._policies:
                    self._client.attach_policy(policyName=policy, target=made["certificateArn"])
                self._client.attach_thing_principal(thingName=thing, principal=made["certificateArn"])
            except (BotoCoreError, ClientError):
                with suppress(BotoCoreError, ClientError):  # it is not active: what cannot be removed connects nobody
                    self._remove(thing, made["certificateArn"])
                raise
        return Issued(made["certificateId"], made["certificatePem"])

    def activate(self, thing: str, certificate: str) -> None:
        with wrapped(CertificatesError, f"activating a certificate of {thing}"):
            self._client.update_certificate(certificateId=certificate, newStatus="ACTIVE")

    def of(self, thing: str) -> tuple[Attached, ...]:
        with wrapped(CertificatesError, f"reading the certificates of {thing}"):
            return tuple(self._described(arn) for arn in self._tied(thing))

    def revoke(self, thing: str, certificate: str) -> None:
        with wrapped(CertificatesError, f"revoking a certificate of {thing}"):
            for arn in self._tied(thing):
                if _id(arn) == certificate:
                    self._remove(thing, arn)

    def _make(self, thing: str, attributes: Mapping[str, str]) -> None:
        try:
            self._client.create_thing(thingName=thing, attributePayload={"attributes": dict(attributes)})
        except ClientError as exc:
            if error_code(exc) != _THERE:  # it is, with what it was made with
                raise

    def _tied(self, thing: str) -> list[str]:
        """The ARNs of the thing's certificates."""
        try:
            pages = self._client.get_paginator("list_thing_principals").paginate(thingName=thing)
            return [arn for page in pages for arn in page.get("principals", []) if ":cert/" in arn]
        except ClientError as exc:
            if error_code(exc) != _GONE:
                raise
            return []

    def _described(self, arn: str) -> Attached:
        found = self._client.describe_certificate(certificateId=_id(arn))["certificateDescription"]
        status = _STATUS.get(found.get("status", ""), CertificateStatus.INACTIVE)
        return Attached(_id(arn), status, round(found["creationDate"].timestamp() * 1000))

    def _remove(self, thing: str, arn: str) -> None:
        """The thing is let go of last, so that what failed before can be done again."""
        self._client.update_certificate(certificateId=_id(arn), newStatus="REVOKED")
        for policy in self._policies:
            with suppress(self._client.exceptions.ResourceNotFoundException):
                self._client.detach_policy(policyName=policy, target=arn)
        with suppress(self._client.exceptions.ResourceNotFoundException):
            self._client.detach_thing_principal(thingName=thing, principal=arn)


class IotBroker:
    """The account's own endpoint, asked for once, verified by Amazon's roots; or what a laptop has in their place."""

    def __init__(self, client: "IoTClient", *, endpoint: str = "", ca_file: str = "") -> None:
        self._client = client
        self._endpoint = endpoint
        self._ca_file = Path(ca_file) if ca_file else _ROOTS

    def endpoints(self) -> tuple[str, ...]:
        if not self._endpoint:
            with wrapped(CertificatesError, "asking AWS IoT where devices connect"):
                self._endpoint = self._client.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
        return (self._endpoint,)

    def ca(self) -> str:
        try:
            return self._ca_file.read_text(encoding="ascii")
        except OSError as exc:
            raise CertificatesError(f"reading the CA of the broker: {exc}") from exc


def _id(arn: str) -> str:
    return arn.rpartition("/")[2]
