"""A device's certificates: what an installer's agent is given, and what an administrator takes away."""

from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec

from contract import models
from contract.models import DeviceModel
from functions.domain.access import Permission, Principal
from functions.domain.agent_config import Sensors, agent_toml
from functions.domain.audit import Actor, Note
from functions.domain.certificates import (
    MAX_ACTIVE,
    Attached,
    Certificate,
    CertificateRecord,
    CertificateStatus,
    Issued,
    together,
)
from functions.domain.devices import Device, Source
from functions.errors import CertificatesError, ConflictError, NotFoundError
from functions.ports.certificates import Broker, CertificateRecords, DeviceIdentities
from functions.ports.clock import Clock
from functions.services.gate import Gate

CheckRequest = Callable[[str, str], str]
"""A signing request and the thing that it must be of; the request as it is to be signed. Raises RequestError."""


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """All that a device needs besides its own key. `model_file` is the model's JSON where agents do not have it."""

    certificate: Issued
    thing: str
    model: str
    model_file: str | None
    endpoints: tuple[str, ...]
    ca: str
    agent_toml: str


class Certificates:
    """`known` are the device models in force, `shipped` those that every agent brings along."""

    def __init__(
        self,
        *,
        gate: Gate,
        identities: DeviceIdentities,
        records: CertificateRecords,
        broker: Broker,
        known: Mapping[str, DeviceModel],
        shipped: Mapping[str, DeviceModel],
        check: CheckRequest,
        clock: Clock,
    ) -> None:
        self._gate = gate
        self._identities = identities
        self._records = records
        self._broker = broker
        self._known = known
        self._shipped = shipped
        self._check = check
        self._clock = clock

    def issue(self, actor: Actor, thing: str, request: str, sensors: Sensors) -> Enrolled:
        """Raises NotFoundError, ForbiddenError, RequestError for a request that is none of the device's, ConflictError
        where the device is not one to be given certificates or has enough of them, CertificatesError: nothing can
        connect then that could not before.
        """
        device = self._gate.device(actor.principal, Permission.DEVICE_CERTIFICATES_WRITE, thing)
        _require_in_service(device)
        model = self._model(device)
        request = self._check(request, thing)
        endpoints, ca = self._broker.endpoints(), self._broker.ca()
        active = [one for one in self._identities.of(thing) if one.status is CertificateStatus.ACTIVE]
        if len(active) >= MAX_ACTIVE:
            raise ConflictError(
                f"{thing} has {len(active)} active certificates: revoke one that is no longer used first "
                f"(DELETE /devices/{thing}/certificates/{{certificate}})"
            )
        issued = self._identities.issue(thing, {"model": device.model, "group": device.group}, request)
        record = CertificateRecord(
            id=issued.id, thing=thing, issued_at=self._clock.now_ms(), issued_by=actor.principal.by
        )
        self._put_in_force(actor, record)
        return Enrolled(
            certificate=issued,
            thing=thing,
            model=device.model,
            model_file=self._file(model),
            endpoints=endpoints,
            ca=ca,
            agent_toml=self._toml(device, model, endpoints, sensors),
        )

    def listed(self, who: Principal, thing: str) -> tuple[Certificate, ...]:
        """Newest first; those that were revoked for 90 days. Raises NotFoundError, ForbiddenError."""
        self._gate.device(who, Permission.DEVICE_CERTIFICATES_READ, thing)
        return together(self._identities.of(thing), self._records.of(thing))

    def revoke(self, actor: Actor, thing: str, certificate: str) -> None:
        """Idempotent. Raises NotFoundError, also for a certificate that is another device's, and ForbiddenError."""
        self._gate.device(actor.principal, Permission.DEVICE_CERTIFICATES_REVOKE, thing)
        attached, records = self._identities.of(thing), self._records.of(thing)
        if certificate not in {*(one.id for one in attached), *(one.id for one in records)}:
            raise NotFoundError("there is no such certificate")
        self._revoke(actor, thing, certificate, attached, records)

    def revoke_all(self, actor: Actor, thing: str) -> None:
        """Whoever calls has seen to it that the actor may. Idempotent."""
        attached = self._identities.of(thing)
        if attached:
            records = self._records.of(thing)
            for one in attached:
                self._revoke(actor, thing, one.id, attached, records)

    def agent_config(self, who: Principal, thing: str, sensors: Sensors) -> str:
        """Raises NotFoundError, ForbiddenError, ConflictError for a model that nobody knows any more."""
        device = self._gate.device(who, Permission.DEVICES_READ, thing)
        return self._toml(device, self._model(device), self._broker.endpoints(), sensors)

    def _put_in_force(self, actor: Actor, record: CertificateRecord) -> None:
        """Known here before it connects anything. Where that fails, it never does."""
        kept = False
        try:
            self._records.add(record, _note(actor, "issue", record, record.issued_at))
            kept = True
            self._identities.activate(record.thing, record.id)
            # It may have been taken out of service since it was looked at, and its certificates with it.
            _require_in_service(self._gate.device(actor.principal, Permission.DEVICE_CERTIFICATES_WRITE, record.thing))
        except Exception:
            if kept:
                with suppress(CertificatesError):
                    self._end(actor, record)
            with suppress(CertificatesError):
                self._identities.revoke(record.thing, record.id)
            raise

    def _revoke(
        self,
        actor: Actor,
        thing: str,
        certificate: str,
        attached: tuple[Attached, ...],
        records: tuple[CertificateRecord, ...],
    ) -> None:
        record = next((one for one in records if one.id == certificate), None)
        if record is None:
            since = next(one.issued_at for one in attached if one.id == certificate)
            record = CertificateRecord(id=certificate, thing=thing, issued_at=since, issued_by=None)
        # Told first: what fails then is done at the next attempt, and told once.
        self._end(actor, record)
        self._identities.revoke(thing, certificate)

    def _end(self, actor: Actor, record: CertificateRecord) -> None:
        now = self._clock.now_ms()
        self._records.end(msgspec.structs.replace(record, revoked_at=now), _note(actor, "revoke", record, now))

    def _model(self, device: Device) -> DeviceModel:
        model = self._known.get(device.model)
        if model is None:
            raise ConflictError(f"device {device.thing!r} is of the model {device.model!r}, which there is no longer")
        return model

    def _file(self, model: DeviceModel) -> str | None:
        return None if self._shipped.get(model.name) == model else models.encode(model).decode()

    def _toml(self, device: Device, model: DeviceModel, endpoints: tuple[str, ...], sensors: Sensors) -> str:
        file = None if self._file(model) is None else f"{model.name}.json"
        return agent_toml(device.thing, model, endpoints, sensors, model_file=file)


def _require_in_service(device: Device) -> None:
    if device.decommissioned:
        raise ConflictError(f"device {device.thing!r} is decommissioned: register it again to give it a certificate")
    if device.source is Source.FLEET:
        raise ConflictError(
            f"device {device.thing!r} is declared in the deployment's fleet file, which also names the signing request "
            "of its certificate: change it there and deploy"
        )


def _note(actor: Actor, verb: str, record: CertificateRecord, now: int) -> Note:
    described = {"id": record.id}
    return Note(
        actor=actor,
        action=f"device.certificate.{verb}",
        subject_kind="device",
        subject_id=record.thing,
        at=now,
        before=described if verb == "revoke" else None,
        after=described if verb == "issue" else None,
    )
