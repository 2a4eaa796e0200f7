"""Telemetry of devices that speak no MQTT: into the same queue, in the same wrapper, as the topic rule puts it."""

from contract import telemetry
from contract.errors import ContractError
from contract.ingest import IngestMessage
from functions.domain.access import Permission, Principal
from functions.errors import RequestError, TooLargeError
from functions.ports.clock import Clock
from functions.ports.telemetry import TelemetryQueue
from functions.services.gate import Gate


class Intake:
    def __init__(self, gate: Gate, queue: TelemetryQueue, clock: Clock) -> None:
        self._gate = gate
        self._queue = queue
        self._clock = clock

    def take(self, who: Principal, thing: str, raw: bytes) -> IngestMessage:
        """Queue one envelope of a registered device, byte for byte.

        What cannot be read at all is refused here, since whoever sends it is there to hear it; a value that the model
        does not allow is quarantined later, as of every device. Raises RequestError, TooLargeError, NotFoundError,
        ForbiddenError, TelemetryQueueError.
        """
        self._gate.device(who, Permission.TELEMETRY_WRITE, thing)
        if len(raw) > telemetry.MAX_MESSAGE_BYTES:
            raise TooLargeError(f"body: expected at most {telemetry.MAX_MESSAGE_BYTES} bytes, got {len(raw)}")
        try:
            telemetry.decode(raw)
        except ContractError as exc:
            raise RequestError(exc.field or "body", exc.expected, exc.got) from exc
        message = IngestMessage(data=raw, thing=thing, received_at=self._clock.now_ms())
        self._queue.send(message)
        return message
