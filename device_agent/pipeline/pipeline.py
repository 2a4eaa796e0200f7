"""The chains of all metrics, and the derived metrics between them."""

from device_agent.pipeline.settings import PipelineSettings
from device_agent.sensors import Reading


class Pipeline:
    """Takes readings as they come and gives what comes of them. Not to be shared between threads."""

    def __init__(self, settings: PipelineSettings, previous: "Pipeline | None" = None) -> None:
        """A chain that `previous` has with the same settings goes on where it is."""
        self._settings = settings
        self._previous = previous

    def take(self, reading: Reading) -> list[Reading]:
        """What comes out by the time of `reading`, by rising time. Its `position` is always among it."""
        return [reading]

    def tick(self, now: int) -> list[Reading]:
        """What came due before boot time `now` (ms). Again with the same `now`: nothing."""
        del now
        return []

    def next_due(self) -> int | None:
        """The earliest `now` at which `tick` has something to do."""
        return None
