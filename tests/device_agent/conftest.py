"""What most tests of the agent need: a clock that stands still, a log, randomness that repeats."""

import logging
from random import Random

import pytest

from device_agent.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def log():
    return logging.LoggerAdapter(logging.getLogger("device_agent.test"), {})


@pytest.fixture
def random():
    return Random(20)
