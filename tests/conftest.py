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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What starts the laptop cloud runs on one worker, from the start on: while it waits, the others work."""
    for item in items:
        if END_TO_END in item.path.parents:
            item.add_marker(pytest.mark.cloud)
        if item.get_closest_marker("cloud"):
            item.add_marker(pytest.mark.xdist_group("cloud"))
    items.sort(key=lambda item: item.get_closest_marker("cloud") is None)
