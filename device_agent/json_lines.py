"""A line of a log as JSON, for programs. It loads next to nothing: the guardian writes such lines too."""

import json
import time
from typing import Any, Final

THING_VARIABLE: Final = "FIELDLINE_JSON_LOG"
"""The environment variable that has a process beside an agent write JSON lines, too: the name of the agent's device."""


def json_line(at_s: float, level: str, text: str, thing: str | None, **more: Any) -> str:
    """Without its line end. `at_s` is in seconds since 1970; `thing` is None where no device is meant."""
    second, ms = divmod(int(at_s * 1000), 1000)
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(second))}.{ms:03}+00:00"
    return json.dumps({"time": stamp, "level": level, "text": text, "thing": thing, **more})
