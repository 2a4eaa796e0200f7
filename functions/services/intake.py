"""Telemetry of devices that speak no MQTT: into the same queue, in the same wrapper, as the topic rule puts it."""

import msgspec

from contract import telemetry
from contract.errors import ContractError
from contract.ingest import IngestMessage
from functions.domain.access import Kind, Permission
from functions.domain.audit import Actor, Note
from functions.errors import RequestError, TelemetryQueueError, TooLargeError
from functions.ports.clock import Clock
from functions.ports.logs import Journal
from functions.ports.telemetry import TelemetryQueue
from functions.services.gate import Gate


class Intake:
    def __init__(self, gate: Gate, queue: TelemetryQueue, journal: Journal, clock: Clock) -> None:
        self._gate = gate
        self._queue = queue
        self._journal = journal
        self._clock = clock

    def take(self, actor: Actor, thing: str, raw: bytes) -> IngestMessage:
        """Queue one envelope of a registered device, byte for byte. Whoever is not the device itself is noted.

        What cannot be read at all is refused here, since whoever sends it is there to hear it; a value that the model
        does not allow is quarantined later, as of every device. Raises RequestError, TooLargeError, NotFoundError,
        ForbiddenError, TelemetryQueueError, AuditError.
        """
        self._gate.device(actor.principal, Permission.TELEMETRY_WRITE, thing)
        if len(raw) > telemetry.MAX_MESSAGE_BYTES:
            raise TooLargeError(f"body: expected at most {telemetry.MAX_MESSAGE_BYTES} bytes, got {len(raw)}")
        try:
            envelope = telemetry.decode(raw)
        except ContractError as exc:
            raise RequestError(exc.field or "body", exc.expected, exc.got) from exc
        message = IngestMessage(data=raw, thing=thing, received_at=self._clock.now_ms())
        if actor.principal.kind is Kind.DEVICE:
            self._queue.send(message)
        else:
            self._send_for(actor, message, envelope)
        return message

    def _send_for(self, actor: Actor, message: IngestMessage, envelope: telemetry.Envelope) -> None:
        """In the device's name values look like its own: who sent them can be told by the audit alone."""
        note = Note(
            actor=actor,
            action="telemetry.send",
            subject_kind="device",
            subject_id=message.thing,
            at=message.received_at,
            after={"bytes": len(message.data), **msgspec.to_builtins(envelope)},
        )
        self._journal.record(note)
        try:
            self._queue.send(message)
        except TelemetryQueueError:
            failed = msgspec.structs.replace(note, action=f"{note.action}.failed", at=self._clock.now_ms())
            self._journal.record(failed)
            raise
