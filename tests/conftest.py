"""What holds for every test."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

from tests import aws_models

aws_models.share()

# A shared machine is slow now and then: a slow example is no failure. CI repeats the same examples at each run, so
# that a red build is about its change; `HYPOTHESIS_PROFILE=search` looks for new ones.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", derandomize=True, **_COMMON)
settings.register_profile("dev", **_COMMON)
settings.register_profile("search", max_examples=2000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection():
    """What is collected lives until the end: Python's own collector need not walk through it again and again.

    That took a third of the time that each worker needs to collect, and something wherever a test makes many objects.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_unconfigure():
    gc.unfreeze()
