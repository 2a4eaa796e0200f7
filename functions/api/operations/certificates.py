# ruff: noqa: A002 - parameters are called what the API calls them
"""Certificates by which devices connect, and the configuration that their agents start with."""

from typing import Annotated

import msgspec
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from contract.identity import parse_thing
from functions.api.answer import TEXT, Answer, answer, answers, nothing
from functions.api.parameters import Thing
from functions.api.request import Request
from functions.domain.access import By
from functions.domain.agent_config import Sensors
from functions.domain.certificates import MAX_REQUEST_BYTES, CertificateStatus, parse_certificate_id
from functions.services.certificates import Certificates

_Certificate = Annotated[str, Path(max_length=128)]
_Sensors = Annotated[Sensors, Query()]


class CertificateRequest(BaseModel):
    """`csr` is a certificate signing request in PEM, for the device's id as its common name, of an EC key on P-256 or
    an RSA key of 2048 bits or more. The private key stays on the device.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    csr: str = Field(min_length=1, max_length=MAX_REQUEST_BYTES)


class EnrolledView(msgspec.Struct, frozen=True):
    """What the agent needs to connect. `ca` is what it verifies the broker by, `agent_toml` a configuration to start
    with; `model_file` is the device model as JSON where no agent brings it along, for the file that `agent_toml` names.
    """

    certificate_id: str
    certificate: str
    thing: str
    model: str
    model_file: str | None
    endpoints: tuple[str, ...]
    ca: str
    agent_toml: str


class CertificateView(msgspec.Struct, frozen=True):
    """`issued_by` is null for one of the deployment's fleet file."""

    id: str
    status: CertificateStatus
    issued_at: int
    issued_by: By | None


class CertificatesView(msgspec.Struct, frozen=True):
    items: tuple[CertificateView, ...]


class CertificateOperations:
    def __init__(self, request: Request, certificates: Certificates) -> None:
        self._request = request
        self._certificates = certificates

    @answers(CertificatesView)
    def list_certificates(self, id: Thing) -> Answer:
        """A device's certificates, newest first; those that were revoked stay on the list for 90 days."""
        found = self._certificates.listed(self._request.who, parse_thing(id))
        items = tuple(CertificateView(one.id, one.status, one.issued_at, one.issued_by) for one in found)
        return answer(CertificatesView(items))

    @answers(EnrolledView, status=201, problems=("conflict",))
    def create_certificate(
        self, id: Thing, request: Annotated[CertificateRequest, Body()], sensors: _Sensors = Sensors.HARDWARE
    ) -> Answer:
        """Have a certificate made for a key that the device made itself. A device's own key may ask for it, too."""
        made = self._certificates.issue(self._request.actor, parse_thing(id), request.csr, sensors)
        view = EnrolledView(
            certificate_id=made.certificate.id,
            certificate=made.certificate.pem,
            thing=made.thing,
            model=made.model,
            model_file=made.model_file,
            endpoints=made.endpoints,
            ca=made.ca,
            agent_toml=made.agent_toml,
        )
        return answer(view, status=201)

    @answers(None, status=204)
    def revoke_certificate(self, id: Thing, certificate: _Certificate) -> Answer:
        """Revoke a certificate for good: the device is refused when it next connects with it."""
        self._certificates.revoke(self._request.actor, parse_thing(id), parse_certificate_id(certificate))
        return nothing()

    @answers(str, media=(TEXT,), problems=("conflict",))
    def show_agent_config(self, id: Thing, sensors: _Sensors = Sensors.HARDWARE) -> Answer:
        """A configuration for the device's agent to start with, as TOML. It holds no secret."""
        text = self._certificates.agent_config(self._request.who, parse_thing(id), sensors)
        return Response(200, content_type=TEXT, body=text, headers={"Cache-Control": "no-store"})
