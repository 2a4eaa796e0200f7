"""The agent's log: each line names the thing, and what went wrong is told to the cloud too."""

import logging
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from device_agent.clock import Clock
from device_agent.token_bucket import TokenBucket

MOST_A_MINUTE: Final = 6
BURST: Final = 10
"""So many lines go at once; after them as many as the rate allows. The others are in the device's own log."""
MOST_CHARACTERS: Final = 500

Tell = Callable[[str, dict[str, Any]], None]
"""`tell(kind, data)` records an event."""


class ThingLog(logging.LoggerAdapter[logging.Logger]):
    """Puts the thing's name before each line, and into its record as `thing`: several agents may share a process."""

    def __init__(self, thing: str, clock: Clock) -> None:
        super().__init__(logging.getLogger("device_agent"), {"thing": thing})
        self._thing = thing
        self._bucket = TokenBucket(clock, rate=MOST_A_MINUTE / 60, burst=BURST)
        self._tell: Tell | None = None
        self._telling = False
        self._untold = 0

    def tell(self, tell: Tell | None) -> None:
        """Have warnings and errors told as events `log`, a few a minute; None ends that."""
        self._tell = tell

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return f"[{self._thing}] {msg}", {**kwargs, "extra": {**kwargs.get("extra", {}), "thing": self._thing}}

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        super().log(level, msg, *args, **kwargs)
        # What is logged while an event is recorded must not become another one.
        if level < logging.WARNING or self._tell is None or self._telling:
            return
        if self._bucket.wait_s > 0:
            self._untold += 1
            return
        self._bucket.take()
        self._telling = True
        try:
            text = str(msg) % args if args else str(msg)
            self._tell(
                "log",
                {"level": logging.getLevelName(level).lower(), "text": text[:MOST_CHARACTERS], "untold": self._untold},
            )
            self._untold = 0
        finally:
            self._telling = False
