"""A configuration that is whole, and what is told of one that is not."""

import pytest

from device_agent.config import agent as config
from device_agent.errors import ConfigError

MINIMAL = """
thing = "pump-7"
model = "machine"
endpoints = ["iot.example.org", "localhost:8422"]
ca = "ca.pem"
certificate = "pump-7.pem"
private_key = "keys/pump-7.key"

[[sensor]]
kind = "replay"
file = "recording.csv"
interval_s = 0.5
columns.value = "temperature"

[[sensor]]
kind = "simulated"
"""


def problems(path):
    with pytest.raises(ConfigError) as raised:
        config.load(path)
    assert all(problem.file == path for problem in raised.value.problems)
    return {problem.key: (problem.expected, problem.got) for problem in raised.value.problems}
