import pytest

from tests.functions.api_harness import api_harness


@pytest.fixture
def api(clock):
    return api_harness(clock)
