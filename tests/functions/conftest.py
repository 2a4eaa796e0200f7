import pytest

from functions.adapters.memory import ManualClock

NOW = 1_764_000_000_000  # 2025-11-24T16:00:00Z


@pytest.fixture
def clock():
    return ManualClock(NOW)
