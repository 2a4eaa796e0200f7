"""Keeps what devices report besides telemetry."""

from contract import documents
from contract import ingest as wrapper
from contract.documents import DeviceEvent as EventDocument
from contract.errors import DocumentError
from functions.domain.events import BOOT, DeviceEvent, agent_version
from functions.domain.ingest import Fault, QuarantineEntry
from functions.errors import QueueMessageError
from functions.ports.devices import AgentVersions
from functions.ports.logs import EventLog, Quarantine

_REASONS = {"too_large": "too_large", "unsupported_version": "unsupported_version"}


class KeepEvents:
    def __init__(self, log: EventLog, quarantine: Quarantine, versions: AgentVersions) -> None:
        self._log = log
        self._quarantine = quarantine
        self._versions = versions

    def take(self, body: bytes | str) -> bool:
        """One queue body; False when the event went to the quarantine. Raises QueueMessageError for no wrapper."""
        try:
            message = wrapper.decode(body)
        except DocumentError as exc:
            raise QueueMessageError(f"not a message of the event rule: {exc}") from exc
        try:
            event = documents.decode(EventDocument, message.data)
        except DocumentError as exc:
            fault = Fault(_REASONS.get(exc.reason, "malformed"), str(exc))
            self._quarantine.put(
                [QuarantineEntry(message.thing, message.received_at, message.data, (fault,), origin="event")]
            )
            return False
        self._log.append(DeviceEvent(message.thing, message.received_at, event.at, event.kind, message.data))
        if event.kind == BOOT and (version := agent_version(event.data)) is not None:
            self._versions.save(message.thing, version, message.received_at)
        return True
