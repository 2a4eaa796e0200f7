"""The command `fieldline-agent`. Importing it loads no driver, no TLS and no MQTT; a command loads what it needs."""

from device_agent.cli.command import main
from device_agent.cli.exits import Exit

__all__ = ["Exit", "main"]
