"""The log as JSON lines, for `run --json`."""

import logging

from device_agent.json_lines import json_line


class JsonLines(logging.Formatter):
    """One object a line: `time` (UTC), `level`, `text`, `thing` (null where no device is meant), and for an exception
    its `trace`.
    """

    def format(self, record: logging.LogRecord) -> str:
        thing: str | None = getattr(record, "thing", None)
        text = record.getMessage().removeprefix(f"[{thing}] ")
        trace = {"trace": self.formatException(record.exc_info)} if record.exc_info else {}
        return json_line(record.created, record.levelname.lower(), text, thing, **trace)
