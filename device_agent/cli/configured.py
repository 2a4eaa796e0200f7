"""The configuration that a command works with. Reading it loads most of the agent, so it is loaded by the call."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from device_agent.config.agent import AgentConfig


def offline(options: argparse.Namespace) -> "AgentConfig":
    """Without a look at what only a connection needs. Raises ConfigError."""
    from device_agent.config.agent import load

    return load(options.config, connects=False)


def connecting(options: argparse.Namespace) -> "AgentConfig":
    """With certificate, key and CA found to be usable. Raises ConfigError."""
    from device_agent import credentials
    from device_agent.config.agent import load

    config = load(options.config)
    credentials.verify(options.config, config)
    return config
