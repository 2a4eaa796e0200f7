"""What holds for every test."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import aws_models

aws_models.share()

END_TO_END = Path(__file__).parent / "e2e"

# A shared machine is slow now and then: a slow example is no failure. CI repeats the same examples at each run, so
# that a red build is about its change; `HYPOTHESIS_PROFILE=search` looks for new ones.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", derandomize=True, **_COMMON)
settings.register_profile("dev", **_COMMON)
settings.register_profile("search", max_examples=2000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


def pytest_itemcollected(item):
    """What starts the laptop cloud runs on one worker."""
    if END_TO_END in item.path.parents:
        item.add_marker(pytest.mark.cloud)
    if item.get_closest_marker("cloud"):
        item.add_marker(pytest.mark.xdist_group("cloud"))


def pytest_collection_modifyitems(items):
    """From the start on: while the laptop cloud's worker waits, the others work."""
    items.sort(key=lambda item: item.get_closest_marker("cloud") is None)
