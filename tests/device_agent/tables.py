"""Settings of one table, read from a text as from the file that it stands in."""

import tomllib

from device_agent.config.table import Table
from device_agent.power.power import parse_power
from device_agent.publishing.budget import parse_budget
from device_agent.time.timekeeper import parse_clock

PARSERS = {"clock": parse_clock, "power": parse_power, "budget": parse_budget}


def parsed(text, name, directory):
    """The settings, and the problems that were found."""
    problems = []
    root = Table(tomllib.loads(f"[{name}]\n{text}"), directory / "agent.toml", "", problems)
    settings = PARSERS[name](root.table(name))
    root.finish()
    return settings, problems
