"""The queue of telemetry in memory."""

from contract.ingest import IngestMessage


class MemoryTelemetryQueue:
    def __init__(self) -> None:
        self.messages: list[IngestMessage] = []

    def send(self, message: IngestMessage, *, delay_s: int = 0) -> None:  # noqa: ARG002 - nobody waits here
        self.messages.append(message)
