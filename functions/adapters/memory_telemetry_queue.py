"""The queue of telemetry in memory."""

from contract.ingest import IngestMessage


class MemoryTelemetryQueue:
    def __init__(self) -> None:
        self.messages: list[IngestMessage] = []

    def send(self, message: IngestMessage) -> None:
        self.messages.append(message)
