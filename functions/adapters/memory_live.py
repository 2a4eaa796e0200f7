"""Live data in memory: who publishes is heard, and nobody is sent anything."""

from collections.abc import Sequence

from functions.domain.live import Kind, LiveEvent


class MemoryLivePublisher:
    """Keeps what was published, for tests of those who publish."""

    def __init__(self) -> None:
        self.events: list[LiveEvent] = []

    def publish(self, events: Sequence[LiveEvent]) -> None:
        self.events.extend(events)

    def of(self, kind: Kind) -> list[LiveEvent]:
        return [event for event in self.events if event.kind == kind]
